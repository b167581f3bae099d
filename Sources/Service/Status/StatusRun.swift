import Engine
import Kafka
import Postgres

/// One call of `pleat status`: asks Kafka and the database, and waits where it is asked to.
package struct StatusRun {
  package struct Outcome {
    package var report: StatusReport
    /// Set if what was waited for did not happen, or Kafka did not answer.
    package var failure: CommandFailure?
  }

  private static let pollNanoseconds: Int64 = 50_000_000
  private static let retryNanoseconds: Int64 = 500_000_000

  private let configuration: Configuration
  private var projections: [String] { configuration.projections.only ?? ProjectionRegistry.names }

  package init(_ configuration: Configuration) { self.configuration = configuration }

  package func run(waitSeconds: Double?) throws(CommandFailure) -> Outcome {
    if let waitSeconds { return try wait(waitSeconds) }
    var ends: TopicEnds?
    var failure: CommandFailure?
    if configuration.kafka.bootstrap != nil {
      do throws(CommandFailure) {
        let found = try self.ends()
        ends = found
        failure = found.failures.first
      } catch  where error.exitCode == .unavailable {
        // The database knows enough to show: the ends are then those that ingest saw last.
        ends = TopicEnds(failures: [error])
        failure = error
      }
    }
    let connection = try Database.connect(configuration, for: "status")
    return Outcome(report: report(try read(connection), ends), failure: failure)
  }

  private func ends() throws(CommandFailure) -> TopicEnds {
    let client: KafkaClientConfiguration
    do throws(ConfigurationError) { client = try Cluster.client(configuration) } catch { throw error.failure }
    return try Cluster.ends(client, topics: configuration.kafka.topics, log: { _, _ in })
  }

  private func read(_ connection: Connection) throws(CommandFailure) -> DatabaseStatus {
    do throws(PostgresError) { return try StatusQueries.read(connection) } catch { throw CommandFailure(error) }
  }

  private func readPlaces(_ connection: Connection) throws(CommandFailure) -> DatabaseStatus {
    do throws(PostgresError) { return try StatusQueries.readPlaces(connection) } catch { throw CommandFailure(error) }
  }

  private func report(_ status: DatabaseStatus, _ ends: TopicEnds?, goalIsReached: Bool? = nil) -> StatusReport {
    StatusReport(
      instance: configuration.instance, status: status, ends: ends, projections: projections,
      goalIsReached: goalIsReached)
  }

  /// One status after the other over the same connection.
  package struct Live {
    private let run: StatusRun
    private var connection: Connection?
    private var ends: TopicEnds?

    fileprivate init(_ run: StatusRun) { self.run = run }

    /// - Parameter asksKafka: else the ends are those that it told last; where it does not answer, those that ingest saw.
    package mutating func read(asksKafka: Bool) throws(CommandFailure) -> StatusReport {
      if asksKafka, run.configuration.kafka.bootstrap != nil {
        do throws(CommandFailure) { ends = try run.ends() } catch {
          guard error.exitCode == .unavailable else { throw error }
          ends = TopicEnds(failures: [error])
        }
      }
      do throws(CommandFailure) {
        let open: Connection
        if let connection { open = connection } else { open = try Database.connect(run.configuration, for: "status") }
        connection = open
        return run.report(try run.read(open), ends)
      } catch {
        connection = nil
        throw error
      }
    }
  }

  package func live() -> Live { Live(self) }

  /// Services that are away are asked again until the time is over.
  private func wait(_ seconds: Double) throws(CommandFailure) -> Outcome {
    let pause = Waker()
    // Beyond this a wait is for ever, as far as anybody can tell.
    let longestSeconds = 1e9
    let deadline =
      SystemClock.monotonicNanoseconds()
      + Int64(min(seconds, longestSeconds) * Double(SystemClock.nanosecondsPerSecond))
    func goOn(after error: CommandFailure) throws(CommandFailure) {
      guard error.exitCode == .unavailable else { throw error }
      guard SystemClock.monotonicNanoseconds() < deadline else {
        throw CommandFailure(.tryAgain, "not caught up within \(seconds) s, as far as can be told: \(error.message)")
      }
      pause.wait(until: min(deadline, SystemClock.monotonicNanoseconds() + Self.retryNanoseconds))
    }
    var found: [TopicPartition: PartitionEnds]?
    while found == nil {
      do throws(CommandFailure) { found = try ends().all() } catch { try goOn(after: error) }
    }
    let ends = found ?? [:]
    var goal = CatchUpGoal(ends: ends, projections: projections)
    var connection: Connection?
    while true {
      do throws(CommandFailure) {
        let open: Connection
        if let connection { open = connection } else { open = try Database.connect(configuration, for: "status") }
        connection = open
        if try goal.isReached(by: readPlaces(open)) || SystemClock.monotonicNanoseconds() >= deadline {
          let status = try read(open)
          let isReached = goal.isReached(by: status)
          return Outcome(
            report: report(status, TopicEnds(known: ends), goalIsReached: isReached),
            failure: isReached ? nil : CommandFailure(.tryAgain, "not caught up within \(seconds) s; see the status."))
        }
        pause.wait(until: min(deadline, SystemClock.monotonicNanoseconds() + Self.pollNanoseconds))
      } catch {
        connection = nil
        try goOn(after: error)
      }
    }
  }
}
