import CLibpq
import Foundation

/// Queries as psql runs them, without a process for each, and without anything of Pleat's own.
enum PlainSQL {
  struct Failure: Error, CustomStringConvertible { var description: String }

  /// Runs statements one after the other, in one transaction unless they say otherwise, over a connection of their own.
  /// - Returns: the rows of all of them, a line each, with `|` between values and nothing for null.
  static func run(_ statements: String, conninfo: String) throws -> String {
    guard let connection = PQconnectdb(conninfo) else { throw Failure(description: "libpq has no memory") }
    defer { PQfinish(connection) }
    func failure(_ text: UnsafePointer<CChar>?) -> Failure {
      let text = text.map { String(cString: $0) } ?? ""
      return Failure(description: "\(statements): \(text.trimmingCharacters(in: .newlines))")
    }
    guard PQstatus(connection) == CONNECTION_OK else { throw failure(PQerrorMessage(connection)) }
    PQsetNoticeProcessor(connection, { _, _ in }, nil)
    guard PQsendQuery(connection, statements) == 1 else { throw failure(PQerrorMessage(connection)) }
    var lines: [String] = []
    while let result = PQgetResult(connection) {
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_TUPLES_OK:
        for row in 0..<PQntuples(result) {
          let values = (0..<PQnfields(result)).map { String(cString: PQgetvalue(result, row, $0)) }
          lines.append(values.joined(separator: "|"))
        }
      case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: break
      default: throw failure(PQresultErrorMessage(result))
      }
    }
    return lines.joined(separator: "\n")
  }
}
