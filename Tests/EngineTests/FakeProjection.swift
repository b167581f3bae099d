import Events
import Projections

@testable import Engine

/// A projection with one row: how many events it folded, and the sum of their positions.
struct FakeProjection: Projection {
  static let name = "fake"
  static let version = 1
  let table = CountingTable()
  /// Of each event that fans out.
  var pages = 1
  private var pagesLeft: Int?
  /// Another table, of rows that are nothing but large.
  var large: LargeRows?
  init(pages: Int = 1, large: LargeRows? = nil) { (self.pages, self.large) = (pages, large) }

  var tables: [any Table] { large.map { [table, $0] } ?? [table] }
  var tablesOfRules: [any Table] { [] }

  mutating func wantRows(for events: Range<Int>, of batch: EventBatch, round: Int) -> Bool {
    table.isWanted = true
    return round == 0 && !table.isKnown
  }
  mutating func fold(_ events: Range<Int>, of batch: EventBatch, firstPosition: Int64) {
    for index in events { table.add(firstPosition + Int64(index)) }
  }
  /// Events of an organisation's settings fan out.
  func fansOut(_ index: Int, of batch: EventBatch) -> Bool { batch.events[index].type == .orgSettingsChanged }
  mutating func fanOut(_ index: Int, of batch: EventBatch, position: Int64, store: any RowStream) throws -> Bool {
    precondition(table.limit != nil, "a fan-out does not know how much memory it may take")
    if !table.isKnown {
      try store.rows("", []) { table.absorb(&$0) }
      table.settle()
    }
    pagesLeft = (pagesLeft ?? pages) - 1
    if pagesLeft == 0 {
      table.add(position)
      pagesLeft = nil
    }
    try store.flush()
    return pagesLeft != nil
  }
  mutating func runRules(at turn: Turn, store: any RowStream) throws -> [DerivedEvent] {
    [DerivedEvent(topic: .events, subject: "s", id: "\(turn.position)", asOf: turn.hour, json: "{}")]
  }
  mutating func evict(keeping bytes: Int) -> Bool {
    table.limit = bytes
    return false
  }
}

final class CountingTable: Table {
  let statements: TableStatements
  var isWanted = false
  var heldBytes = 16
  /// What the rows may take, as `evict` was told.
  var limit: Int?
  private(set) var isKnown = false
  private var isDirty = false
  private var isStored = false
  private var count: Int64 = 0
  private var sum: Int64 = 0

  init(name: String = "fake") {
    statements = TableStatements(
      name: name, load: "", copy: "", createStage: "", copyToStage: "", update: "", version: "versions")
  }

  func add(_ position: Int64) {
    precondition(isKnown, "the row was not loaded")
    count += 1
    sum += position
    isDirty = true
  }
  func assumeEmpty() { isKnown = true }
  func takeWantedKeys() -> KeyColumns? {
    guard isWanted, !isKnown else { return nil }
    return KeyColumns(count: 1, arrays: [])
  }
  func takePartialKeys() -> KeyColumns? { nil }
  func absorb(_ row: inout RowReader) {
    count = row.bigint()!
    sum = row.bigint()!
    isStored = true
  }
  func settle() { isKnown = true }
  func shed() {
    if isDirty { return }
    (isKnown, isStored, count, sum) = (false, false, 0, 0)
  }
  var dirtyCount: Int { isDirty ? 1 : 0 }
  var byteCount: Int { dirtyCount * 16 }
  func writeChanges(generation: Int32, inserts: inout RowWriter, updates: inout RowWriter) {
    guard isDirty else { return }
    func write(_ writer: inout RowWriter) {
      writer.beginRow(fields: 2)
      writer.bigint(count)
      writer.bigint(sum)
    }
    if isStored { write(&updates) } else { write(&inserts) }
    isStored = true
  }
  func markClean() { isDirty = false }
}

/// Rows of a table that take no memory while they are partial, and much when they are whole; they are loaded two by two.
final class LargeRows: Table {
  static let rowBytes = 1 << 20
  let statements = TableStatements(
    name: "large", load: "", copy: "", createStage: "", copyToStage: "", update: "", version: nil)
  private var partial: Int
  private var whole = 0
  private var isRestricted = false
  /// How many rows each write had.
  private(set) var written: [Int] = []
  private(set) var mostBytes = 0

