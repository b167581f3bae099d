import Engine
import Events
package import Postgres
import Projections

/// A session of the tables' owner: what only an administrator may ask for.
package struct Owner {
  package let connection: Connection

  package static func connect(_ configuration: Configuration, for purpose: String) throws(CommandFailure) -> Owner {
    let target = Database.adminTarget(configuration, for: purpose)
    do throws(PostgresError) {
      return Owner(connection: try Connection(target, profile: .owner))
    } catch {
      if case .server(let server) = error, ["42501", "22023"].contains(server.sqlState) {
        throw CommandFailure(
          .configuration,
          "`pleat \(purpose)` works as pleat_owner, which the login may not (\(server.message)): set postgres.admin_url."
        )
      }
      throw CommandFailure(error, connectingTo: target)
    }
  }

  private func ask(_ sql: String, _ values: [SQLValue] = [], seconds: Int = Connection.replySeconds)
    throws(StoreError) -> QueryResult
  {
    do throws(PostgresError) { return try connection.query(sql, values, seconds: seconds) } catch {
      throw StoreError(error)
    }
  }

  // MARK: Erasures

  func erasureKeys() throws(CommandFailure) -> ErasureKeys {
    do throws(PostgresError) {
      let found = try connection.query("SELECT hash_key FROM pleat.secrets").map { row in row.bytea() ?? [] }
      guard let bytes = found.first, let words = Digest128(bytes: bytes) else {
        throw .unexpected("the installation has no hash key")
      }
      let key = HashKey(k0: words.low, k1: words.high)
      return ErasureKeys(people: key, identities: identityKey(of: key))
    } catch {
      throw CommandFailure(error)
    }
  }

  func newID() throws(StoreError) -> String {
    try ask("SELECT gen_random_uuid()::text").map { row in row.text() ?? "" }.first ?? ""
  }

  func now() throws(StoreError) -> Timestamp {
    try ask("SELECT clock_timestamp()").map { row in row.timestamptz() }.first.flatMap { $0 }
      ?? Timestamp(microseconds: 0)
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

  /// Above this a table is not written anew: everybody would wait for it too long.
  private static let largestScrub: Int64 = 4 << 30
  /// For how long it is waited for transactions that may still see what was.
  private static let snapshotSeconds = 60

  /// Tables of the journal in which something was rewritten since they were last written anew.
  private static let touched = """
    SELECT DISTINCT format('%I.%I', n.nspname, c.relname), pg_total_relation_size(c.oid)
    FROM pleat.erased_segments e
    JOIN pleat.journal s ON s.first_position = e.first_position
    JOIN pg_class c ON c.oid = s.tableoid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT e.scrubbed
    """
  private static let noteScrubbed = """
    UPDATE pleat.erased_segments e SET scrubbed = true
    FROM pleat.journal s JOIN pg_class c ON c.oid = s.tableoid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE s.first_position = e.first_position AND format('%I.%I', n.nspname, c.relname) = $1
    """
  private static let hasErasedLetters =
    "SELECT EXISTS (SELECT FROM pleat.dead_letters WHERE erased_at IS NOT NULL), pg_total_relation_size('pleat.dead_letters')"
  private static let horizon = "SELECT pg_current_xact_id()::text"
  private static let olderSnapshots = """
    SELECT count(*) FROM pg_stat_activity a
    WHERE a.pid <> pg_backend_pid() AND a.datname = current_database() AND a.backend_xmin IS NOT NULL
      AND age(a.backend_xmin) >= age($1::text::xid8::xid)
    """

  /// Writes the tables anew in which erasures have rewritten something: an UPDATE leaves the old bytes in the pages, and a plain
  /// VACUUM only marks them as free. Readers and writers of a table wait meanwhile; the names of those too large for that, which
  /// are only vacuumed, are returned.
  func scrub(_ say: (String) -> Void) throws(StoreError) -> [String] {
    var tables = try ask(Self.touched).map { row in (name: row.text() ?? "", bytes: row.bigint() ?? 0) }
    let letters = try ask(Self.hasErasedLetters).map { row in (row.bool() ?? false, row.bigint() ?? 0) }
    if let (isTouched, bytes) = letters.first, isTouched { tables.append(("pleat.dead_letters", bytes)) }
    guard !tables.isEmpty else { return [] }
    try awaitSnapshots()
    var left: [String] = []
    for (name, bytes) in tables.sorted(by: { $0.name < $1.name }) {
      let isTooLarge = bytes > Self.largestScrub
      say("\(isTooLarge ? "vacuuming" : "writing anew") \(name) (\(bytes >> 20) MB)")
      do throws(PostgresError) {
        try connection.execute(
          isTooLarge ? "VACUUM \(name)" : "VACUUM (FULL) \(name)", seconds: Connection.longReplySeconds)
      } catch {
        throw StoreError(error)
      }
      _ = try ask(Self.noteScrubbed, [.text(name)])
      if isTooLarge { left.append(name) }
    }
    return left
  }

  /// Until nobody's snapshot is older than now, or a minute is over: rows that somebody could still see are kept.
  private func awaitSnapshots() throws(StoreError) {
    let horizon = try ask(Self.horizon).map { row in row.text() ?? "0" }.first ?? "0"
    let deadline = SystemClock.monotonicNanoseconds() + Int64(Self.snapshotSeconds) * SystemClock.nanosecondsPerSecond
    let pause = Waker()
    while SystemClock.monotonicNanoseconds() < deadline {
      let older = try ask(Self.olderSnapshots, [.text(horizon)]).map { row in row.bigint() ?? 0 }.first ?? 0
      if older == 0 { return }
      pause.wait(until: SystemClock.monotonicNanoseconds() + SystemClock.nanosecondsPerSecond / 20)
    }
  }
}
