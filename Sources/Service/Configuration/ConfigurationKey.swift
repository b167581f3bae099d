/// Every key of the configuration, by its path in the file.
package enum ConfigurationKey: String, CaseIterable, Hashable, Sendable {
  case instance
  case kafkaBootstrap = "kafka.bootstrap"
  case kafkaGroup = "kafka.group"
  case kafkaTopics = "kafka.topics"
  case kafkaOutputTopic = "kafka.output_topic"
  case kafkaTeamTopic = "kafka.team_topic"
  case kafkaCursorTopic = "kafka.cursor_topic"
  case kafkaProperties = "kafka.properties"
  case postgresURL = "postgres.url"
  case postgresURLFile = "postgres.url_file"
  case postgresPasswordFile = "postgres.password_file"
  case postgresAdminURL = "postgres.admin_url"
  case postgresAdminURLFile = "postgres.admin_url_file"
  case postgresAdminPasswordFile = "postgres.admin_password_file"
  case ingestFlushMilliseconds = "ingest.flush_ms"
  case ingestFlushEvents = "ingest.flush_events"
  case projectionsOnly = "projections.only"
  case projectionsCatalog = "projections.catalog"
  case projectionsRebuild = "projections.rebuild"
  case relayPublish = "relay.publish"
  case retentionJournalDays = "retention.journal_days"
  case retentionVersionsDays = "retention.versions_days"
  case retentionDeadLettersDays = "retention.dead_letters_days"
  case limitsLeaseSeconds = "limits.lease_seconds"
  case limitsMemoryMegabytes = "limits.memory_mb"
  case logLevel = "log.level"
  case logFormat = "log.format"

  package enum Form: Hashable, Sendable {
    case text
    case integer(ClosedRange<Int>)
    /// One of these words.
    case choice([String])
    /// A sequence, or texts separated by commas.
    case list
    /// A mapping, or `name=value` separated by commas.
    case map
  }

  package var form: Form {
    switch self {
    case .kafkaTopics, .projectionsOnly: .list
    case .kafkaProperties: .map
    case .ingestFlushMilliseconds: .integer(1...60_000)
    case .ingestFlushEvents: .integer(1...1_000_000)
    case .retentionJournalDays, .retentionVersionsDays, .retentionDeadLettersDays: .integer(1...36_500)
    case .limitsLeaseSeconds: .integer(2...3600)
    case .limitsMemoryMegabytes: .integer(16...1_048_576)
    case .projectionsRebuild: .choice(["auto", "manual"])
    case .relayPublish: .choice(["live", "all"])
    case .logLevel: .choice(["debug", "info", "notice", "warning", "error"])
    case .logFormat: .choice(["text", "json", "journal"])
    default: .text
    }
  }

  /// What holds where nothing is said, as the file would say it; nil if that is nothing, or depends on the machine.
  package var defaultText: String? {
    switch self {
    case .kafkaGroup: "pleat"
    case .kafkaTopics: "pleat.events"
    case .kafkaOutputTopic: "analytics.events"
    case .kafkaTeamTopic: "analytics.teams"
    case .kafkaCursorTopic: "pleat.cursors"
    case .ingestFlushMilliseconds: "20"
    case .ingestFlushEvents: "10000"
    case .projectionsRebuild: "auto"
    case .relayPublish: "live"
    case .limitsLeaseSeconds: "10"
    case .limitsMemoryMegabytes: "200"
    case .logLevel: "info"
    default: nil
    }
  }

  /// How `pleat config` says that a key has no value.
  package var unsetText: String {
    switch self {
    case .postgresURL: "(libpq's own variables)"
    case .postgresAdminURL: "(as postgres.url)"
    case .projectionsOnly: "(all)"
    case .projectionsCatalog: "(the one that comes with pleat)"
    case .retentionJournalDays, .retentionVersionsDays: "(for ever)"
    case .logFormat: "(by where it goes)"
    default: "(none)"
    }
  }

  /// `PLEAT_KAFKA_BOOTSTRAP`.
  package var variable: String { "PLEAT_" + String(rawValue.uppercased().map { $0 == "." ? "_" : $0 }) }

  /// nil for a key at the top.
  package var section: Substring? {
    rawValue.firstIndex(of: ".").map { rawValue[..<$0] }
  }
}
