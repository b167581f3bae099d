import Events
import Projections
import Testing

@testable import Engine

@Suite("Tables written ahead of a flush")
struct WriteAheadTests {
  /// What a look at these tables wrote, and what it dropped.
  private func look(_ tables: [WeighedTable], _ state: ProjectionState) throws -> (written: [String], dropped: [String])
  {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try journal.appendHours([1])
    let store = FakeProjectionStore(database, journal)
    let run = FoldRun(
      WeighedProjection(weighed: tables), at: try store.takeOver(instance: InstanceID(name: "a", start: 1)), in: store,
      settings: ProjectionSettings(cacheBytes: 150, dirtyBytes: 50), publishes: true)
    run.state = state
    var walk = JournalWalk(store)
    let now = Instant(monotonicNanoseconds: 0, wall: Timestamp(microseconds: 0))
    try run.fold(try #require(try walk.batch(after: 0)), now)
    try run.flushUnderLoad(now)
    try run.finishFlush()
    return (
      tables.filter { $0.wasWritten }.map(\.statements.name), tables.filter { $0.wasShed }.map(\.statements.name)
    )
  }

  @Test("where memory is full, what does not change again and again is written and dropped, though it is less")
  func full() throws {
    let (hot, cold) = (WeighedTable("hot", bytes: 150, changes: 20), WeighedTable("cold", bytes: 60, changes: 1.1))
    let done = try look([hot, cold], .catchingUp)
    #expect(done.written == ["cold"] && done.dropped == ["cold"])
  }

  @Test("many rows that do not change soon are written before memory is full, and stay", arguments: [1.0, 3.0])
  func ahead(coldChanges: Double) throws {
    let rows = ProjectionSettings.writeAheadRows
    let hot = WeighedTable("hot", rows: rows, bytes: 90, changes: 20)
    let cold = WeighedTable("cold", rows: rows, bytes: 90, changes: coldChanges)
    let done = try look([hot, cold], .catchingUp)
    #expect(done.written == (coldChanges < 2 ? ["cold"] : []) && done.dropped == [])
    #expect(try look([WeighedTable("few", rows: rows - 1, bytes: 90, changes: 1)], .catchingUp).written == [])
  }

  @Test("rows that go again before a flush are not written ahead of it")
  func passing() throws {
    let sessions = WeighedTable("sessions", rows: ProjectionSettings.writeAheadRows, bytes: 90, changes: 1, stay: false)
    #expect(try look([sessions], .catchingUp).written == [])
  }

  @Test("what is live is written by its flush alone")
  func live() throws {
    let cold = WeighedTable("cold", rows: ProjectionSettings.writeAheadRows, bytes: 90, changes: 1)
    #expect(try look([cold], .live).written == [])
  }

  @Test(
    "behind a commit what does not change again and again is dropped where memory is half full, unless it is little")
  func cold() throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    for hour in [1, 1, 1] { try journal.appendHours([hour]) }
    let store = FakeProjectionStore(database, journal)
    let tables = [
      WeighedTable("hot", bytes: 100, changes: 20), WeighedTable("cold", bytes: 60, changes: 1),
      WeighedTable("small", bytes: 10, changes: 1),
    ]
    let run = FoldRun(
      WeighedProjection(weighed: tables), at: try store.takeOver(instance: InstanceID(name: "a", start: 1)), in: store,
      settings: ProjectionSettings(cacheBytes: 150, dirtyBytes: 50), publishes: true)
    run.state = .catchingUp
    var walk = JournalWalk(store)
    for second in [0, 20, 20] {
      let now = Instant(monotonicNanoseconds: Int64(second) * 1_000_000_000, wall: Timestamp(microseconds: 0))
      try run.fold(try #require(try walk.batch(after: run.place.position)), now)
      #expect(tables.allSatisfy { !$0.wasShed })
      try run.flushUnderLoad(now)
      try run.finishFlush()
    }
    #expect(tables.filter(\.wasShed).map(\.statements.name) == ["cold"])
  }

  @Test("a flush is due where the names in memory take twice what stays of it", arguments: [299, 300])
  func names(bytes: Int) throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try journal.appendHours([1])
    let store = FakeProjectionStore(database, journal)
    let run = FoldRun(
      WeighedProjection(weighed: [], nameBytes: bytes),
      at: try store.takeOver(instance: InstanceID(name: "a", start: 1)), in: store,
      settings: ProjectionSettings(cacheBytes: 150, dirtyBytes: 50), publishes: true)
    run.state = .catchingUp
    var walk = JournalWalk(store)
    let now = Instant(monotonicNanoseconds: 0, wall: Timestamp(microseconds: 0))
    try run.fold(try #require(try walk.batch(after: 0)), now)
    try run.flushUnderLoad(now)
    #expect(run.isFlushing == (bytes >= 300))
  }

  @Test("a flush is written in pieces, and of a large table each piece has some rows, once")
  func pieces() throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try journal.appendHours([1])
    let store = FakeProjectionStore(database, journal)
    let rows = ProjectionSettings.leastPieceRows * 5 / 2
    let tables = [
      WeighedTable("large", rows: rows, bytes: rows * ProjectionSettings.pieceBytes, changes: 20),
      WeighedTable("small", bytes: 90, changes: 20), WeighedTable("other", bytes: 90, changes: 20),
    ]
    let run = FoldRun(
      WeighedProjection(weighed: tables), at: try store.takeOver(instance: InstanceID(name: "a", start: 1)), in: store,
      settings: ProjectionSettings(cacheBytes: .max / 16), publishes: true)
    var walk = JournalWalk(store)
    try run.fold(
      try #require(try walk.batch(after: 0)),
      Instant(monotonicNanoseconds: 0, wall: Timestamp(microseconds: 0)))
    try run.flush()
    #expect(store.written == [["small", "other", "large"], ["large"], ["large"]])
    #expect(tables.map(\.dirtyCount) == [0, 0, 0] && database.content.place.position == 1)
  }
}

