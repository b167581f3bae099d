import Events
import Projections

@testable import Engine

/// Generations of the projection `fake` in memory, with the leases that a rebuild and the live fold have; what a transaction
/// changes is there together or not at all.
final class FakeGenerations {
  struct Generation {
    var epoch: Int64 = 0
    var place = ProjectionPlace(position: 0, chain: [], greatestTime: nil, lastDayTurn: 0)
    var version = 1
    var phase = "making"
    /// The row as `COPY` had it, without its field count.
    var row: [UInt8]?
    var versions = 0
  }

  struct Content {
    var generations: [Int32: Generation] = [1: Generation(phase: "live")]
    var live: Int32 = 1
    var outbox: [String] = []
    var owners: [String: InstanceID] = [:]
  }

  let journal: FakeJournal
  var content = Content()
  init(_ journal: FakeJournal) { self.journal = journal }

  /// The leases of whoever is gone have run out.
  func expire(_ owner: String) { content.owners = content.owners.filter { $0.value.name != owner } }

  var liveRow: [UInt8]? { content.generations[content.live]!.row }
  var livePlace: ProjectionPlace { content.generations[content.live]!.place }
}

final class FakeGenerationStore: ProjectionStore, RebuildStore, ImmediateStore {
  let database: FakeGenerations
  let version: Int
  /// Asked before every statement that changes something: whether it happens, and whether the answer arrives.
  var fate: () -> FakeJournalStore.Fate = { .happens }
  /// Called before every statement, so that a test can do something in between.
  var onStatement: (String) -> Void = { _ in }
  private var transaction: FakeGenerations.Content?
  private var generation: Int32 = 0
  var outcome: Result<Void, StoreError>?

  init(_ database: FakeGenerations, version: Int = 1) { (self.database, self.version) = (database, version) }

  private func change<R>(_ what: String, _ body: (inout FakeGenerations.Content) throws(StoreError) -> R)
    throws(StoreError) -> R
  {
    onStatement(what)
    var changed = database.content
    switch fate() {
    case .happens:
      let result = try body(&changed)
      database.content = changed
      return result
    case .isLost: throw .unavailable("the connection broke before \(what)")
    case .happensAndTheReplyIsLost:
      _ = try body(&changed)
      database.content = changed
      throw .unavailable("the connection broke after \(what)")
    }
  }

  private static let live = "projection/fake"
  private static let rebuild = "rebuild/fake"

  // MARK: The live fold

  func takeOver(instance: InstanceID) throws(StoreError) -> ProjectionCursor {
    precondition(transaction == nil, "a takeover inside of a transaction")
    let version = version
    let cursor = try change("take over") { (content) throws(StoreError) in
      let live = content.live
      guard content.generations[live]!.version == version else { throw .foreign("another version") }
      guard content.owners[Self.live] == instance else { throw .lost("the lease is not held") }
      content.generations[live]!.epoch += 1
      return ProjectionCursor(
        generation: live, epoch: content.generations[live]!.epoch, place: content.generations[live]!.place)
    }
    generation = cursor.generation
    return cursor
  }
  func noteState(_ state: ProjectionState, reason: String?) throws(StoreError) {}

  // MARK: Folding

