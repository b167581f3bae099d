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

/// The SQL of one table. `current` names `T_current`; `$1` is the generation everywhere.
package struct TableStatements: Sendable {
  /// `team_stats`: the table of versions; `team_stats_current`: the newest state.
  package var name: String
  /// Selects stored rows by the key arrays `$2…`; columns as `RowCache` reads them.
  package var load: String
  /// `COPY pleat.…_current (…) FROM STDIN (FORMAT binary)`: rows the store does not have yet.
  package var copy: String
  /// `CREATE TEMP TABLE stage_NAME …`, with `name` as it stands above.
  package var createStage: String
  package var copyToStage: String
  /// `UPDATE … FROM stage_…`.
  package var update: String
  /// Inserts a version of every row that changed at or after `$2` (the last turn of the day) at position `$3` (this turn),
  /// and writes to `…_current` what is of turns; nil for a table of inner state, which keeps none.
  package var version: String?

  package init(
    name: String, load: String, copy: String, createStage: String, copyToStage: String, update: String, version: String?
  ) {
    (self.name, self.load, self.copy, self.createStage) = (name, load, copy, createStage)
    (self.copyToStage, self.update, self.version) = (copyToStage, update, version)
  }

  /// Empties the stage, for few rows and for many.
  package var emptyStage: String { "DELETE FROM pg_temp.stage_\(name)" }
  package var truncateStage: String { "TRUNCATE pg_temp.stage_\(name)" }
}

/// Keys as columns, each an array in PostgreSQL's binary form.
package struct KeyColumns: Sendable {
  package var count: Int
  package var arrays: [ArrayParameter]
  package init(count: Int, arrays: [ArrayParameter]) { (self.count, self.arrays) = (count, arrays) }
}

/// A one-dimensional array without nulls: its elements, each behind its length (big-endian, 4 bytes).
package struct ArrayParameter: Sendable {
  package enum Element: UInt32, Sendable {
    case bytea = 17
    case bigint = 20
    case smallint = 21
    case integer = 23
    case text = 25
    case date = 1082
    case timestamptz = 1184
    case uuid = 2950
  }
  package var element: Element
  package var count: Int = 0
  package var bytes: [UInt8] = []
  package init(_ element: Element) { self.element = element }
}
