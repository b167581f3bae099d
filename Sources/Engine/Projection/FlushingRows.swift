import Projections

/// The stored rows inside a turn's or a fan-out's transaction; a flush writes what the projection has changed so far.
struct FlushingRows: RowStream {
  let store: any FoldStore
  let tables: [any Table]
  let generation: Int32
  let fullBytes: Int
  /// Called where rows were dropped that only this transaction has.
  let onShed: () -> Void

  func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    try store.rows(sql, parameters, body)
  }
  func flush() throws {
    if try store.makeWhole(tables, of: tables, generation: generation, limit: fullBytes, open: {}) { onShed() }
    try store.write(store.takeChanges(of: tables, generation: generation))
  }
}