  func segments(after position: Int64, bytes: Int) throws(StoreError) -> [StoredSegment] {
    database.journal.stored(after: position)
  }
  private func withRow(_ body: (inout RowReader) throws -> Void) rethrows {
    guard let row = (transaction ?? database.content).generations[generation]?.row else { return }
    try row.withUnsafeBytes {
      var reader = RowReader($0)
      try body(&reader)
    }
  }
  func load(_ statements: TableStatements, keys: KeyColumns, _ body: (inout RowReader) -> Void) throws(StoreError) {
    withRow { body(&$0) }
  }
  func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    try withRow(body)
  }
  func flush() throws {}

  private var begun: (cursor: ProjectionCursor, place: ProjectionPlace)?
  func begin(_ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState) throws(StoreError) {
    let seen = transaction ?? database.content
    guard let stored = seen.generations[cursor.generation], cursor.place.position == stored.place.position,
      cursor.epoch == database.content.generations[cursor.generation]?.epoch
    else { throw .lost("the cursor is elsewhere") }
    generation = cursor.generation
    transaction = seen
    transaction!.generations[generation]!.place = place
    begun = (cursor, place)
  }
  func write(_ changes: [TableChanges]) throws(StoreError) {
    for change in changes {
      for writer in [change.inserts, change.updates] where writer.count > 0 {
        transaction!.generations[generation]!.row = Array(writer.bytes.dropFirst(2))
      }
    }
  }
  func makeVersions(_ tables: [TableStatements], at turn: Turn, since lastTurn: Int64) throws(StoreError) {
    transaction!.generations[generation]!.versions += 1
  }
  func appendOutbox(_ events: [DerivedEvent], at position: Int64, chain: [UInt8]) throws(StoreError) {
    transaction!.outbox += events.map(\.id)
  }
  func commit() throws(StoreError) {
    let (mine, generation, epoch) = (transaction!, generation, begun!.cursor.epoch)
    transaction = nil
    try change("commit") { (content) throws(StoreError) in
      // Between begin and commit nobody else can have moved the cursor: the row is locked.
      guard content.generations[generation]?.epoch == epoch else { throw .lost("the epoch was raised") }
      content.generations[generation] = mine.generations[generation]
      content.outbox += mine.outbox.dropFirst(content.outbox.count)
    }
  }
  func reset() {
    transaction = nil
    outcome = nil
  }

  // MARK: Rebuilding

  func liveGeneration() throws(StoreError) -> LiveGeneration? {
    let content = database.content
    let live = content.generations[content.live]!
    return LiveGeneration(
      generation: content.live, position: live.place.position, foldVersion: live.version, catalogVersion: 0,
      hasCurrentKey: true, hasOld: content.generations.values.contains { $0.phase == "old" })
  }
  func beginRebuild(_ owner: InstanceID, seconds: Int, acceptLoss: Bool) throws(StoreError) -> ProjectionCursor {
    let version = version
    let cursor = try change("begin") { (content) throws(StoreError) in
      if let other = content.owners[Self.rebuild], other != owner { throw .lost("\(other.name) rebuilds it") }
      guard version >= content.generations[content.live]!.version else { throw .foreign("a higher version is live") }
      content.owners[Self.rebuild] = owner
      let found = content.generations.first { $0.value.phase == "making" && $0.value.version == version }?.key
      let own = found ?? content.generations.keys.max()! + 1
      if found == nil { content.generations[own] = FakeGenerations.Generation(version: version) }
      content.generations[own]!.epoch += 1
      return ProjectionCursor(
        generation: own, epoch: content.generations[own]!.epoch, place: content.generations[own]!.place)
    }
    generation = cursor.generation
    return cursor
  }
  private func claim(_ owner: InstanceID, _ content: FakeGenerations.Content) throws(StoreError) {
    guard content.owners[Self.rebuild] == owner else { throw .lost("the rebuild is somebody else's") }
  }
  func renewRebuild(_ owner: InstanceID, seconds: Int) throws(StoreError) {
    try change("renew") { (content) throws(StoreError) in try self.claim(owner, content) }
  }
  func seizeLive(_ owner: InstanceID, seconds: Int) throws(StoreError) -> SeizedGeneration {
    try change("seize") { (content) throws(StoreError) in
      try self.claim(owner, content)
      let live = content.live
      content.generations[live]!.epoch += 1
      let holder = content.owners.updateValue(owner, forKey: Self.live)
      let generation = content.generations[live]!
      // An owner that is no instance gets nothing back: its lease is freed.
      let instance = holder == owner ? nil : holder
      return SeizedGeneration(
        cursor: ProjectionCursor(generation: live, epoch: generation.epoch, place: generation.place), holder: instance)
    }
  }
  func returnLive(_ owner: InstanceID, _ live: SeizedGeneration, seconds: Int) throws(StoreError) {
    try change("return") { (content) throws(StoreError) in
      if content.owners[Self.live] == owner { content.owners[Self.live] = live.holder }
    }
  }
  func swap(_ own: ProjectionCursor, for live: SeizedGeneration, _ owner: InstanceID, seconds: Int) throws(StoreError) {
    try change("swap") { (content) throws(StoreError) in
      guard content.live == live.cursor.generation, let old = content.generations[live.cursor.generation],
        old.epoch == live.cursor.epoch,
        old.place.position == own.place.position
      else { throw .lost("the live generation has moved") }
      guard let new = content.generations[own.generation], new.epoch == own.epoch,
        new.place.position == own.place.position, new.phase == "making"
      else {
        throw .lost("the generation is somebody else's")
      }
      try self.claim(owner, content)
      content.live = own.generation
      content.generations[live.cursor.generation]!.phase = "old"
      content.generations[own.generation]!.phase = "live"
      content.owners[Self.live] = old.version == new.version ? live.holder : nil
    }
  }
  func endRebuild(_ owner: InstanceID) throws(StoreError) {
    try change("end") { (content) throws(StoreError) in
      if content.owners[Self.rebuild] == owner { content.owners[Self.rebuild] = nil }
    }
  }
  func dropOld() throws(StoreError) -> Bool {
    try change("drop") { (content) throws(StoreError) in
      guard let old = content.generations.first(where: { $0.value.phase == "old" })?.key else { return false }
      content.generations[old] = nil
      return true
    }
  }
}
