import Engine
import Glibc
import Projections
import Synchronization

/// A store's connection: made when it is needed, dropped when it is broken or in doubt, errors as the stages know them.
final class StoreConnection {
  /// Who waits for a lock longer than this has its blockers ended.
  static let lockPatienceMilliseconds: Int32 = 1000
  /// How often, before a takeover is given up.
  private static let lockAttempts = 30

  private let target: ConnectionTarget
  private let profile: SessionProfile
  private let onNotice: (String) -> Void
  private var connection: Connection?
  /// Streams begun, for the names of their cursors.
  var streamCount = 0
  /// What `interrupt` needs, from another thread than the one that uses the connection.
  private struct Socket {
    var descriptor: Int32 = -1
    var isInterrupted = false
  }
  private let socket = Mutex(Socket())
  /// What the temporary tables of this connection hold.
  var stages: [String: StageContent] = [:]
  /// The oldest of them, by the monotonic clock in milliseconds; after so long they are dropped.
  var stagesMadeAt: Int64 = 0
  var stageMilliseconds: Int64 = 24 * 3600 * 1000

  init(_ target: ConnectionTarget, profile: SessionProfile = .standard, onNotice: @escaping (String) -> Void) {
    (self.target, self.profile, self.onNotice) = (target, profile, onNotice)
  }

  func reset() {
    // Before libpq closes it: the number may be somebody else's afterwards.
    socket.withLock { $0.descriptor = -1 }
    connection = nil
    stages = [:]
  }

  /// Runs `body` with the connection, and drops it where it is broken or left inside of a transaction by an error.
  func use<R>(_ body: (Connection) throws(PostgresError) -> R) throws(StoreError) -> R {
    do throws(PostgresError) {
      return try body(try open())
    } catch {
      if connection?.isIdle != true || error.isOfReadOnlySession { reset() }
      throw StoreError(error)
    }
  }

  /// The same, where a transaction is open: outside of it nothing would be fenced.
  func useTransaction<R>(_ body: (Connection) throws(PostgresError) -> R) throws(StoreError) -> R {
    guard let connection, connection.isInTransaction else { throw .unavailable("the transaction is gone") }
    return try use(body)
  }

  private func open() throws(PostgresError) -> Connection {
    if let connection { return connection }
    let made = try Connection(target, profile: profile, onNotice: onNotice)
    let isInterrupted = socket.withLock { state in
      state.descriptor = made.fileDescriptor
      return state.isInterrupted
    }
    connection = made
    if isInterrupted { throw .connection("interrupted") }
    return made
  }

  /// Breaks the connection under the thread that uses it, so that its waiting ends. Any thread may call it, and no other method
  /// of this kind; `endInterrupt` allows connections again, once that thread is done.
  func interrupt() {
    socket.withLock { state in
      state.isInterrupted = true
      if state.descriptor >= 0 { _ = shutdown(state.descriptor, Int32(SHUT_RDWR)) }
    }
  }

  func endInterrupt() {
    socket.withLock { $0.isInterrupted = false }
    reset()
  }

  func query(_ sql: String, _ values: [SQLValue] = [], seconds: Int = Connection.replySeconds) throws(StoreError)
    -> QueryResult
  {
    try use { (connection) throws(PostgresError) in try connection.query(sql, values, seconds: seconds) }
  }

  /// Runs a takeover: one statement, outside of a transaction, that may wait for the commit of a predecessor. Whoever blocks it
  /// for longer than a second is ended over a second connection, since a stopped client obeys no timeout. Who may well be at work
  /// is given more time at first.
  func queryEndingBlockers(
    _ sql: String, _ values: [SQLValue], patienceMilliseconds: Int32 = lockPatienceMilliseconds
  ) throws(StoreError) -> QueryResult {
    try use { (connection) throws(PostgresError) in
      try connection.send(sql, values)
      var attempts = 0
      while !(try connection.isDone(
        withinMilliseconds: attempts == 0 ? patienceMilliseconds : Self.lockPatienceMilliseconds))
      {
        attempts += 1
        // Given up: what is under way must not stay behind this connection.
        guard attempts <= Self.lockAttempts else {
          throw connection.abandon(after: Self.lockAttempts * Int(Self.lockPatienceMilliseconds) / 1000)
        }
        let second = try Connection(target.named("\(target.applicationName)/locks"), onNotice: onNotice)
        let blockers = try second.query(
          "SELECT pid, ended FROM pleat.end_blockers($1)", [.int(connection.backendPID)])
        blockers.eachRow { row in
          guard let pid = row.int(), let ended = row.bool() else { return }
          onNotice(
            ended
              ? "ended the backend \(pid), which held a lock that a takeover waited for"
              : "the backend \(pid) holds a lock that a takeover waits for, and is not Pleat's to end")
        }
      }
      return try connection.finish()
    }
  }
}
