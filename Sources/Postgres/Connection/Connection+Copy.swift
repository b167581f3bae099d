import CLibpq
package import Projections

extension Connection {
  /// Bytes handed to libpq at a time, so that its buffer stays about as small.
  private static let chunkBytes = 256 << 10

  private static let header: [UInt8] =
    Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [UInt8](repeating: 0, count: 8)
  private static let trailer: [UInt8] = [0xFF, 0xFF]

  /// Runs a `COPY … FROM STDIN (FORMAT binary)` with these rows.
  package func copyIn(_ sql: String, _ rows: RowWriter, seconds: Int = longReplySeconds) throws(PostgresError) {
    let deadline = Deadline(seconds: seconds)
    try beginCopy(sql, deadline)
    try put(Self.header, deadline)
    try rows.withBytes { bytes throws(PostgresError) in try put(bytes, deadline) }
    try endCopy(deadline)
    let result = try finish(seconds: seconds)
    guard result.affectedRows == rows.count else {
      throw unexpected("\(result.affectedRows) of \(rows.count) rows were copied: \(sql)")
    }
  }

  /// Returns once the server waits for rows.
  func beginCopy(_ sql: String, _ deadline: Deadline) throws(PostgresError) {
    guard PQsendQuery(pg, sql) == 1 else { throw broken() }
    guard let ready = try nextResult(deadline) else { throw unexpected("a COPY has no result") }
    let status = PQresultStatus(ready)
    let refusal = Self.serverError(ready)
    PQclear(ready)
    if let refusal {
      while let extra = try nextResult(deadline) { PQclear(extra) }
      throw .server(refusal)
    }
    guard status == PGRES_COPY_IN else { throw unexpected("not a COPY FROM STDIN: \(sql)") }
  }

  /// What follows is the COPY's result.
  func endCopy(_ deadline: Deadline) throws(PostgresError) {
    try put(Self.trailer, deadline)
    guard PQputCopyEnd(pg, nil) == 1 else { throw broken() }
  }

  private func put(_ bytes: [UInt8], _ deadline: Deadline) throws(PostgresError) {
    try bytes.withUnsafeBufferPointer { bytes throws(PostgresError) in try put(bytes, deadline) }
  }

  private func put(_ bytes: UnsafeBufferPointer<UInt8>, _ deadline: Deadline) throws(PostgresError) {
    var start = 0
    while start < bytes.count {
      let count = min(Self.chunkBytes, bytes.count - start)
      let chunk = UnsafeRawPointer(bytes.baseAddress! + start).assumingMemoryBound(to: CChar.self)
      guard PQputCopyData(pg, chunk, Int32(count)) == 1 else { throw broken() }
      try flush(deadline)
      start += count
    }
  }
}
