package import Engine
import Postgres
import Projections

/// Whether a stage whose step takes long is at work in the database: its backend is active, and not waiting for its client, or has
/// begun or answered a statement within a lease's time. A fan-out may take longer than any limit, as may hundreds of statements
/// over a slow network, and is no reason to be restarted.
package final class BackendActivity {
  private let target: ConnectionTarget
  private var connection: Connection?

  /// The resource of a stage's lease; a prefix for ingest, which has one for each partition.
  private static let query = """
    SELECT EXISTS (
      SELECT FROM pleat.leases l
      JOIN pg_stat_activity a ON a.pid = l.backend_pid AND a.backend_start = l.backend_start
      WHERE l.owner = $1 AND l.owner_start = $2 AND starts_with(l.resource, $3)
        AND (a.state = 'active' AND a.wait_event_type IS DISTINCT FROM 'Client'
          OR a.state_change > clock_timestamp() - make_interval(secs => $4)))
    """
  private static let replySeconds = 2
  /// Who supervises waits for so long: signals are his, too. An answer that comes later is for his next question.
  private static let waitNanoseconds = SystemClock.nanosecondsPerSecond
  /// Once it did not answer it is not asked about every other stage, too.
  private static let silenceNanoseconds = 5 * SystemClock.nanosecondsPerSecond
  private var silentUntil: Int64 = 0
  /// Until its answer is there the connection is the question's.
  private var question: (stage: String, attempt: Attempt<Bool?>)?

  private let leaseSeconds: Int

  package init(_ configuration: Configuration) {
    target = Database.target(configuration, for: "watchdog")
    leaseSeconds = configuration.limits.leaseSeconds
  }

  private func opened() throws(PostgresError) -> Connection {
    if let connection { return connection }
    let made = try Connection(target)
    connection = made
    return made
  }

  /// False where the database does not say.
  package func isAtWork(_ stage: String, of instance: InstanceID?) -> Bool {
    guard let instance else { return false }
    if let question {
      guard let late = question.attempt.value(within: 0) else { return false }
      self.question = nil
      let isAtWork = note(late)
      if question.stage == stage { return isAtWork }
    }
    guard SystemClock.monotonicNanoseconds() >= silentUntil else { return false }
    let attempt = Attempt("watchdog") { [self] in answer(stage, instance) }
    guard let answer = attempt.value(within: Self.waitNanoseconds) else {
      question = (stage, attempt)
      return false
    }
    return note(answer)
  }

  private func note(_ answer: Bool?) -> Bool {
    if answer == nil { silentUntil = SystemClock.monotonicNanoseconds() + Self.silenceNanoseconds }
    return answer ?? false
  }

  /// nil where the database does not say.
  private func answer(_ stage: String, _ instance: InstanceID) -> Bool? {
    let (resource, owner) =
      switch stage {
      case "ingest": (LeaseResource.partitionPrefix, instance)
      case "relay": (LeaseResource.relay, instance)
      case "rebuild": (LeaseResource.rebuildPrefix, RebuildStage.owner(of: instance))
      default: (LeaseResource.projection(stage), instance)
      }
    do throws(PostgresError) {
      return try opened().query(
        Self.query,
        [.text(owner.name), .bigint(owner.start), .text(resource), .int(Int32(leaseSeconds))],
        seconds: Self.replySeconds
      ).map { row in row.bool() ?? false }.first ?? false
    } catch {
      connection = nil
      return nil
    }
  }
}
