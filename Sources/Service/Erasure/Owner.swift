import Engine
import Events
package import Postgres
import Projections

/// A session of the tables' owner: what only an administrator may ask for.
package struct Owner {
  package let connection: Connection

  package static func connect(_ configuration: Configuration, for purpose: String) throws(CommandFailure) -> Owner {
    let target = try Database.adminTarget(configuration, for: purpose)
    let connection: Connection
    do throws(PostgresError) {
      connection = try Connection(target, profile: .owner)
    } catch {
      if case .server(let server) = error, ["42501", "22023"].contains(server.sqlState) {
        throw CommandFailure(
          .configuration,
          "`pleat \(purpose)` works as pleat_owner, which the login may not (\(server.message)): set postgres.admin_url."
        )
      }
      let key = configuration.postgres.adminURL == nil ? "postgres.url" : "postgres.admin_url"
      throw CommandFailure(error, connectingTo: target, of: key)
    }
    try Database.requireSchema(connection)
    return Owner(connection: connection)
  }

  private func ask(_ sql: String, _ values: [SQLValue] = [], seconds: Int = Connection.replySeconds)
    throws(StoreError) -> QueryResult
  {
    do throws(PostgresError) { return try connection.query(sql, values, seconds: seconds) } catch {
      throw Self.said(error)
    }
  }

  /// A lock that others hold is no server that is away.
  private static func said(_ error: PostgresError) -> StoreError {
    if case .server(let server) = error, server.sqlState == SQLState.lockNotAvailable { return .lost(server.message) }
    return StoreError(error)
  }

  // MARK: Erasures

  func erasureKeys() throws(CommandFailure) -> ErasureKeys {
    do throws(PostgresError) {
      let key = try connection.installationKey()
      return ErasureKeys(people: key, identities: identityKey(of: key))
    } catch {
      throw CommandFailure(error)
    }
  }

  func hasPublished() throws(CommandFailure) -> Bool {
    do throws(PostgresError) { return try connection.hasPublished() } catch { throw CommandFailure(error) }
  }

  func newID() throws(StoreError) -> String {
    try ask("SELECT gen_random_uuid()::text").map { row in row.text() ?? "" }.first ?? ""
  }

  func now() throws(StoreError) -> Timestamp {
    try ask("SELECT clock_timestamp()").map { row in row.timestamptz() }.first.flatMap { $0 }
      ?? Timestamp(microseconds: 0)
  }

  /// Topics that somebody reads, also where this configuration names others.
  func topics() throws(StoreError) -> [String] {
    try ask(
      "SELECT DISTINCT split_part(resource, '/', 2) FROM pleat.leases WHERE resource LIKE 'partition/%' AND owner IS NOT NULL"
    ).map { row in row.text() ?? "" }
  }

  /// The ends, each with its partition's incarnation.
  func ends(_ ends: [(TopicPartition, Int64)]) throws(StoreError) -> [ErasureRecord.End] {
    var incarnations: [TopicPartition: Int32] = [:]
    try ask("SELECT topic, partition, incarnation FROM pleat.partitions").eachRow { (row: inout RowReader) in
      let partition = TopicPartition(row.text() ?? "", row.int() ?? 0)
      incarnations[partition] = row.int() ?? 0
    }
    return ends.sorted { $0.0 < $1.0 }.map { partition, end in
      ErasureRecord.End(partition: partition, incarnation: incarnations[partition] ?? 0, offset: end)
    }
  }

  // MARK: Old bytes

  private static let letters = "pleat.dead_letters"
  private static let identities = "pleat.kept_identities"
  /// Above this a table is not written anew: everybody would wait for it too long.
  private static let largestScrub: Int64 = 4 << 30
  /// Above this the table that the journal goes on in is not: appends would wait for longer than about a second.
  private static let largestAppended: Int64 = 64 << 20
  /// Who waits for the lock holds everybody up: briefly, and again.
  private static let lockTimeout = "SET lock_timeout = '300ms'"
  private static let noLockTimeout = "SET lock_timeout = 0"
  private static let lockAttempts = 20
  private static let lockPauseNanoseconds: Int64 = 250_000_000
  /// For how long it is waited for transactions that may still see what was.
  private static let snapshotSeconds = 60

  /// Tables of the journal in which something was rewritten since they were last written anew.
  private static let touched = """
    SELECT DISTINCT format('pleat.%I', t.name), pg_total_relation_size(to_regclass(format('pleat.%I', t.name))),
      t.until_position > h.position
    FROM pleat.erased_segments e
    JOIN pleat.journal_tables t ON e.first_position >= t.first_position AND e.first_position < t.until_position
    CROSS JOIN pleat.journal_head h
    WHERE NOT e.scrubbed
    """
  /// What was erased before anybody waited for older snapshots ($1): what was since may have been seen, and is still to be written anew.
  private static let isBefore = "age(e.xmin) >= age($1::text::xid8::xid)"
  private static let noteScrubbed = """
    UPDATE pleat.erased_segments e SET scrubbed = true FROM pleat.journal_tables t
    WHERE NOT e.scrubbed AND e.first_position >= t.first_position AND e.first_position < t.until_position
      AND \(isBefore) AND format('pleat.%I', t.name) = $2
    """
  private static let hasErasedLetters =
    "SELECT EXISTS (SELECT FROM pleat.dead_letters WHERE erased_at IS NOT NULL AND erased_at <> coalesce(scrubbed_at, '-infinity')), "
    + "pg_total_relation_size('pleat.dead_letters')"
  private static let noteLetters = """
    UPDATE pleat.dead_letters e SET scrubbed_at = e.erased_at
    WHERE e.erased_at IS NOT NULL AND e.erased_at <> coalesce(e.scrubbed_at, '-infinity') AND \(isBefore)
    """
  private static let hasErasedIdentities =
    "SELECT EXISTS (SELECT FROM pleat.kept_identities WHERE NOT scrubbed), pg_total_relation_size('pleat.kept_identities')"
  private static let noteIdentities =
    "UPDATE pleat.kept_identities e SET scrubbed = true WHERE NOT e.scrubbed AND \(isBefore)"
  private static let horizon = "SELECT pg_current_xact_id()::text"
  private static let olderSnapshots = """
    SELECT count(*) FROM pg_stat_activity a
    WHERE a.pid <> pg_backend_pid() AND a.datname = current_database() AND a.backend_xmin IS NOT NULL
      AND age(a.backend_xmin) >= age($1::text::xid8::xid)
    """

  /// Writes the tables anew in which erasures have rewritten something: an UPDATE leaves the old bytes in the pages, and a plain
  /// VACUUM only marks them as free. Readers and writers of a table wait meanwhile; the names of those too large for that, and of
  /// those that others would not let go of, are returned: they are still to be written anew.
  func scrub(_ say: (String) -> Void) throws(StoreError) -> [String] {
    var tables = try ask(Self.touched).map { row in
      (name: row.text() ?? "", bytes: row.bigint() ?? 0, isAppended: row.bool() ?? true)
    }
    for (name, question) in [
      (Self.letters, Self.hasErasedLetters), (Self.identities, Self.hasErasedIdentities),
    ] {
      let found = try ask(question).map { row in (row.bool() ?? false, row.bigint() ?? 0) }
      if let (isTouched, bytes) = found.first, isTouched { tables.append((name, bytes, false)) }
    }
    guard !tables.isEmpty else { return [] }
    // What somebody may still see is written anew with the rest: then the old bytes are there still.
    let horizon = try ask(Self.horizon).map { row in row.text() ?? "0" }.first ?? "0"
    let isUnseen = try awaitSnapshots(before: horizon)
    if !isUnseen {
      say("somebody has held a snapshot for longer than \(Self.snapshotSeconds) s: `pleat status` names them")
    }
    var left: [String] = []
    for (name, bytes, isAppended) in tables.sorted(by: { $0.name < $1.name }) {
      let isTooLarge = bytes > (isAppended ? Self.largestAppended : Self.largestScrub)
      say("\(isTooLarge ? "vacuuming" : "writing anew") \(name) (\(bytes >> 20) MB)")
      guard isUnseen, try vacuum(isTooLarge ? "VACUUM \(name)" : "VACUUM (FULL) \(name)"), !isTooLarge else {
        left.append(name)
        continue
      }
      switch name {
      case Self.identities: _ = try ask(Self.noteIdentities, [.text(horizon)])
      case Self.letters: _ = try ask(Self.noteLetters, [.text(horizon)])
      default: _ = try ask(Self.noteScrubbed, [.text(horizon), .text(name)])
      }
    }
    return left
  }

  /// Returns whether it was done: false where others did not let go of the table.
  private func vacuum(_ statement: String) throws(StoreError) -> Bool {
    let pause = Waker()
    do throws(PostgresError) {
      try connection.execute(Self.lockTimeout)
      var isDone = false
      for attempt in 1...Self.lockAttempts where !isDone {
        isDone = try hasLock { () throws(PostgresError) in
          try connection.execute(statement, seconds: Connection.longReplySeconds)
        }
        if !isDone, attempt < Self.lockAttempts {
          pause.wait(until: SystemClock.monotonicNanoseconds() + Self.lockPauseNanoseconds)
        }
      }
      try connection.execute(Self.noLockTimeout)
      return isDone
    } catch {
      throw Self.said(error)
    }
  }

  private func hasLock(_ body: () throws(PostgresError) -> Void) throws(PostgresError) -> Bool {
    do throws(PostgresError) {
      try body()
      return true
    } catch {
      guard case .server(let server) = error, server.sqlState == SQLState.lockNotAvailable else { throw error }
      return false
    }
  }

  /// Until nobody's snapshot is older than this transaction, or a minute is over: rows that somebody could still see are kept. Returns whether none is.
  private func awaitSnapshots(before horizon: String) throws(StoreError) -> Bool {
    let deadline = SystemClock.monotonicNanoseconds() + Int64(Self.snapshotSeconds) * SystemClock.nanosecondsPerSecond
    let pause = Waker()
    while SystemClock.monotonicNanoseconds() < deadline {
      let older = try ask(Self.olderSnapshots, [.text(horizon)]).map { row in row.bigint() ?? 0 }.first ?? 0
      if older == 0 { return true }
      pause.wait(until: SystemClock.monotonicNanoseconds() + SystemClock.nanosecondsPerSecond / 20)
    }
    return false
  }
}
