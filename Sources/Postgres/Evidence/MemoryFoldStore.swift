package import Engine
import Events
package import Projections

/// A generation in memory, for whoever folds so little of the journal that its rows hardly ever need a database: nothing is asked of
/// PostgreSQL as long as the fold holds its rows itself, and they fit here as well. From then on they are in temporary tables, and
/// here only what was written since.
///
/// No hour turns in it: no rules run, and there are no versions.
package final class MemoryFoldStore: FoldStore {
  private let target: ConnectionTarget
  private let source: PostgresProjectionStore
  private let live: LiveGeneration
  private let capacity: Int
  private let queries: [PageQuery]
  private var tables: [String: CopiedTable] = [:]
  private var temporary: TemporaryFoldStore?
  private var isInTransaction = false
  /// Whether the temporary tables' transaction is open.
  private var isOpen = false
  private var outcome: Result<Void, StoreError>?
  /// Beside temporary tables, so many bytes wait to be written.
  private static let waitingBytes = 8 << 20

  /// Called with what changes, as it is written.
  package var onChanges: (([TableChanges]) -> Void)?

  /// - Parameters:
  ///   - source: of the temporary tables, should it come to them.
  ///   - columns: of every table that the fold writes.
  ///   - capacity: bytes that rows may take here.
  package init(
    _ target: ConnectionTarget, _ source: PostgresProjectionStore, live: LiveGeneration, columns: [CopiedColumns],
    queries: [PageQuery], capacity: Int
  ) {
    (self.target, self.source, self.live, self.capacity, self.queries) = (target, source, live, capacity, queries)
    for columns in columns {
      let name = columns.statements.name
      tables[name] = CopiedTable(columns, queries.first { $0.table == name })
    }
  }

  /// Where a fold into it begins: behind every time, so that no hour turns.
  package var beginning: ProjectionCursor {
    ProjectionCursor(
      generation: live.generation, epoch: 0,
      place: ProjectionPlace(
        position: 0, chain: [], greatestTime: Timestamp(microseconds: Self.behindEveryTime), lastDayTurn: 0))
  }

  /// Events have no time behind it.
  private static let behindEveryTime: Int64 = 1 << 62

  /// Whether rows must be loaded before they can be folded.
  package var isOnDisk: Bool { temporary != nil }

  // MARK: - On disk

  /// The temporary tables, with everything in them.
  private func disk() throws(StoreError) -> TemporaryFoldStore {
    if let temporary { return temporary }
    let made = TemporaryFoldStore(target, reading: source)
    _ = try made.prepare(live)
    temporary = made
    try writeOut(Array(tables.keys), made)
    return made
  }

  private func writeOut(_ names: [String], _ store: TemporaryFoldStore) throws(StoreError) {
    var changes: [TableChanges] = []
    for name in names.sorted() where tables[name]?.isEmpty == false {
      if let change = tables[name]?.takeAll() { changes.append(change) }
    }
    if changes.isEmpty { return }
    try open(store)
    try store.write(changes)
    if !isInTransaction { try close(store) }
  }

  private func open(_ store: TemporaryFoldStore) throws(StoreError) {
    if isOpen { return }
    try store.begin(
      beginning, to: ProjectionPlace(position: 0, chain: [], greatestTime: nil, lastDayTurn: 0), state: .catchingUp)
    isOpen = true
  }

  private func close(_ store: TemporaryFoldStore) throws(StoreError) {
    isOpen = false
    try store.commit()
  }

  // MARK: - Reading

  package func segments(after position: Int64, bytes: Int) throws(StoreError) -> [StoredSegment] {
    try source.segments(after: position, bytes: bytes)
  }

  package func load(_ statements: TableStatements, keys: KeyColumns, _ body: (inout RowReader) -> Void)
    throws(StoreError)
  {
    let store = try disk()
    // Sketches are read with the rows that they belong to, by the same statement.
    try writeOut(
      tables.values.filter { $0.columns.statements.load == statements.load }.map(\.columns.statements.name), store)
    try store.load(statements, keys: keys, body)
  }

  package func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    if temporary == nil, let query = queries.first(where: { $0.sql == sql }),
      let page = tables[query.table]?.page(sql, parameters)
    {
      for row in page {
        try row.withUnsafeBytes { bytes in
          var reader = RowReader(bytes)
          try body(&reader)
        }
      }
      return
    }
    let store = try disk()
    try writeOut(Array(tables.keys), store)
    try open(store)
    try store.rows(sql, parameters, body)
  }

  /// The store holds no changed rows of its own.
  package func flush() {}

  // MARK: - Writing

  package func begin(_ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState) throws(StoreError) {
    isInTransaction = true
  }

  package func write(_ changes: [TableChanges]) throws(StoreError) {
    onChanges?(changes)
    for change in changes {
      guard tables[change.statements.name] != nil else {
        throw .refused("nothing is to be written into \(change.statements.name)")
      }
      tables[change.statements.name]?.take(change)
    }
    let bytes = tables.values.reduce(0) { $0 + $1.byteCount }
    if let temporary {
      if bytes > Self.waitingBytes { try writeOut(Array(tables.keys), temporary) }
    } else if bytes > capacity {
      _ = try disk()
    }
  }

  package func commit() throws(StoreError) {
    isInTransaction = false
    if isOpen, let temporary { try close(temporary) }
  }

  package func makeVersions(_ tables: [TableStatements], at turn: Turn, since lastTurn: Int64) throws(StoreError) {
    throw .refused("a fold in memory has no turns")
  }

  package func appendOutbox(_ events: [DerivedEvent], at position: Int64, chain: [UInt8]) throws(StoreError) {
    throw .refused("a fold in memory has no turns")
  }

  package func startFlush(
    _ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState, _ changes: [TableChanges]
  ) throws(StoreError) {
    try begin(cursor, to: place, state: state)
    try write(changes)
    try commit()
    outcome = .success(())
  }

  package func startWrite(_ changes: [TableChanges]) throws(StoreError) {
    try write(changes)
    outcome = .success(())
  }

  package func flushIsDone() -> Bool { outcome != nil }

  package func finishFlush() throws(StoreError) {
    guard let result = outcome else { throw .refused("no flush is under way") }
    outcome = nil
    try result.get()
  }

  package func reset() {
    (outcome, isInTransaction, isOpen) = (nil, false, false)
    temporary?.reset()
    source.reset()
  }
}
