import Postgres
import Projections

/// What `pleat check` finds: a line for each thing that `run` needs, and warnings of what else may be mended.
package struct ConfigurationCheck {
  package struct Finding: Sendable {
    package var what: String
    package var failure: CommandFailure?
    /// `run` would be content all the same.
    package var isWarning = false
    package var message: String
  }

  package private(set) var findings: [Finding] = []

  /// Tries everything, once.
  package init(_ configuration: Configuration) {
    let preparation: Preparation
    do throws(ConfigurationError) {
      preparation = try Preparation(configuration)
    } catch {
      note("configuration", error.failure)
      // Kafka cannot be asked, but whether the database answers is known all the same.
      do throws(CommandFailure) {
        _ = try Database.connect(configuration, for: "check")
        note("postgres", "answers, and is migrated")
      } catch {
        note("postgres", error)
      }
      return
    }
    note("configuration", configuration.file.map { "\($0) and the environment" } ?? "the environment alone")
    let catalog = preparation.catalog
    var (isMigrated, hasPublished) = (false, false)
    do throws(Preparation.Failure) {
      let database = try preparation.database()
      isMigrated = true
      hasPublished = database.hasPublished
      note("postgres", "migrated, and the login is no more than pleat_writer; installation \(database.installation)")
      if let problem = database.clockProblem {
        warn("clock", "\(problem).")
      } else {
        note("clock", "as the database's")
      }
    } catch {
      note("postgres", error.commandFailure)
    }
    do throws(Preparation.Failure) {
      if isMigrated { try preparation.requireCatalog() }
      note("catalog", "version \(catalog.version), \(catalog.entries.count) technologies")
    } catch {
      note("catalog", error.commandFailure)
    }
    tryKafka(preparation, hasPublished: hasPublished)
    tryAdministrator(configuration)
  }

  private mutating func tryKafka(_ preparation: Preparation, hasPublished: Bool) {
    let cluster: Preparation.ClusterFacts
    do throws(Preparation.Failure) {
      cluster = try preparation.cluster(log: { _, _ in })
    } catch {
      return note("kafka", error.commandFailure)
    }
    let topics = cluster.partitions.map { "\($0.topic) (\($0.count))" }.joined(separator: ", ")
    let delivery = cluster.hasTransactions ? "" : "; without transactions: delivery is at least once"
    note("kafka", "cluster \(cluster.id), topics \(topics)\(delivery)")
    tryReading(preparation, cluster.partitions.map(\.topic))
    if cluster.hasTransactions { lookAtCursorTopic(preparation, hasPublished: hasPublished) }
  }

  /// Brokers that cannot be reached under the addresses that they tell, and rights that are missing, show here alone.
  private mutating func tryReading(_ preparation: Preparation, _ topics: [String]) {
    do throws(CommandFailure) {
      let tried = try Cluster.tryReading(preparation.kafkaClient, topics: topics)
      if tried.failures.isEmpty { return note("reading", "\(tried.readable) partitions can be read") }
      note("reading", CommandFailure(.unavailable, tried.failures.map(\.message).joined(separator: "; ")))
    } catch {
      note("reading", error)
    }
  }

  private mutating func lookAtCursorTopic(_ preparation: Preparation, hasPublished: Bool) {
    do throws(Preparation.Failure) {
      switch try preparation.cursorTopic(log: { _, _ in }) {
      case .fine: note("cursor topic", "compacted, of one partition")
      case .missing where hasPublished:
        warn(
          "cursor topic",
          "not there, though there are derived events already: the relay will stand still with an alarm.")
      case .missing: note("cursor topic", "not there yet: the relay makes it")
      case .singleCopy:
        warn(
          "cursor topic",
          "of several brokers one alone has it, with the relay's place and every erasure: give it more replicas "
            + "(`kafka-reassign-partitions.sh`).")
      }
    } catch {
      note("cursor topic", error.commandFailure)
    }
  }

  /// Who may not read the administrator's secrets leaves them alone, as the daemon's user may have to.
  private mutating func tryAdministrator(_ configuration: Configuration) {
    guard configuration.postgres.adminURL != nil, configuration.postgres.adminProblems.isEmpty else { return }
    do throws(CommandFailure) {
      let target = try Database.adminTarget(configuration, for: "check")
      do throws(PostgresError) { _ = try Connection(target) } catch {
        throw CommandFailure(error, connectingTo: target, of: "postgres.admin_url")
      }
      note("administrator", "is let in")
    } catch {
      warn("administrator", error.message)
    }
  }

  private mutating func note(_ what: String, _ message: String) {
    findings.append(Finding(what: what, failure: nil, message: message))
  }

  private mutating func warn(_ what: String, _ message: String) {
    findings.append(Finding(what: what, failure: nil, isWarning: true, message: message))
  }

  private mutating func note(_ what: String, _ failure: CommandFailure) {
    findings.append(Finding(what: what, failure: failure, message: failure.message))
  }

  /// nil if all is well; what must be mended goes before what may come by itself.
  package var exitCode: ExitCode? {
    let codes = findings.compactMap { $0.failure?.exitCode }
    return codes.first { $0 == .configuration } ?? codes.first
  }

  package var text: String {
    findings.map { finding in
      let mark = finding.failure != nil ? "failed  " : finding.isWarning ? "warning " : "ok      "
      return mark + finding.what + String(repeating: " ", count: 15 - finding.what.count) + finding.message + "\n"
    }.joined()
  }

  /// `ok`, and `checks`: of each its `name`, `ok`, `warning` and `message`.
  package var json: JSONValue {
    .object([
      "ok": .bool(exitCode == nil),
      "checks": .array(
        findings.map {
          .object([
            "name": .string($0.what), "ok": .bool($0.failure == nil), "warning": .bool($0.isWarning),
            "message": .string($0.message),
          ])
        }),
    ])
  }
}
