/// One table of a projection: its rows in memory, and the SQL that moves them. `RowCache` is the implementation.
package protocol Table: AnyObject {
  var statements: TableStatements { get }

  /// The same for tables that must be written together, in the order of `Projection.tables`.
  var rowsOwner: ObjectIdentifier { get }

  /// The store has no row of this table: what is not in memory is nowhere. Called before anything else, at position 0.
  func assumeEmpty()

  /// Keys that `wantRows` asked for and that are not in memory, as arrays for `$2…` of `statements.load`; nil for none.
  func takeWantedKeys() -> KeyColumns?
  /// Until `endRestriction` only the changed rows that the rules need count as changed: the others wait for a later write.
  func restrictToRules()
  /// The same of the rows that are not partial.
  func restrictToWhole()
  /// The same of so many rows.
  func restrict(to rows: Int)
  func endRestriction()

  /// Whether there are changed rows whose stored form is not known yet.
  var hasPartial: Bool { get }
  /// Keys of changed rows whose stored form is not known yet, likewise; asked for at a flush.
  func takePartialKeys() -> KeyColumns?
  /// A row that `statements.load` found.
  func absorb(_ row: inout RowReader)
  /// Keys taken and not absorbed have no stored row.
  func settle()

  /// How many rows changed since the last flush.
  var dirtyCount: Int { get }
  /// How many rows are in memory, changed or not.
  var rowCount: Int { get }
  /// About how many bytes all its rows take, changed or not.
  var heldBytes: Int { get }
  /// How often a row changes, about, while it waits to be written: the more, the more often a row that is dropped meanwhile is
  /// read and written again.
  var changesPerRow: Double { get }

  /// Whether what came is there to stay. Where most rows go again before a flush, none is written ahead of it.
  var rowsStay: Bool { get }

  /// Drops every row that is not changed.
  func shed()
  /// Whether a row that is wanted may have been dropped by `shed` since the last commit: what was written of it before, only the
  /// transaction has.
  var wantsShed: Bool { get }
  /// What was written is committed.
  func wasCommitted()

  /// Writes the changed rows, sorted by key: those that the store does not have yet, and those that replace one. All are known
  /// by then (`takePartialKeys` gives nil). `generation` is the first column of each.
  func writeChanges(generation: Int32, inserts: inout RowWriter, updates: inout RowWriter)
  /// The changes are written.
  func markClean()
}

extension Table {
  package var rowCount: Int { dirtyCount }
  package var heldBytes: Int { 0 }
  package var changesPerRow: Double { 1 }
  package var rowsStay: Bool { true }
  package func shed() {}
  package var wantsShed: Bool { true }
  package var hasPartial: Bool { true }
  package func wasCommitted() {}
  package func restrictToRules() {}
  package func restrictToWhole() {}
  package func restrict(to rows: Int) {}
  package func endRestriction() {}
  package var rowsOwner: ObjectIdentifier { ObjectIdentifier(self) }
}
