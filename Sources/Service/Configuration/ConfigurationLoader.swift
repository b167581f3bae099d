import Engine
import Kafka
import Postgres

/// Makes a configuration of its sources: one YAML file, the environment, which goes before it, and files of secrets.
package struct ConfigurationLoader {
  package static let defaultFile = "/etc/pleat/pleat.yaml"

  private let sources: ConfigurationSources
  private var raw = RawConfiguration()
  private var secrets: SecretReader
  private var problems: [String] = []
  private var entries: [ConfigurationKey: Configuration.Entry] = [:]

  /// `explicit` is `--config`. Everything that is wrong is said at once.
  package static func load(
    file explicit: String?, sources: ConfigurationSources = .process
  ) throws(ConfigurationError) -> Configuration {
    var loader = ConfigurationLoader(sources)
    return try loader.load(explicit)
  }

  private init(_ sources: ConfigurationSources) {
    self.sources = sources
    secrets = SecretReader(sources)
  }

  private mutating func load(_ explicit: String?) throws(ConfigurationError) -> Configuration {
    let file = try readFile(explicit)
    raw.read(sources.environment, notUTF8: sources.notUTF8)
    let configuration = build(file)
    let all = raw.problems + secrets.problems + problems
    if !all.isEmpty { throw ConfigurationError(all) }
    return configuration
  }

  /// The path of the file that was read.
  private mutating func readFile(_ explicit: String?) throws(ConfigurationError) -> String? {
    let variable = sources.environment[RawConfiguration.fileVariable].flatMap { $0.isEmpty ? nil : $0 }
    let path = explicit ?? variable ?? Self.defaultFile
    switch sources.readFile(path) {
    case .bytes(let bytes):
      raw.read(try YAMLReader.read(bytes, file: path), file: path)
      return path
    case .failed(let reason): throw ConfigurationError("the configuration \(path) cannot be read: \(reason)")
    case .missing where explicit == nil && variable == nil: return nil
    case .missing:
      let whence = explicit == nil ? " (from \(RawConfiguration.fileVariable))" : ""
      throw ConfigurationError("there is no configuration \(path)\(whence)")
    }
  }

  private mutating func build(_ file: String?) -> Configuration {
    let admin = administrator()
    let (password, passwordOrigin) = secretFile(.postgresPasswordFile, credential: "postgres.password")
    noteFile(.postgresPasswordFile, passwordOrigin)
    let configuration = Configuration(
      instance: instance(),
      kafka: .init(
        bootstrap: bootstrap(), group: group(), topics: topics(),
        outputTopic: topic(.kafkaOutputTopic), teamTopic: topic(.kafkaTeamTopic), cursorTopic: topic(.kafkaCursorTopic),
        properties: properties()),
      postgres: .init(
        url: connection(.postgresURL, file: .postgresURLFile), password: password,
        adminURL: admin.url, adminPassword: admin.password, adminProblems: admin.problems),
      ingest: .init(
        flushMilliseconds: integer(.ingestFlushMilliseconds), flushEvents: integer(.ingestFlushEvents)),
      projections: .init(
        only: only(), catalog: text(.projectionsCatalog), rebuildsItself: choice(.projectionsRebuild) == "auto"),
      relay: .init(publishAll: choice(.relayPublish) == "all"),
      retention: .init(
        journalDays: optionalInteger(.retentionJournalDays), versionsDays: optionalInteger(.retentionVersionsDays),
        deadLettersDays: optionalInteger(.retentionDeadLettersDays)),
      limits: .init(leaseSeconds: integer(.limitsLeaseSeconds), memoryMegabytes: integer(.limitsMemoryMegabytes)),
      log: .init(
        level: choice(.logLevel).flatMap(Severity.init(name:)) ?? .info,
        format: choice(.logFormat).flatMap(LogFormat.init(rawValue:))),
      file: file, entries: [])
    checkTopics(configuration.kafka)
    var complete = configuration
    complete.entries = ConfigurationKey.allCases.map {
      entries[$0] ?? Configuration.Entry(key: $0, value: nil, origin: .default)
    }
    return complete
  }

  // MARK: - Values of a form

  private mutating func note(_ key: ConfigurationKey, _ value: JSONValue?, _ origin: Origin) {
    entries[key] = Configuration.Entry(key: key, value: value, origin: origin)
  }

  /// A problem of one value. The value is shown only by the caller, who knows that it is no secret.
  private mutating func wrong(_ key: ConfigurationKey, _ problem: String) {
    let place = raw.values[key].map { " (\($0.origin))" } ?? ""
    problems.append("\(key.rawValue)\(place): \(problem)")
  }

  private mutating func text(_ key: ConfigurationKey) -> String? {
    if let found = raw.values[key], case .text(let text) = found.value {
      if text.isEmpty { wrong(key, "is empty") }
      note(key, .string(text), found.origin)
      return text
    }
    if let text = key.defaultText { note(key, .string(text), .default) }
    return key.defaultText
  }

  private mutating func requiredText(_ key: ConfigurationKey) -> String { text(key) ?? "" }

  private mutating func instance() -> String {
    let name = text(.instance) ?? sources.hostName
    if raw.values[.instance] == nil { note(.instance, .string(name), .default) }
    let greatestBytes = 255
    if name.utf8.count > greatestBytes || name.hasControlCharacters {
      wrong(.instance, "a name is 1 to \(greatestBytes) bytes without control characters")
    }
    return name
  }

  private mutating func integer(_ key: ConfigurationKey) -> Int { optionalInteger(key) ?? 0 }

  private mutating func optionalInteger(_ key: ConfigurationKey) -> Int? {
    guard case .integer(let range) = key.form, let text = text(key) else { return nil }
    guard let value = Int(text), range.contains(value) else {
      wrong(key, "\"\(text)\" is not a whole number from \(range.lowerBound) to \(range.upperBound)")
      return range.lowerBound
    }
    note(key, .integer(Int64(value)), raw.values[key]?.origin ?? .default)
    return value
  }

  private mutating func choice(_ key: ConfigurationKey) -> String? {
    guard case .choice(let words) = key.form, let text = text(key) else { return nil }
    if !words.contains(text) {
      wrong(
        key,
        "\"\(text)\" is none of \(words.joined(separator: ", ")); the nearest is \"\(nearestName(to: text, among: words) ?? "")\""
      )
    }
    return text
  }

  private mutating func list(_ key: ConfigurationKey) -> [String]? {
    guard let found = raw.values[key], case .list(let items) = found.value else {
      guard let text = key.defaultText else { return nil }
      note(key, .array([.string(text)]), .default)
      return [text]
    }
    note(key, .array(items.map { .string($0) }), found.origin)
    if items.isEmpty { wrong(key, "is an empty list") }
    if Set(items).count < items.count { wrong(key, "names something twice") }
    return items
  }

  // MARK: - Kafka, and projections

  private mutating func topics() -> [String] {
    let topics = list(.kafkaTopics) ?? []
    for topic in topics { checkTopic(.kafkaTopics, topic) }
    return topics
  }

  private mutating func bootstrap() -> String? {
    let text = text(.kafkaBootstrap)
    if let text, !text.isEmpty, let problem = BootstrapServers.problem(in: text) { wrong(.kafkaBootstrap, problem) }
    return text
  }

  private mutating func group() -> String {
    let text = requiredText(.kafkaGroup)
    if text.hasControlCharacters { wrong(.kafkaGroup, "has control characters") }
    return text
  }

  private mutating func topic(_ key: ConfigurationKey) -> String {
    let topic = requiredText(key)
    checkTopic(key, topic)
    return topic
  }

  private mutating func checkTopic(_ key: ConfigurationKey, _ topic: String) {
    if !TopicName.isLegal(topic) {
      wrong(
        key,
        "\"\(topic)\" is not a topic's name: 1 to \(TopicName.greatestBytes) of letters, digits, \".\", \"_\", \"-\"")
    }
  }

  /// A topic that Pleat reads must not be one that it writes: the events would go round.
  private mutating func checkTopics(_ kafka: Configuration.Kafka) {
    for (key, topic) in [
      (ConfigurationKey.kafkaOutputTopic, kafka.outputTopic), (.kafkaTeamTopic, kafka.teamTopic),
      (.kafkaCursorTopic, kafka.cursorTopic),
    ] where kafka.topics.contains(topic) {
      wrong(key, "\"\(topic)\" is also an input topic")
    }
    if kafka.cursorTopic == kafka.outputTopic || kafka.cursorTopic == kafka.teamTopic {
      wrong(.kafkaCursorTopic, "\"\(kafka.cursorTopic)\" is also an output topic; cursors need one of their own")
    }
  }

  private mutating func only() -> [String]? {
    let names = list(.projectionsOnly)
    if names == [Configuration.Projections.none] { return [] }
    for name in names ?? [] where !ProjectionRegistry.names.contains(name) {
      let nearest = nearestName(to: name, among: ProjectionRegistry.names) ?? ""
      wrong(.projectionsOnly, "there is no projection \"\(name)\"; the nearest is \"\(nearest)\"")
    }
    return names
  }

  // MARK: - Secrets

  private mutating func properties() -> [(name: String, value: Secret)] {
    var result: [(name: String, value: Secret)] = []
    var shown: [JSONValue.Member] = []
    var origin = Origin.default
    if let found = raw.values[.kafkaProperties], case .map(let pairs) = found.value {
      origin = found.origin
      if Set(pairs.map(\.name)).count < pairs.count { wrong(.kafkaProperties, "names a property twice") }
      for pair in pairs where KafkaClientConfiguration.reserved.contains(pair.name) {
        wrong(.kafkaProperties, KafkaConfigurationError.reservedText(pair.name))
      }
      for pair in pairs {
        if pair.name.hasSuffix("_file") {
          let name = String(pair.name.dropLast("_file".count))
          shown.append(.init(name: pair.name, value: .string(pair.value)))
          if pairs.contains(where: { $0.name == name }) {
            wrong(.kafkaProperties, "both \(name) and \(pair.name) are set; one is enough")
          }
          if let (secret, _) = secrets.file(pair.value, named: found.origin, for: "kafka.properties \(pair.name)") {
            result.append((name, secret))
          }
        } else {
          shown.append(.init(name: pair.name, value: .string(Self.isSecret(pair.name) ? "***" : pair.value)))
          result.append((pair.name, Secret(pair.value)))
        }
      }
    }
    for name in Self.credentialProperties where !result.contains(where: { $0.name == name }) {
      if let (secret, where_) = secrets.credential("kafka.\(name)") {
        result.append((name, secret))
        shown.append(.init(name: name, value: .string("***")))
        if case .default = origin { origin = where_ }
      }
    }
    note(.kafkaProperties, shown.isEmpty ? nil : .object(shown), origin)
    return result
  }

  /// Properties that systemd may hand over as credentials named `kafka.PROPERTY`.
  private static let credentialProperties = [
    "sasl.username", "sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password",
  ]

  private static func isSecret(_ property: String) -> Bool {
    let name = property.lowercased()
    return ["password", "passphrase", "secret", "token", "key.pem", "oauthbearer.config", "jaas"].contains {
      name.contains($0)
    }
  }

  /// The connection that `key` says, or the file that `fileKey` names, or a credential named for `key`.
  private mutating func connection(_ key: ConfigurationKey, file fileKey: ConfigurationKey) -> Secret? {
    let direct = raw.values[key]
    let named = raw.values[fileKey]
    if let direct, let named, direct.level == named.level {
      wrong(key, "\(fileKey.rawValue) is set too (\(named.origin)); one is enough")
    }
    var secret: Secret?
    var origin = Origin.default
    if let direct, case .text(let text) = direct.value, direct.level >= (named?.level ?? 0) {
      (secret, origin) = (Secret(text), direct.origin)
      if let named, case .text(let path) = named.value { note(fileKey, .string(path), named.origin) }
    } else if let named, case .text(let path) = named.value {
      note(fileKey, .string(path), named.origin)
      if let (found, place) = secrets.file(path, named: named.origin, for: fileKey.rawValue) {
        (secret, origin) = (found, place)
      }
    } else if let (found, place) = secrets.credential(key.rawValue) {
      (secret, origin) = (found, place)
    }
    let problem = secret.flatMap { ConnectionParameters.problem(in: $0.reveal()) }
    if let problem { problems.append("\(key.rawValue) (\(origin)): \(problem)") }
    // Of what libpq cannot read nobody knows which piece is the password.
    note(key, secret.map { .string(problem == nil ? shownConnection($0) : "***") }, origin)
    return secret
  }

  private mutating func secretFile(_ key: ConfigurationKey, credential: String) -> (Secret?, Origin) {
    if let named = raw.values[key], case .text(let path) = named.value {
      if let (secret, origin) = secrets.file(path, named: named.origin, for: key.rawValue) { return (secret, origin) }
      return (nil, named.origin)
    }
    if let (secret, origin) = secrets.credential(credential) { return (secret, origin) }
    return (nil, .default)
  }

  /// Most commands, and the daemon, may not read these, and have no need of them: what is wrong is said to who does.
  private mutating func administrator() -> (url: Secret?, password: Secret?, problems: [String]) {
    let before = secrets.takeProblems() + problems
    problems = []
    let url = connection(.postgresAdminURL, file: .postgresAdminURLFile)
    let (password, origin) = secretFile(.postgresAdminPasswordFile, credential: "postgres.admin_password")
    noteFile(.postgresAdminPasswordFile, origin)
    let found = secrets.takeProblems() + problems
    problems = before
    return (url, password, found)
  }

  private mutating func noteFile(_ key: ConfigurationKey, _ origin: Origin) {
    switch origin {
    case .default: note(key, nil, .default)
    case .credential(let path): note(key, .string(path), origin)
    case .secretFile(let path, let named): note(key, .string(path), named)
    case .file, .environment: note(key, nil, origin)
    }
  }
}
