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
