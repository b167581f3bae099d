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
      throw ConfigurationError("\(error).")
    }
    return client
  }

  /// Lowest offset and end of every partition of the input topics, `read_uncommitted`.
  package static func ends(
    _ client: KafkaClientConfiguration, topics: [String], log: @escaping KafkaLog
  ) throws(CommandFailure) -> [TopicPartition: PartitionEnds] {
    let probe = KafkaProbe(client, cursorTopic: nil, log: log)
    defer { probe.close() }
    do throws(SourceError) {
      return try probe.ends(of: topics).mapValues { PartitionEnds(low: $0.low, high: $0.high) }
    } catch {
      throw CommandFailure(error)
    }
  }

  /// Which of these topics do not exist.
  package static func missing(
    _ topics: [String], in admin: AdminTopics
  ) throws(KafkaError) -> [String] {
    var missing: [String] = []
    for topic in topics where try admin.partitionCount(of: topic) == nil { missing.append(topic) }
    return missing
  }
}

extension CommandFailure {
  package init(_ error: SourceError) {
    switch error {
    case .unavailable(let text): self.init(.unavailable, "Kafka is not available: \(text)")
    case .unknownTopic(let topic): self.init(.unavailable, "the topic \(topic) does not exist: create it.")
    }
  }
}
