package import Engine

/// What Pleat was told to do, complete and checked.
package struct Configuration: Sendable {
  package struct Kafka: Sendable {
    /// `host:port`, separated by commas; nil where nothing says it (only some commands need it).
    package var bootstrap: String?
    package var group: String
    package var topics: [String]
    package var outputTopic: String
    package var teamTopic: String
    package var cursorTopic: String
    /// For librdkafka, as they are.
    package var properties: [(name: String, value: Secret)]
  }
  package struct Postgres: Sendable {
    /// A URL or libpq's `key=value` form; nil: libpq's own variables decide.
    package var url: Secret?
    package var password: Secret?
    /// Of the administrator, for `migrate`, `forget` and `retention`; nil: as `url`, with its password.
    package var adminURL: Secret?
    package var adminPassword: Secret?
    /// What is wrong with these two.
    package var adminProblems: [String]
  }
  package struct Ingest: Sendable {
    package var flushMilliseconds: Int
    package var flushEvents: Int
  }
  package struct Projections: Sendable {
    /// Names; nil for all; `projections.only: none` for none: such an instance only fills the journal.
    package var only: [String]?
    package static let none = "none"
    /// The path of a technology catalog; nil for the one that comes with Pleat.
    package var catalog: String?
    /// Whether `run` rebuilds by itself what a lower version, or another catalog, has folded.
    package var rebuildsItself: Bool
  }
  package struct Relay: Sendable {
    /// Whether a first start over old topics publishes what follows from them, too.
    package var publishAll: Bool
  }
  package struct Retention: Sendable {
    /// For how many days the journal is kept; nil for ever.
    package var journalDays: Int?
    /// For how many days each day's versions are kept, and then the first of each month's; nil for ever.
    package var versionsDays: Int?
    /// For how many days a dead letter is kept; nil for ever.
    package var deadLettersDays: Int?

    /// Whether everything is kept.
    package var isOff: Bool { journalDays == nil && versionsDays == nil && deadLettersDays == nil }
  }
  package struct Limits: Sendable {
    package var leaseSeconds: Int
    package var memoryMegabytes: Int
  }
  package struct Log: Sendable {
    package var level: Severity
    /// nil: by where it goes.
    package var format: LogFormat?
  }

  /// One key as `pleat config` shows it: secrets as `***`.
  package struct Entry: Sendable {
    package var key: ConfigurationKey
    /// nil where nothing is set.
    package var value: JSONValue?
    package var origin: Origin
  }

  package var instance: String
  package var kafka: Kafka
  package var postgres: Postgres
  package var ingest: Ingest
  package var projections: Projections
  package var relay: Relay
  package var retention: Retention
  package var limits: Limits
  package var log: Log
  /// The file that was read, if one was.
  package var file: String?
  /// Every key, in the order of `ConfigurationKey`.
  package var entries: [Entry]

  /// For the commands that cannot do without Kafka.
  package func requireBootstrap() throws(ConfigurationError) -> String {
    guard let bootstrap = kafka.bootstrap else {
      throw ConfigurationError(
        "kafka.bootstrap is not set: give it in the configuration file, or as \(ConfigurationKey.kafkaBootstrap.variable)."
      )
    }
    return bootstrap
  }
}