/// Does nothing but to have tables.
private struct WeighedProjection: Projection {
  static let name = "weighed"
  static let version = 1
  let weighed: [WeighedTable]
  var nameBytes = 0
  var tables: [any Table] { weighed }
  var tablesOfRules: [any Table] { [] }

  mutating func wantRows(for events: Range<Int>, of batch: EventBatch, round: Int) -> Bool { false }
  mutating func fold(_ events: Range<Int>, of batch: EventBatch, firstPosition: Int64) {}
  func fansOut(_ index: Int, of batch: EventBatch) -> Bool { false }
  mutating func fanOut(_ index: Int, of batch: EventBatch, position: Int64, store: any RowStream) throws -> Bool {
    false
  }
  mutating func runRules(at turn: Turn, store: any RowStream) throws -> [DerivedEvent] { [] }
  mutating func evict(keeping bytes: Int) -> Bool { false }
}

private final class WeighedTable: Table {
  let statements: TableStatements
  private var rows: Int
  private var restriction = Int.max
  var dirtyCount: Int { min(rows, restriction) }
  let heldBytes: Int
  let changesPerRow: Double
  let rowsStay: Bool
  private(set) var wasWritten = false
  private(set) var wasShed = false

  init(_ name: String, rows: Int = 10, bytes: Int, changes: Double, stay: Bool = true) {
    statements = TableStatements(
      name: name, load: "", copy: "", createStage: "", copyToStage: "", update: "", version: nil)
    (self.rows, heldBytes, changesPerRow, rowsStay) = (rows, bytes, changes, stay)
  }
  func restrict(to rows: Int) { restriction = rows }
  func endRestriction() { restriction = .max }
  var hasPartial: Bool { false }

  func assumeEmpty() {}
  func takeWantedKeys() -> KeyColumns? { nil }
  func takePartialKeys() -> KeyColumns? { nil }
  func absorb(_ row: inout RowReader) {}
  func settle() {}
  func shed() { wasShed = true }
  func writeChanges(generation: Int32, inserts: inout RowWriter, updates: inout RowWriter) { wasWritten = true }
  func markClean() { rows -= dirtyCount }
}
