import Engine
import Postgres
import Projections

/// One `pleat retention`: drops what the configuration lets go, in small transactions that hold nobody up.
package struct RetentionRun {
  package struct Outcome: Sendable {
    package var droppedTables: [String] = []
    /// The first position that the journal still has.
    package var firstPosition: Int64 = 1
    /// Who still needs the oldest table, although it is old enough.
    package var heldBy: String?
    package var thinnedTurns: Int64 = 0
    package var deletedVersions: Int64 = 0
    package var deletedDeadLetters: Int64 = 0
  }

  private static let drop = "SELECT dropped, held_by FROM pleat.drop_journal_table($1)"
  private static let start = "SELECT first_position FROM pleat.journal_start"
  private static let thin = "SELECT pleat.thin_turns($1)"
  private static let tables = """
    SELECT t.table_name, pg_relation_size(to_regclass(format('pleat.%I', t.table_name))) / current_setting('block_size')::bigint
    FROM pleat.projection_tables t WHERE to_regclass(format('pleat.%I', t.table_name)) IS NOT NULL ORDER BY t.table_name
    """
  private static let delete = "SELECT pleat.delete_versions($1, $2, $3)"
  /// Ids are given in the order of the appends, so the oldest letters come first. What somebody tries again just now waits for
  /// the next call.
  private static let deleteLetters = """
    DELETE FROM pleat.dead_letters WHERE id IN (
      SELECT o.id FROM (SELECT id, at FROM pleat.dead_letters ORDER BY id LIMIT $2) page JOIN pleat.dead_letters o USING (id)
      WHERE page.at < clock_timestamp() - make_interval(days => $1) FOR UPDATE OF o SKIP LOCKED)
    """

  /// Of a table of versions in one transaction: 32 MB, some 300,000 rows.
  private static let blocks: Int64 = 4_096
  private static let lettersAtOnce = 1_000
  /// How often a lock on the journal is tried: who waits for it holds everybody up, so it is waited for 200 ms at a time.
  private static let lockAttempts = 60
  private static let pauseNanoseconds: Int64 = 500_000_000

  private let connection: Connection
  private let say: (String) -> Void
  private let pause = Waker()

  package init(_ configuration: Configuration, say: @escaping (String) -> Void) throws(CommandFailure) {
    connection = try Owner.connect(configuration, for: "retention").connection
    self.say = say
  }

  package func run(_ retention: Configuration.Retention) throws(CommandFailure) -> Outcome {
    var outcome = Outcome()
    var dropFailure: PostgresError?
    do throws(PostgresError) {
      // What holds the journal's oldest table (a backup that runs) holds no version and no letter.
      if let journalDays = retention.journalDays {
        do throws(PostgresError) { try dropTables(Int32(clamping: journalDays), &outcome) } catch {
          dropFailure = error
        }
      }
      if let days = retention.versionsDays { try deleteVersions(Int32(clamping: days), &outcome) }
      if let days = retention.deadLettersDays { try deleteLetters(Int32(clamping: days), &outcome) }
      if let dropFailure { throw dropFailure }
      outcome.firstPosition = try connection.query(Self.start).map { row in row.bigint() ?? 1 }.first ?? 1
      return outcome
    } catch {
      throw CommandFailure(error)
    }
  }

  private func dropTables(_ days: Int32, _ outcome: inout Outcome) throws(PostgresError) {
    _ = try connection.query("SELECT pleat.pass_retired()")
    var attempts = 0
    while true {
      do throws(PostgresError) {
        let answers = try connection.query(Self.drop, [.int(days)], seconds: Connection.longReplySeconds).map { row in
          (row.text(), row.text())
        }
        outcome.heldBy = answers.first?.1
        guard let dropped = answers.first?.0 else { return }
        outcome.droppedTables.append(dropped)
        say("dropped pleat.\(dropped)")
        attempts = 0
      } catch {
        attempts += 1
        guard case .server(let server) = error, server.sqlState == SQLState.lockNotAvailable,
          attempts < Self.lockAttempts
        else {
          throw error
        }
        pause.wait(until: SystemClock.monotonicNanoseconds() + Self.pauseNanoseconds)
      }
    }
  }

  private func deleteVersions(_ days: Int32, _ outcome: inout Outcome) throws(PostgresError) {
    outcome.thinnedTurns = try connection.query(Self.thin, [.int(days)]).map { row in row.bigint() ?? 0 }.first ?? 0
    let tables = try connection.query(Self.tables).map { row in (row.text() ?? "", row.bigint() ?? 0) }
    for (table, end) in tables where end > 0 {
      var isSaid = false
      for block in stride(from: 0, to: end, by: Int(Self.blocks)) {
        let deleted =
          try connection.query(
            Self.delete, [.text(table), .bigint(block), .int(Int32(Self.blocks))], seconds: Connection.longReplySeconds
          ).map { row in row.bigint() ?? 0 }.first ?? 0
        if deleted > 0, !isSaid { say("deleting versions of pleat.\(table)") }
        isSaid = isSaid || deleted > 0
        outcome.deletedVersions += deleted
      }
    }
  }

  private func deleteLetters(_ days: Int32, _ outcome: inout Outcome) throws(PostgresError) {
    while true {
      let deleted = try connection.query(Self.deleteLetters, [.int(days), .bigint(Int64(Self.lettersAtOnce))])
        .affectedRows
      if deleted == 0 { return }
      if outcome.deletedDeadLetters == 0 { say("deleting dead letters") }
      outcome.deletedDeadLetters += Int64(deleted)
    }
  }
}
