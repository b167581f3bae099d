import Engine
package import Events
package import Kafka
package import Postgres
package import Projections

/// What `run` needs to know before it begins, and `check` tries: one attempt at each service. What passes by itself is told
/// apart from what does not.
package struct Preparation {
  package enum Failure: Error {
    /// The service is away: try again.
    case passing(String)
    case final(CommandFailure)

    package var commandFailure: CommandFailure {
      switch self {
      case .passing(let message): CommandFailure(.unavailable, message)
      case .final(let failure): failure
      }
    }
  }

  /// What the database says of itself.
  package struct DatabaseFacts: Sendable {
    package var installation: String
    package var hashKey: HashKey
    /// How far this host's clock is ahead of the database's, in seconds.
    package var clockAhead: Double
    /// Derived events, so that there must be a cursor topic.
    package var hasPublished: Bool

    /// Which events are of the future is decided by this host's clock: five minutes late, it refuses what is of now.
    package var clockProblem: String? {
      guard abs(clockAhead) > Self.tolerableSeconds else { return nil }
      let (seconds, way) = (Int(abs(clockAhead).rounded()), clockAhead < 0 ? "behind" : "ahead of")
      return "this host's clock is \(seconds) s \(way) the database's: "
        + "events of now are refused as future_time where it is five minutes late, so let both follow NTP"
    }

    private static let tolerableSeconds = 60.0
  }

  private let configuration: Configuration
  private let migrations: [MigrationFile]
  private let client: KafkaClientConfiguration
  package let catalog: TechnologyCatalog

  /// Everything that needs no service.
  package init(_ configuration: Configuration, installation: Installation = Installation()) throws(ConfigurationError) {
    self.configuration = configuration
    client = try Cluster.client(configuration)
    catalog = try CatalogFile.load(configuration, installation: installation)
    migrations = try Self.migrations(installation)
  }

  package var kafkaClient: KafkaClientConfiguration { client }

  package static func migrations(_ installation: Installation) throws(ConfigurationError) -> [MigrationFile] {
    let directory = try installation.migrations()
    do throws(MigrationError) {
      return try MigrationFile.read(directory: directory)
    } catch {
      throw ConfigurationError("the migrations cannot be used: \(error)")
    }
  }

  // MARK: - PostgreSQL

  private static let installationQuery = "SELECT uuid::text, clock_timestamp() FROM pleat.installation"

  /// Requires a migrated database and a login that is no more than the writer.
  package func database() throws(Failure) -> DatabaseFacts {
    let target = Database.target(configuration, for: "run")
    let connection: Connection
    do throws(PostgresError) {
      connection = try Connection(target)
    } catch {
      throw Self.failure(CommandFailure(error, connectingTo: target))
    }
    do throws(SchemaError) {
      try SchemaCheck.requireSession(connection)
      try SchemaCheck.requireSchema(connection, files: migrations)
      try SchemaCheck.requireWriter(connection)
    } catch {
      if case .unavailable(let text) = error { throw .passing("PostgreSQL is not available: \(text)") }
      throw .final(CommandFailure(.configuration, "\(error)."))
    }
    let hasPublished = try Self.postgres { () throws(PostgresError) in try connection.hasPublished() }
    let found = try Self.postgres { () throws(PostgresError) in
      try connection.query(Self.installationQuery).map { row in (uuid: row.text() ?? "", clock: row.timestamptz()) }
    }
    let (here, there) = (SystemClock.now().wall, found.first?.clock)
    let ahead = there.map { Double(here.microseconds - $0.microseconds) / 1_000_000 } ?? 0
    let store = PostgresJournalStore(target)
    defer { store.reset() }
    do throws(StoreError) {
      return DatabaseFacts(
        installation: found.first?.uuid ?? "", hashKey: try store.hashKey(), clockAhead: ahead,
        hasPublished: hasPublished)
    } catch {
      if case .unavailable(let text) = error { throw .passing("PostgreSQL is not available: \(text)") }
      throw .final(CommandFailure(.configuration, "the hash key cannot be read: \(error.message)."))
    }
  }

  /// Shows readers the catalog that folds here use, if it is the one that had its version before.
  package func publishCatalog() throws(Failure) {
    try Self.postgres { () throws(PostgresError) in
      try PublishedCatalog.publish(catalog, Connection(Database.target(configuration, for: "run")))
    }
  }

  package func requireCatalog() throws(Failure) {
    try Self.postgres { () throws(PostgresError) in
      try PublishedCatalog.require(catalog, Connection(Database.target(configuration, for: "run")))
    }
  }

  private static func postgres<R>(_ body: () throws(PostgresError) -> R) throws(Failure) -> R {
    do throws(PostgresError) {
      return try body()
    } catch {
      throw failure(CommandFailure(error))
    }
  }

  private static func failure(_ failure: CommandFailure) -> Failure {
    failure.exitCode == .unavailable ? .passing(failure.message) : .final(failure)
  }

  // MARK: - Kafka

  package struct ClusterFacts: Sendable {
    package var id: String
    /// False on the embedded broker.
    package var hasTransactions: Bool
    /// Of each topic that is read or written, but for the cursor topic, which Pleat makes.
    package var partitions: [(topic: String, count: Int)]
  }

  /// Requires that every topic but the cursor topic exists.
  package func cluster(log: @escaping KafkaLog) throws(Failure) -> ClusterFacts {
    let admin: AdminTopics
    do throws(KafkaConfigurationError) {
      admin = try AdminTopics(client, log: log)
    } catch {
      if case .noResources = error { throw .passing("\(error)") }
      throw .final(CommandFailure(error))
    }
    defer { admin.close() }
    let kafka = configuration.kafka
    var missing: [String] = []
    var partitions: [(topic: String, count: Int)] = []
    let id: String
    do throws(KafkaError) {
      for topic in kafka.topics + Set([kafka.outputTopic, kafka.teamTopic]).sorted() {
        if let count = try admin.partitionCount(of: topic) {
          partitions.append((topic, count))
        } else {
          missing.append(topic)
        }
      }
      // Last: a client that is asked for this alone connects only after a second.
      id = try admin.clusterID()
    } catch {
      throw .passing(error.isOfTopic ? "\(error)" : "Kafka at \(client.bootstrap) is not available: \(error)")
    }
    if !missing.isEmpty {
      let names = missing.joined(separator: ", ")
      let message =
        missing.count == 1
        ? "the topic \(names) does not exist: create it." : "the topics \(names) do not exist: create them."
      throw .final(CommandFailure(.unavailable, message))
    }
    return ClusterFacts(
      id: id, hasTransactions: !EmbeddedBroker.isEmbedded(clusterID: id), partitions: partitions)
  }

  package enum CursorTopicState: Sendable {
    case missing
    case fine
    /// Of several brokers one alone has it.
    case singleCopy
  }

  /// Requires that the cursor topic can keep the relay's place, if it is there.
  package func cursorTopic(log: @escaping KafkaLog) throws(Failure) -> CursorTopicState {
    let topic = CursorTopic(configuration.kafka.cursorTopic, client, log: log)
    do throws(PublishError) {
      guard try topic.exists() else { return .missing }
      return try topic.hasOneCopy() ? .singleCopy : .fine
    } catch {
      let failure = CommandFailure(error)
      throw failure.exitCode == .configuration ? .final(failure) : .passing(failure.message)
    }
  }
}
