import Events
import Projections
import Testing

@testable import Engine

@Suite("Rows that memory drops before they are committed")
struct ShedRowsTests {
  /// Events at offsets 0, 3, 6, … count in one table, which the rules read; the others in another.
  private struct TwoTables: Projection {
    static let name = "two"
    static let version = 1
    let ruled = CountingTable(name: "ruled")
    let other = CountingTable(name: "other")
    var tables: [any Table] { [ruled, other] }
    var tablesOfRules: [any Table] { [ruled] }

    private func table(_ event: Event) -> CountingTable { event.offset % 3 == 0 ? ruled : other }

    mutating func wantRows(for events: Range<Int>, of batch: EventBatch, round: Int) -> Bool {
      for table in [ruled, other] { table.isWanted = false }
      for index in events { table(batch.events[index]).isWanted = true }
      return round == 0
    }
    mutating func fold(_ events: Range<Int>, of batch: EventBatch, firstPosition: Int64) {
      for index in events { table(batch.events[index]).add(firstPosition + Int64(index)) }
    }
    func fansOut(_ index: Int, of batch: EventBatch) -> Bool { false }
    mutating func fanOut(_ index: Int, of batch: EventBatch, position: Int64, store: any RowStream) -> Bool { false }
    mutating func runRules(at turn: Turn, store: any RowStream) -> [DerivedEvent] { [] }
    mutating func evict(keeping bytes: Int) -> Bool { false }
  }

  /// What is written in the background is there when it is waited for, and not before; meanwhile another connection reads, which
  /// does not see the open transaction.
  private final class SlowStore: FoldStore {
    private let journal: FakeJournal
    private(set) var committed: [String: [UInt8]] = [:]
    private var open: [String: [UInt8]]?
    private var job: (() -> Void)?

    init(_ journal: FakeJournal) { self.journal = journal }

    func segments(after position: Int64, bytes: Int) -> [StoredSegment] { journal.stored(after: position) }
    func load(_ statements: TableStatements, keys: KeyColumns, _ body: (inout RowReader) -> Void) {
      guard let row = (job == nil ? open ?? committed : committed)[statements.name] else { return }
      row.withUnsafeBytes {
        var reader = RowReader($0)
        body(&reader)
      }
    }
    func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) {}
    func flush() {}
    func begin(_ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState) {
      if open == nil { open = committed }
    }
    func write(_ changes: [TableChanges]) {
      for change in changes {
        for writer in [change.inserts, change.updates] where writer.count > 0 {
          open?[change.statements.name] = Array(writer.bytes.dropFirst(2))
        }
      }
    }
    func makeVersions(_ tables: [TableStatements], at turn: Turn, since lastTurn: Int64) {}
    func appendOutbox(_ events: [DerivedEvent], at position: Int64, chain: [UInt8]) {}
    func commit() {
      committed = open ?? committed
      open = nil
    }
    func startFlush(
      _ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState, _ changes: [TableChanges]
    ) {
      job = { [unowned self] in
        begin(cursor, to: place, state: state)
        write(changes)
        commit()
      }
    }
    func startWrite(_ changes: [TableChanges]) { job = { [unowned self] in write(changes) } }
    func flushIsDone() -> Bool { job == nil }
    func finishFlush() {
      job?()
      job = nil
    }
    func reset() { (open, job) = (nil, nil) }

    func row(_ table: String) -> [Int64] {
      (committed[table] ?? []).withUnsafeBytes {
        if $0.isEmpty { return [] }
        var reader = RowReader($0)
        return [reader.bigint() ?? 0, reader.bigint() ?? 0]
      }
    }
  }

  @Test(
    "what the open transaction has written, and memory has dropped since, is not loaded before the flush on its way is done",
    arguments: [
      // A turn of the hour has written the table, so that it is dropped with nothing changed in it.
      [1, 2, 2, 2],
      // It is written to be dropped.
      [1, 1, 1, 1],
    ])
  func shed(hours: [Int]) throws {
    let journal = FakeJournal()
    for hour in hours { try journal.appendHours([hour]) }
    let store = SlowStore(journal)
    let projection = TwoTables()
    let start = ProjectionPlace(position: 0, chain: [], greatestTime: nil, lastDayTurn: 0)
    let run = FoldRun(
      projection, at: ProjectionCursor(generation: 1, epoch: 1, place: start), in: store,
      settings: ProjectionSettings(cacheBytes: 50, dirtyBytes: 50), publishes: true)
    var walk = JournalWalk(store)
    func fold(_ count: Int) throws {
      for _ in 0..<count {
        try run.fold(
          try #require(try walk.batch(after: run.place.position)),
          Instant(monotonicNanoseconds: 0, wall: Timestamp(microseconds: 0)))
      }
    }
    func flushUnderLoad(after seconds: Int64) throws {
      try run.flushUnderLoad(
        Instant(monotonicNanoseconds: seconds * 1_000_000_000, wall: Timestamp(microseconds: 0)))
    }
    try fold(2)
    projection.ruled.heldBytes = 1_000
    try flushUnderLoad(after: 0)
    #expect(!projection.ruled.isKnown)
    try run.finishFlush()
    projection.ruled.heldBytes = 16
    try fold(1)
    try flushUnderLoad(after: 60)
    #expect(run.isFlushing && store.row("ruled").isEmpty)
    try fold(1)
    try run.flush()
    #expect(store.row("ruled") == [2, 5])
    #expect(store.row("other") == [2, 5])
  }
}
