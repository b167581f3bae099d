import CLibpq
import Glibc

/// A session with PostgreSQL over libpq: binary parameters and results, prepared statements kept, and a bound on every wait.
///
/// One thread uses it at a time. After `.connection` or `.timeout` it is of no use any more (`isBroken`).
package final class Connection {
  /// How long a connection may take, and an answer unless the caller says otherwise; seconds.
  package static let connectSeconds = 5
  /// Of several servers each has its part of that, but at least this.
  private static let leastConnectSeconds = 2
  package static let replySeconds = 60
  /// For statements whose work grows with what is stored: migrations, versions, fan-out.
  package static let longReplySeconds = 900
  /// For what reads or writes as much as a whole table within a fold: it has no bound that would not some day be too short, and what was
  /// given up is tried again for ever. A server that is away is noticed by keepalives, one that hangs by the lease.
  static let wholeTableSeconds = 24 * 3600
  /// Prepared statements kept; what comes beyond is sent unprepared.
  private static let preparedLimit = 256

  let pg: OpaquePointer
  package private(set) var isBroken = false
  private var prepared: [String: String] = [:]
  private let notices: NoticeBox

  /// - Parameter onNotice: what the server says beside its results (`WARNING: …`), each in one text.
  package init(
    _ target: ConnectionTarget, profile: SessionProfile = .standard, onNotice: @escaping (String) -> Void = { _ in }
  ) throws(PostgresError) {
    // Before `dbname` stand defaults that the connection string may override, behind it what it may not.
    var parameters: [(String, String)] = [
      ("connect_timeout", String(Self.secondsForEach(of: ConnectionParameters.hostCount(in: target.conninfo)))),
      ("tcp_user_timeout", "10000"), ("keepalives_idle", "5"),
      ("keepalives_interval", "2"), ("keepalives_count", "3"),
      // What libpq would take from its own variable counts as said.
      ("target_session_attrs", getenv("PGTARGETSESSIONATTRS").map { String(cString: $0) } ?? "read-write"),
      ("dbname", target.conninfo),
      ("application_name", target.applicationName), ("client_encoding", "UTF8"),
    ]
    if let password = target.password { parameters.append(("password", password)) }
    pg = Self.connect(parameters)
    notices = NoticeBox(onNotice)
    guard PQstatus(pg) == CONNECTION_OK else { throw .connection(Self.errorText(pg)) }
    PQsetNoticeProcessor(
      pg,
      { context, message in
        guard let context, let message else { return }
        Unmanaged<NoticeBox>.fromOpaque(context).takeUnretainedValue().callback(trimmed(String(cString: message)))
      }, Unmanaged.passUnretained(notices).toOpaque())
    guard PQsetnonblocking(pg, 1) == 0 else { throw broken() }
    try execute(profile.statements)
  }

  deinit { PQfinish(pg) }

  static func secondsForEach(of hosts: Int) -> Int { max(leastConnectSeconds, connectSeconds / hosts) }

  private static func connect(_ parameters: [(String, String)]) -> OpaquePointer {
    let keywords = parameters.map { strdup($0.0) }
    let values = parameters.map { strdup($0.1) }
    defer { for string in keywords + values { free(string) } }
    let connection = PQconnectdbParams(
      keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 1)
    guard let connection else { fatalError("libpq has no memory for a connection") }
    return connection
  }

  static func errorText(_ pg: OpaquePointer) -> String { trimmed(String(cString: PQerrorMessage(pg))) }

  /// The server's process.
  package var backendPID: Int32 { PQbackendPID(pg) }
  package var login: String { String(cString: PQuser(pg)) }
  var fileDescriptor: Int32 { PQsocket(pg) }
  /// No transaction is open and nothing is under way.
  var isIdle: Bool { !isBroken && PQtransactionStatus(pg) == PQTRANS_IDLE }

  var isInTransaction: Bool {
    guard !isBroken else { return false }
    let status = PQtransactionStatus(pg)
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
  }

  // MARK: - Statements

  /// Runs a script without parameters; rows are dropped.
  package func execute(_ sql: String, seconds: Int = replySeconds) throws(PostgresError) {
    guard PQsendQuery(pg, sql) == 1 else { throw broken() }
    let deadline = Deadline(seconds: seconds)
    var failure: ServerError?
    while let result = try nextResult(deadline) {
      defer { PQclear(result) }
      if failure == nil { failure = Self.serverError(result) }
    }
    if let failure { throw .server(failure) }
  }

  /// Runs one statement and waits for all of its rows. It is prepared at its first use.
  package func query(_ sql: String, _ values: [SQLValue] = [], seconds: Int = replySeconds) throws(PostgresError)
    -> QueryResult
  {
    try send(sql, values)
    return try finish(seconds: seconds)
  }

  /// The same for a statement whose text is used once.
  package func queryUnprepared(_ sql: String, _ values: [SQLValue] = [], seconds: Int = replySeconds)
    throws(PostgresError) -> QueryResult
  {
    try sendUnprepared(sql, values)
    return try finish(seconds: seconds)
  }

  /// Sends a statement; `finish` takes its result.
  func send(_ sql: String, _ values: [SQLValue]) throws(PostgresError) {
    let deadline = Deadline(seconds: Self.replySeconds)
    if let name = try prepare(sql, values, deadline) {
      try sendPrepared(name, values)
    } else {
      try sendUnprepared(sql, values)
    }
    try flush(deadline)
  }

  /// Whether the whole result is there, after at most so many milliseconds.
  func isDone(withinMilliseconds milliseconds: Int32) throws(PostgresError) -> Bool {
    let deadline = Deadline(milliseconds: Int64(milliseconds))
    while PQisBusy(pg) == 1 {
      let left = deadline.millisecondsLeft
      guard try poll(POLLIN, milliseconds: left) else { return false }
      guard PQconsumeInput(pg) == 1 else { throw broken() }
    }
    return true
  }

  /// Waits for what `send` sent.
  func finish(seconds: Int = replySeconds) throws(PostgresError) -> QueryResult {
    let deadline = Deadline(seconds: seconds)
    guard let first = try nextResult(deadline) else { throw unexpected("a statement has no result") }
    let result = QueryResult(owning: first)
    let failure = Self.serverError(first)
    let status = PQresultStatus(first)
    guard status != PGRES_COPY_IN, status != PGRES_COPY_OUT, status != PGRES_COPY_BOTH else {
      throw unexpected("a COPY where a result was expected")
    }
    while let extra = try nextResult(deadline) { PQclear(extra) }
    if let failure { throw .server(failure) }
    return result
  }

  /// Several statements in one round trip, in order. The first that fails ends it: what follows is not run, and nothing of what
  /// came before is kept unless a transaction is open.
  func pipeline(_ statements: [(sql: String, values: [SQLValue])], seconds: Int = replySeconds) throws(PostgresError)
    -> [QueryResult]
  {
    let deadline = Deadline(seconds: seconds)
    var names: [String?] = []
    for statement in statements { names.append(try prepare(statement.sql, statement.values, deadline)) }
    guard PQenterPipelineMode(pg) == 1 else { throw broken() }
    for (statement, name) in zip(statements, names) {
      if let name {
        try sendPrepared(name, statement.values)
      } else {
        try sendUnprepared(statement.sql, statement.values)
      }
    }
    guard PQpipelineSync(pg) == 1 else { throw broken() }
    var results: [QueryResult] = []
    var failure: ServerError?
    for _ in statements {
      while let result = try nextResult(deadline) {
        if PQresultStatus(result) != PGRES_PIPELINE_ABORTED, failure == nil { failure = Self.serverError(result) }
        results.append(QueryResult(owning: result))
      }
    }
    // The synchronisation point; nothing follows it.
    guard let end = try nextResult(deadline) else { throw unexpected("a pipeline has no end") }
    let status = PQresultStatus(end)
    PQclear(end)
    guard status == PGRES_PIPELINE_SYNC, PQexitPipelineMode(pg) == 1 else { throw broken() }
    if let failure { throw .server(failure) }
    guard results.count == statements.count else { throw unexpected("a pipeline has \(results.count) results") }
    return results
  }

  // MARK: - The wire

  /// The name of a prepared statement; nil where so many are kept already that this one is sent as it is.
  private func prepare(_ sql: String, _ values: [SQLValue], _ deadline: Deadline) throws(PostgresError) -> String? {
    if let name = prepared[sql] { return name }
    if prepared.count >= Self.preparedLimit { return nil }
    let name = "s\(prepared.count)"
    guard PQsendPrepare(pg, name, sql, Int32(values.count), values.map(\.oid)) == 1 else { throw broken() }
    var failure: ServerError?
    while let result = try nextResult(deadline) {
      defer { PQclear(result) }
      if failure == nil { failure = Self.serverError(result) }
    }
    if let failure { throw .server(failure) }
    prepared[sql] = name
    return name
  }

  private func sendPrepared(_ name: String, _ values: [SQLValue]) throws(PostgresError) {
    let sent = withParameters(values) { pointers, lengths, formats in
      PQsendQueryPrepared(pg, name, Int32(values.count), pointers, lengths, formats, 1)
    }
    guard sent == 1 else { throw broken() }
  }

  func sendUnprepared(_ sql: String, _ values: [SQLValue]) throws(PostgresError) {
    let sent = withParameters(values) { pointers, lengths, formats in
      PQsendQueryParams(pg, sql, Int32(values.count), values.map(\.oid), pointers, lengths, formats, 1)
    }
    guard sent == 1 else { throw broken() }
  }

  private func withParameters(
    _ values: [SQLValue], _ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Int32
  ) -> Int32 {
    let formats = [Int32](repeating: 1, count: values.count)
    let lengths = values.map { Int32($0.bytes?.count ?? 0) }
    var pointers: [UnsafePointer<CChar>?] = []
    pointers.reserveCapacity(values.count)
    // An empty value must not look like null: it points at something.
    let empty = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
    defer { empty.deallocate() }
    func pin(_ index: Int) -> Int32 {
      guard index < values.count else { return body(pointers, lengths, formats) }
      guard let bytes = values[index].bytes else {
        pointers.append(nil)
        return pin(index + 1)
      }
      return bytes.withUnsafeBytes {
        pointers.append($0.baseAddress?.assumingMemoryBound(to: CChar.self) ?? UnsafePointer(empty))
        return pin(index + 1)
      }
    }
    return pin(0)
  }

  /// The next result of what is under way; nil at its end.
  func nextResult(_ deadline: Deadline) throws(PostgresError) -> OpaquePointer? {
    try flush(deadline)
    while PQisBusy(pg) == 1 {
      guard try poll(POLLIN, milliseconds: deadline.millisecondsLeft) else { throw timedOut(deadline) }
      guard PQconsumeInput(pg) == 1 else { throw broken() }
    }
    // A COPY that nobody ends gives results without end.
    guard !deadline.hasPassed else { throw timedOut(deadline) }
    let result = PQgetResult(pg)
    if PQstatus(pg) == CONNECTION_BAD {
      PQclear(result)
      throw broken()
    }
    return result
  }

  /// Hands everything to the kernel. Input is taken meanwhile: a server that waits for it to be read would read nothing.
  func flush(_ deadline: Deadline) throws(PostgresError) {
    while true {
      let state = PQflush(pg)
      if state == 0 { return }
      guard state == 1 else { throw broken() }
      guard try poll(POLLIN | POLLOUT, milliseconds: deadline.millisecondsLeft) else { throw timedOut(deadline) }
      guard PQconsumeInput(pg) == 1 else { throw broken() }
    }
  }

  /// Takes what has arrived, without waiting.
  func consumeInput() throws(PostgresError) {
    guard PQconsumeInput(pg) == 1 else { throw broken() }
  }

  private func poll(_ events: Int32, milliseconds: Int32) throws(PostgresError) -> Bool {
    var descriptor = pollfd(fd: PQsocket(pg), events: Int16(events), revents: 0)
    let ready = Glibc.poll(&descriptor, 1, milliseconds)
    if ready < 0 {
      // A signal is no answer, and no reason to give up either: the caller's deadline decides.
      guard errno == EINTR else { throw broken() }
      return milliseconds > 0
    }
    return ready > 0
  }

  func broken() -> PostgresError {
    isBroken = true
    return .connection(Self.errorText(pg))
  }

  func unexpected(_ text: String) -> PostgresError {
    isBroken = true
    return .unexpected(text)
  }

  /// Gives the connection up while something is under way.
  func abandon(after seconds: Int) -> PostgresError {
    isBroken = true
    return .timeout(seconds)
  }

  private func timedOut(_ deadline: Deadline) -> PostgresError {
    isBroken = true
    return .timeout(deadline.seconds)
  }

  static func serverError(_ result: OpaquePointer) -> ServerError? {
    let status = PQresultStatus(result)
    guard status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE else { return nil }
    // PG_DIAG_… are character constants that Swift does not import.
    func diagnostic(_ code: Unicode.Scalar) -> String? {
      PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
    }
    return ServerError(
      sqlState: diagnostic("C") ?? "08006",
      message: diagnostic("M") ?? trimmed(String(cString: PQresultErrorMessage(result))), detail: diagnostic("D"),
      hint: diagnostic("H"), position: diagnostic("P").flatMap { Int($0) })
  }
}

/// Holds a connection's notice callback where libpq's context pointer finds it.
private final class NoticeBox {
  let callback: (String) -> Void
  init(_ callback: @escaping (String) -> Void) { self.callback = callback }
}

/// Without the line break that libpq's texts end in.
private func trimmed(_ text: String) -> String {
  var text = text[...]
  while text.last?.isNewline == true || text.last == " " { text = text.dropLast() }
  // One line, so that it can stand in one: libpq's further lines are indented.
  return text.split(whereSeparator: \.isNewline).map { String($0.drop { $0 == "\t" || $0 == " " }) }.joined(
    separator: " ")
}
