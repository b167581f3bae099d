import CLibpq
package import Projections

/// What a statement brought: rows in binary form, or how many it changed.
package final class QueryResult {
  private let result: OpaquePointer

  init(owning result: OpaquePointer) { self.result = result }
  deinit { PQclear(result) }

  package var rowCount: Int { Int(PQntuples(result)) }
  private var columnCount: Int32 { PQnfields(result) }

  /// Rows that a command inserted, updated, deleted or copied.
  package var affectedRows: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }
  /// `COMMIT`, `INSERT 0 1`, …
  var commandTag: String { String(cString: PQcmdStatus(result)) }

  /// A field's bytes, nil for null; valid as long as the result.
  func field(_ row: Int, _ column: Int32) -> UnsafeRawBufferPointer? {
    if PQgetisnull(result, Int32(row), column) == 1 { return nil }
    return UnsafeRawBufferPointer(
      start: PQgetvalue(result, Int32(row), column), count: Int(PQgetlength(result, Int32(row), column)))
  }

  /// Hands over the rows in their order.
  package func eachRow<E: Error>(_ body: (inout RowReader) throws(E) -> Void) throws(E) {
    let (rows, columns) = (rowCount, columnCount)
    var scratch: [UInt8] = []
    for row in 0..<rows {
      scratch.removeAll(keepingCapacity: true)
      for column in 0..<columns {
        let field = field(row, column)
        withUnsafeBytes(of: Int32(field?.count ?? -1).bigEndian) { scratch.append(contentsOf: $0) }
        if let field { scratch.append(contentsOf: field) }
      }
      var failure: E?
      scratch.withUnsafeBytes { bytes in
        var reader = RowReader(bytes)
        do throws(E) { try body(&reader) } catch { failure = error }
      }
      if let failure { throw failure }
    }
  }

  package func map<T>(_ body: (inout RowReader) -> T) -> [T] {
    var values: [T] = []
    values.reserveCapacity(rowCount)
    eachRow { (row: inout RowReader) in values.append(body(&row)) }
    return values
  }
}
