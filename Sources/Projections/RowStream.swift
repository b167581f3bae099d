package import Events

/// The rows of a projection's tables as the store holds them, read inside the transaction of a flush.
package protocol RowStream {
  /// Runs one of the projection's own queries (`$1` is the generation, what follows are `parameters`) and hands over its rows
  /// one after the other.
  func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws
  /// Writes what changed, inside the same transaction.
  func flush() throws
}

/// A query's parameter, in PostgreSQL's types.
package enum Parameter: Sendable {
  case bigint(Int64)
  case text(String)
  /// Days since 1970-01-01.
  case date(Int32)
  case timestamptz(Timestamp)
  case uuid(RowKey)
}
