import Glibc
import Projections

@testable import Postgres

/// A client that has begun a COPY and says nothing more, like one that was stopped.
struct StuckCopy {
  let connection: Connection

  init(_ connection: Connection) throws {
    self.connection = connection
    try connection.execute("CREATE TEMP TABLE stuck (a integer)")
    try connection.beginCopy("COPY stuck FROM STDIN (FORMAT binary)", Deadline(seconds: 10))
  }

  /// Whether the server still knows it, and would let it commit.
  func canCommit() -> Bool {
    do throws(PostgresError) {
      try connection.endCopy(Deadline(seconds: 10))
      _ = try connection.finish(seconds: 10)
      try connection.execute("COMMIT")
      return true
    } catch {
      return false
    }
  }
}

/// A statement that somebody else may have to wait for.
struct SentStatement {
  let connection: Connection

  init(_ connection: Connection, _ sql: String) throws {
    self.connection = connection
    // Preparing it could wait already.
    try connection.sendUnprepared(sql, [])
    try connection.flush(Deadline(seconds: 10))
  }

  func wait() throws { _ = try connection.finish(seconds: 120) }
}

extension TestDatabase {
  /// Asks again until it holds, for at most two minutes.
  func waitUntil(_ condition: String) throws {
    let connection = try connect()
    let deadline = Deadline(seconds: 120)
    while try connection.query(condition).map({ $0.bool() }).first != true {
      guard !deadline.hasPassed else { throw TestFailure("not within 120 s: \(condition)") }
      usleep(5_000)
    }
  }
}