  init(partial: Int) { self.partial = partial }

  func assumeEmpty() {}
  func takeWantedKeys() -> KeyColumns? { nil }
  func takePartialKeys() -> KeyColumns? {
    if isRestricted || partial == 0 { return nil }
    partial -= 2
    whole += 2
    mostBytes = max(mostBytes, heldBytes)
    return KeyColumns(count: 2, arrays: [])
  }
  func absorb(_ row: inout RowReader) {}
  func settle() {}
  func restrictToWhole() { isRestricted = true }
  func endRestriction() { isRestricted = false }
  var dirtyCount: Int { isRestricted ? whole : whole + partial }
  var heldBytes: Int { whole * Self.rowBytes }
  func writeChanges(generation: Int32, inserts: inout RowWriter, updates: inout RowWriter) { written.append(whole) }
  func markClean() { whole = 0 }
}

/// The row and the cursor in memory, changed together or not at all.
final class FakeProjectionStore: ProjectionStore, ImmediateStore {
  struct Content {
    var epoch: Int64 = 0
    var place = ProjectionPlace(position: 0, chain: [], greatestTime: nil, lastDayTurn: 0)
    /// The row as `COPY` had it, without its field count.
    var row: [UInt8]?
    var versions = 0
    var outbox: [String] = []
  }
  final class Database { var content = Content() }

  let database: Database
  let journal: FakeJournal
  /// Whether the next commit fails, and if so whether it happened all the same.
  var fate: () -> FakeJournalStore.Fate = { .happens }
  /// The tables of each write.
  private(set) var written: [[String]] = []
  private(set) var noted: String?
  var notedStates: [ProjectionState] = []
  private var transaction: Content?
  var outcome: Result<Void, StoreError>?

  init(_ database: Database, _ journal: FakeJournal) { (self.database, self.journal) = (database, journal) }

  func takeOver(instance: InstanceID) throws(StoreError) -> ProjectionCursor {
    precondition(transaction == nil, "a takeover inside of a transaction")
    database.content.epoch += 1
    return ProjectionCursor(generation: 1, epoch: database.content.epoch, place: database.content.place)
  }
  func segments(after position: Int64, bytes: Int) throws(StoreError) -> [StoredSegment] {
    journal.stored(after: position)
  }
  func load(_ statements: TableStatements, keys: KeyColumns, _ body: (inout RowReader) -> Void) throws(StoreError) {
    guard let row = (transaction ?? database.content).row else { return }
    row.withUnsafeBytes {
      var reader = RowReader($0)
      body(&reader)
    }
  }
  func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    guard let row = (transaction ?? database.content).row else { return }
    try row.withUnsafeBytes {
      var reader = RowReader($0)
      try body(&reader)
    }
  }
  func flush() throws {}

  func begin(_ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState) throws(StoreError) {
    let seen = transaction ?? database.content
    guard cursor.epoch == database.content.epoch, cursor.place.position == seen.place.position else {
      throw .lost("the cursor is elsewhere")
    }
    transaction = seen
    transaction!.place = place
  }
  func write(_ changes: [TableChanges]) throws(StoreError) {
    written.append(changes.map(\.statements.name))
    for change in changes {
      for writer in [change.inserts, change.updates] where writer.count > 0 {
        transaction!.row = Array(writer.bytes.dropFirst(2))
      }
    }
  }
  func makeVersions(_ tables: [TableStatements], at turn: Turn, since lastTurn: Int64) throws(StoreError) {
    transaction!.versions += 1
  }
  func appendOutbox(_ events: [DerivedEvent], at position: Int64, chain: [UInt8]) throws(StoreError) {
    transaction!.outbox += events.map(\.id)
  }
  func commit() throws(StoreError) {
    switch fate() {
    case .happens: database.content = transaction!
    case .isLost: throw .unavailable("the connection broke before")
    case .happensAndTheReplyIsLost:
      database.content = transaction!
      throw .unavailable("the connection broke after")
    }
    transaction = nil
  }
  func noteState(_ state: ProjectionState, reason: String?) throws(StoreError) {
    noted = reason
    notedStates.append(state)
  }
  func reset() { transaction = nil }
}
