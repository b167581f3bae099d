import Engine
import Projections

/// What is asked in an open transaction.
extension StoreConnection {
  /// Rows of a stream held at a time.
  private static let fetchRows = 2_000

  /// Reads through a cursor of the server, in pieces, so that `body` may write and read in the same transaction meanwhile; it
  /// sees the rows as they stood at the call.
  func stream(_ sql: String, _ values: [SQLValue], _ body: (inout RowReader) throws -> Void) throws {
    streamCount += 1
    let name = "stream_\(streamCount)"
    try useTransaction { (connection) throws(PostgresError) in
      _ = try connection.queryUnprepared("DECLARE \(name) NO SCROLL CURSOR FOR \(sql)", values)
    }
    var more = true
    while more {
      let piece = try useTransaction { (connection) throws(PostgresError) in
        try connection.queryUnprepared(
          "FETCH \(Self.fetchRows) FROM \(name)", [], seconds: Connection.wholeTableSeconds)
      }
      more = piece.rowCount == Self.fetchRows
      try piece.eachRow(body)
    }
    try useTransaction { (connection) throws(PostgresError) in
      _ = try connection.queryUnprepared("CLOSE \(name)", [])
    }
  }

  func commit() throws(StoreError) {
    let result = try useTransaction { (connection) throws(PostgresError) in try connection.query("COMMIT") }
    // A transaction that had failed is rolled back by COMMIT, without an error.
    guard result.commandTag == "COMMIT" else {
      reset()
      throw .refused("a transaction had failed before its COMMIT")
    }
  }
}
