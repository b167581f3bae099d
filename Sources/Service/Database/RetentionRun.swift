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
  }

  private static let drop = "SELECT dropped, held_by FROM pleat.drop_journal_table($1)"
  private static let start = "SELECT first_position FROM pleat.journal_start"
  private static let thin = "SELECT pleat.thin_turns($1)"
  private static let delete = "SELECT from_table, deleted FROM pleat.delete_versions($1)"

  /// Versions in one transaction.
  private static let batch: Int32 = 20_000
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

  /// - Parameters: nil leaves that as it is.
  package func run(journalDays: Int?, versionsDays: Int?) throws(CommandFailure) -> Outcome {
    var outcome = Outcome()
    do throws(PostgresError) {
      if let journalDays { try dropTables(Int32(clamping: journalDays), &outcome) }
      if let versionsDays { try deleteVersions(Int32(clamping: versionsDays), &outcome) }
      outcome.firstPosition = try connection.query(Self.start).map { row in row.bigint() ?? 1 }.first ?? 1
      return outcome
    } catch {
      throw CommandFailure(error)
    }
  }

  private func dropTables(_ days: Int32, _ outcome: inout Outcome) throws(PostgresError) {
    var attempts = 0
    while true {
      do throws(PostgresError) {
        let answers = try connection.query(Self.drop, [.int(days)]).map { row in (row.text(), row.text()) }
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
    var table = ""
    while true {
      let found = try connection.query(Self.delete, [.int(Self.batch)], seconds: Connection.longReplySeconds)
        .map { row in (row.text() ?? "", row.bigint() ?? 0) }
      guard let (name, count) = found.first else { return }
      if name != table { say("deleting versions of pleat.\(name)") }
      table = name
      outcome.deletedVersions += count
    }
  }
}
