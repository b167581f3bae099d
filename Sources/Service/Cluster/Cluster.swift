package import Engine
package import Kafka

/// How commands and the daemon reach the Kafka that the configuration names.
package enum Cluster {
  /// Tried property by property: what librdkafka or Pleat does not take is said here.
  package static func client(_ configuration: Configuration) throws(ConfigurationError) -> KafkaClientConfiguration {
    let client = KafkaClientConfiguration(
      bootstrap: try configuration.requireBootstrap(), group: configuration.kafka.group,
      properties: Dictionary(uniqueKeysWithValues: configuration.kafka.properties.map { ($0.name, $0.value.reveal()) }))
    do throws(KafkaConfigurationError) {
      try client.validate()
    } catch {
      // Not the properties' fault: who makes the next client says so.
      if case .noResources = error { return client }
      throw ConfigurationError("\(error).")
    }
    return client
  }

  /// Lowest offset and end of every partition of the topics, `read_uncommitted`, as far as their brokers answer. Throws where nobody
  /// tells of the topics. Of `others`, those that do not exist, or may not be read, are none.
  package static func ends(
    _ client: KafkaClientConfiguration, topics: [String], others: [String] = [], log: @escaping KafkaLog
  ) throws(CommandFailure) -> TopicEnds {
    try ends(client, topics, others, readsRecords: false, log)
  }

  /// Reads the last record of every partition of the topics: of how many that can be done, and why not of others.
  package static func tryReading(
    _ client: KafkaClientConfiguration, topics: [String]
  ) throws(CommandFailure) -> (readable: Int, failures: [CommandFailure]) {
    let ends = try ends(client, topics, [], readsRecords: true, { _, _ in })
    return (ends.known.count, ends.failures)
  }

  private static func ends(
    _ client: KafkaClientConfiguration, _ topics: [String], _ others: [String], readsRecords: Bool,
    _ log: @escaping KafkaLog
  ) throws(CommandFailure) -> TopicEnds {
    let probe = KafkaProbe(client, cursorTopic: nil, log: log)
    defer { probe.close() }
    var partitions: [TopicPartition] = []
    var ends = TopicEnds()
    for topic in topics + others {
      do throws(SourceError) {
        partitions += try probe.partitions(of: topic)
      } catch {
        if case .unavailable = error { throw CommandFailure(error) }
        if others.contains(topic) { continue }
        ends.failures.append(CommandFailure(error))
      }
    }
    var silent: [String: [TopicPartition]] = [:]
    for (partition, answer) in probe.answers(
      to: partitions.map { PartitionQuestion($0, offsets: readsRecords ? [] : nil) })
    {
      switch answer {
      case .success(let found): ends.known[partition] = PartitionEnds(low: found.low, high: found.high)
      case .failure(let error): silent[error.text, default: []].append(partition)
      }
    }
    for (reason, partitions) in silent.sorted(by: { $0.key < $1.key }) {
      let names = partitions.sorted().map { "\($0)" }
      let list = names.joined(separator: ", ")
      let what =
        readsRecords
        ? "\(list) cannot be read"
        : names.count == 1 ? "the end of \(list) is not known" : "the ends of \(list) are not known"
      ends.failures.append(CommandFailure(.unavailable, "\(what): \(reason)"))
    }
    return ends
  }

  /// Of one partition; nil if there is none. Other partitions' brokers are not asked.
  package static func ends(
    _ client: KafkaClientConfiguration, of partition: TopicPartition
  ) throws(CommandFailure) -> PartitionEnds? {
    let probe = KafkaProbe(client, cursorTopic: nil, log: { _, _ in })
    defer { probe.close() }
    var isMissing = false
    while true {
      do throws(SourceError) {
        guard try probe.partitions(of: partition.topic).contains(partition) else { return nil }
        return try probe.ends(of: [partition])[0].answer.map { PartitionEnds(low: $0.low, high: $0.high) }.get()
      } catch {
        // A broker that has just begun may not know the topic yet.
        guard case .unknownTopic = error else { throw CommandFailure(error) }
        if isMissing { return nil }
        isMissing = true
        Waker().wait(until: SystemClock.monotonicNanoseconds() + missingNanoseconds)
      }
    }
  }

  /// After so long a topic is asked for again that was not there.
  private static let missingNanoseconds: Int64 = 2_000_000_000
}

extension CommandFailure {
  /// No client could be made.
  package init(_ error: KafkaConfigurationError) {
    if case .noResources = error {
      self.init(.unavailable, "\(error).")
    } else {
      self.init(.configuration, "\(error).")
    }
  }

  package init(_ error: SourceError) {
    switch error {
    case .unavailable(let text): self.init(.unavailable, "Kafka is not available: \(text)")
    case .unknownTopic(let topic): self.init(.unavailable, "the topic \(topic) does not exist: create it.")
    case .refusedTopic(_, let text): self.init(.unavailable, "\(text).")
    }
  }

  init(_ error: PublishError) {
    switch error {
    case .inDoubt(let text): self.init(.unavailable, "Kafka: \(text)")
    case .alarm(let text): self.init(.configuration, "\(text).")
    }
  }
}
