import CRdkafka

/// How to reach Kafka, and what every client of Pleat is made with.
package struct KafkaClientConfiguration: Sendable {
  /// `host:port`, separated by commas.
  package var bootstrap: String
  /// The group under which offsets are published for lag tools.
  package var group: String
  /// The user's own librdkafka properties.
  package var properties: [String: String]

  package init(bootstrap: String, group: String = "pleat", properties: [String: String] = [:]) {
    (self.bootstrap, self.group, self.properties) = (bootstrap, group, properties)
  }

  /// What a user may not set: correctness or bounded memory depends on it, or `kafka.bootstrap` and `kafka.group` say
  /// it.
  package static let reserved: Set<String> = [
    // Said elsewhere.
    "bootstrap.servers", "metadata.broker.list", "group.id", "group.instance.id", "transactional.id",
    // What is read, and from where.
    "isolation.level", "auto.offset.reset", "enable.partition.eof", "check.crcs", "queuing.strategy",
    "allow.auto.create.topics", "enable.auto.commit", "auto.commit.enable", "auto.commit.interval.ms",
    "enable.auto.offset.store", "offset.store.method", "offset.store.path", "offset.store.sync.interval.ms",
    "partition.assignment.strategy", "queued.max.messages.kbytes", "queued.min.messages",
    // What an acknowledgement means.
    "acks", "request.required.acks", "enable.idempotence", "enable.gapless.guarantee", "retries",
    "message.send.max.retries", "max.in.flight", "max.in.flight.requests.per.connection", "message.timeout.ms",
    "delivery.timeout.ms", "transaction.timeout.ms", "produce.offset.report", "delivery.report.only.error",
    // Protocol versions without headers or transactions, and other brokers than the real one.
    "api.version.request", "broker.version.fallback", "api.version.fallback.ms", "test.mock.num.brokers",
    // Callbacks and threads are the adapters'.
    "log.queue", "enabled_events", "opaque", "interceptors", "plugin.library.paths", "background_event_cb",
    "consume.callback.max.messages",
    // Reports would be queued, and nobody takes them.
    "statistics.interval.ms",
  ]

  enum Role {
    case consumer, producer
    var type: rd_kafka_type_t {
      switch self {
      case .consumer: RD_KAFKA_CONSUMER
      case .producer: RD_KAFKA_PRODUCER
      }
    }
  }

  /// Defaults of every client, which properties may change.
  private static let defaults = [
    ("client.id", "pleat"),
    ("log.connection.close", "false"),
    // A broker that comes back is found again within two seconds.
    ("reconnect.backoff.max.ms", "2000"),
    ("socket.keepalive.enable", "true"),
  ]
  /// Keys land where Java's producers put them.
  private static let producerDefaults = [("partitioner", "murmur2_random")]

  /// Tries every property with the clients themselves, of which nothing is asked: librdkafka refuses some only beside what
  /// Pleat sets, or of a transactional producer.
  package func validate() throws(KafkaConfigurationError) {
    let log: KafkaLog = { _, _ in }
    try KafkaSource(self, log: log).close()
    try LogReader(self, .uncommitted, commits: true, log: log).close()
    try TransactionalProducer(self, transactionalID: "pleat-relay-check", log: log).close()
    try AdminTopics(self, log: log).close()
  }

  /// A librdkafka configuration: defaults, then `properties`, then `settings`, which nobody overrides. The caller
  /// owns it.
  func make(
    _ role: Role, _ settings: [(String, String)], suggestions: [(String, String)]
  ) throws(KafkaConfigurationError) -> OpaquePointer {
    for property in properties.keys.sorted() where Self.reserved.contains(property) {
      throw .reserved(property: property)
    }
    guard let configuration = rd_kafka_conf_new() else { throw .unusable("out of memory") }
    do throws(KafkaConfigurationError) {
      let defaults = role == .producer ? Self.defaults + Self.producerDefaults : Self.defaults
      for (name, value) in defaults + suggestions { try Self.set(configuration, name, value) }
      for (name, value) in properties.sorted(by: { $0.key < $1.key }) { try Self.set(configuration, name, value) }
      for (name, value) in [("bootstrap.servers", bootstrap)] + settings { try Self.set(configuration, name, value) }
    } catch {
      rd_kafka_conf_destroy(configuration)
      throw error
    }
    return configuration
  }

  private static func set(
    _ configuration: OpaquePointer, _ name: String, _ value: String
  ) throws(KafkaConfigurationError) {
    switch rd_kafka_conf_set(configuration, name, value, nil, 0) {
    case RD_KAFKA_CONF_OK: return
    case RD_KAFKA_CONF_UNKNOWN: throw .unknown(property: name)
    default: throw .invalid(property: name)
    }
  }
}

extension KafkaClientConfiguration: CustomStringConvertible {
  /// Properties without their values: some are secrets.
  package var description: String {
    "\(bootstrap), group \(group), properties: \(properties.keys.sorted().joined(separator: ", "))"
  }
}
