import Projections

extension FoldStore {
  /// Loads the stored form of partial rows. What changed of a row may take a hundredth of it (a sketch of people): where all rows
  /// take more than `limit` bytes then, those of the table are written into the transaction that `open` makes sure of, and dropped,
  /// before more are loaded. Returns whether they were.
  func makeWhole(
    _ tables: [any Table], of all: [any Table], generation: Int32, limit: Int, open: () throws(StoreError) -> Void
  ) throws(StoreError) -> Bool {
    var hasDropped = false
    for table in tables where table.dirtyCount > 0 {
      while let keys = table.takePartialKeys() {
        try load(table, keys)
        if all.reduce(0, { $0 + $1.heldBytes }) <= limit { continue }
        let owned = all.with(rowsOf: table)
        try open()
        for table in owned { table.restrictToWhole() }
        let changes = try takeChanges(of: owned, generation: generation)
        for table in owned { table.endRestriction() }
        try write(changes)
        for table in owned { table.shed() }
        hasDropped = true
      }
    }
    return hasDropped
  }

  func load(_ table: any Table, _ keys: KeyColumns) throws(StoreError) {
    try load(table.statements, keys: keys) { table.absorb(&$0) }
    table.settle()
  }

  func takeChanges(of tables: [any Table], generation: Int32) throws(StoreError) -> [TableChanges] {
    var changes: [TableChanges] = []
    for table in tables where table.dirtyCount > 0 {
      while let keys = table.takePartialKeys() { try load(table, keys) }
      var change = TableChanges(statements: table.statements, inserts: RowWriter(), updates: RowWriter())
      table.writeChanges(generation: generation, inserts: &change.inserts, updates: &change.updates)
      table.markClean()
      changes.append(change)
    }
    if let fault = FoldFault.take() { throw .refused(fault) }
    return changes
  }
}
