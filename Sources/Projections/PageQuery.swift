/// A query of `Projection.fanOut` that selects whole rows of one table, the columns of its `COPY` without the generation: those that hold
/// `$2` in a column, behind the key `$3`, in the order of the key (one `uuid`), up to a number. Whoever has the rows in
/// memory answers it without a database.
package struct PageQuery: Sendable {
  package var sql: String
  /// As `TableStatements.name` has it.
  package var table: String
  package var column: String
  package var limit: Int

  package init(sql: String, table: String, column: String, limit: Int) {
    (self.sql, self.table, self.column, self.limit) = (sql, table, column, limit)
  }
}
