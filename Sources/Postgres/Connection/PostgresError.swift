import Engine

/// What went wrong between this program and PostgreSQL.
package enum PostgresError: Error, Sendable, CustomStringConvertible {
  /// There is no connection, or it broke: what was under way may have happened. The text is libpq's.
  case connection(String)
  /// No answer within the time, in seconds; the connection is given up.
  case timeout(Int)
  /// The server said no; the connection is fine.
  case server(ServerError)
  /// The server did something else than the caller expected: a defect of the caller.
  case unexpected(String)

  package var description: String {
    switch self {
    case .connection(let text): text
    case .timeout(let seconds): "PostgreSQL did not answer within \(seconds) s"
    case .server(let error): error.description
    case .unexpected(let text): text
    }
  }
}

extension PostgresError {
  /// A session that may not write is of no use any more: the server that may can be another one by now.
  var isOfReadOnlySession: Bool {
    if case .server(let server) = self { server.sqlState == SQLState.readOnlyTransaction } else { false }
  }
}

/// An error as PostgreSQL reports it.
package struct ServerError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Five characters; see `SQLState`.
  package var sqlState: String
  package var message: String
  package var detail: String?
  package var hint: String?
  /// In characters from 1, into the statement.
  package var position: Int?

  package var description: String {
    let more = [detail, hint].compactMap { $0 }.joined(separator: " ")
    return "\(message)\(more.isEmpty ? "" : " (\(more))") [\(sqlState)]"
  }
}

/// The SQLSTATEs that decide what is done.
package enum SQLState {
  /// Pleat's own, see `0001_core.sql`.
  package static let lost = "PL001"
  package static let unfitDecision = "PL002"
  package static let foreign = "PL004"

  static let readOnlyTransaction = "25006"
  static let idleInTransactionTimeout = "25P03"
  static let serializationFailure = "40001"
  static let deadlock = "40P01"
  package static let lockNotAvailable = "55P03"
  static let queryCanceled = "57014"
  /// Connection exception, insufficient resources, operator intervention (shutdown, crash), system error.
  static let passingClasses: Set<String> = ["08", "53", "57", "58"]
  static let passing: Set<String> = [
    readOnlyTransaction, idleInTransactionTimeout, serializationFailure, deadlock, lockNotAvailable, queryCanceled,
  ]

  /// Whether the same may well succeed later, though nobody mends anything.
  package static func isPassing(_ state: String) -> Bool {
    passing.contains(state) || passingClasses.contains(String(state.prefix(2)))
  }
}

extension StoreError {
  /// How the stages see it.
  package init(_ error: PostgresError) {
    switch error {
    case .connection, .timeout: self = .unavailable(error.description)
    case .unexpected(let text): self = .refused(text)
    case .server(let server):
      if server.sqlState == SQLState.lost {
        self = .lost(server.message)
      } else if server.sqlState == SQLState.foreign {
        self = .foreign(server.message)
      } else if SQLState.isPassing(server.sqlState) {
        self = .unavailable(server.description)
      } else {
        self = .refused(server.description)
      }
    }
  }
}
