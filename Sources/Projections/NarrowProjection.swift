package import Events

/// A projection of which a few tables matter: those that somebody looks at, and those that folding reads. What is folded into the others
/// is dropped, and never written or read.
///
/// Its rules need all tables: it is for folds in which no hour turns.
package struct NarrowProjection: Projection {
  package static let name = "narrow"
  package static let version = 0

  private var whole: any Projection
  package let tables: [any Table]
  private let dropped: [any Table]
  /// Of dropped rows in memory.
  private static let droppedBytes = 4 << 20

  /// - Parameter names: of the tables that are looked at. The projection has nothing in memory yet, and the store is empty.
  package init(_ whole: any Projection, lookingAt names: Set<String>) {
    let looked = whole.tables.filter { names.contains($0.statements.name) }
    let owners = Set((looked + whole.tablesOfFolding).map(\.rowsOwner))
    tables = whole.tables.filter { owners.contains($0.rowsOwner) }
    dropped = whole.tables.filter { !owners.contains($0.rowsOwner) }
    self.whole = whole
    for table in dropped { table.assumeEmpty() }
  }

  package var tablesOfFolding: [any Table] { whole.tablesOfFolding }
  package var tablesOfRules: [any Table] { tables }
  package var pageQueries: [PageQuery] { whole.pageQueries }

  package mutating func wantRows(for events: Range<Int>, of batch: EventBatch, round: Int) -> Bool {
    let wants = whole.wantRows(for: events, of: batch, round: round)
    // Whatever a dropped row holds will do.
    for table in dropped where table.takeWantedKeys() != nil { table.settle() }
    return wants
  }

  package mutating func fold(_ events: Range<Int>, of batch: EventBatch, firstPosition: Int64) {
    whole.fold(events, of: batch, firstPosition: firstPosition)
  }

  package func fansOut(_ index: Int, of batch: EventBatch) -> Bool { whole.fansOut(index, of: batch) }

  package mutating func fanOut(_ index: Int, of batch: EventBatch, position: Int64, store: any RowStream) throws -> Bool
  {
    try whole.fanOut(index, of: batch, position: position, store: DroppingStream(store: store, dropped: dropped))
  }

  package mutating func runRules(at turn: Turn, store: any RowStream) throws -> [DerivedEvent] {
    preconditionFailure("the hour turns in a projection of a few tables")
  }

  @discardableResult
  package mutating func evict(keeping bytes: Int) -> Bool {
    dropped.drop()
    if dropped.reduce(0, { $0 + $1.heldBytes }) > Self.droppedBytes { for table in dropped { table.shed() } }
    return whole.evict(keeping: bytes)
  }
}

/// The rows of a fan-out; a flush drops what nobody looks at.
private struct DroppingStream: RowStream {
  let store: any RowStream
  let dropped: [any Table]

  func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    try store.rows(sql, parameters, body)
  }
  func flush() throws {
    try store.flush()
    dropped.drop()
  }
}

extension [any Table] {
  fileprivate func drop() { for table in self { table.markClean() } }
}
