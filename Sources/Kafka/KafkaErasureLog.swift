import CRdkafka
package import Engine

/// Erasures in the cursor topic, where they outlive a database that goes back.
package enum KafkaErasureLog {
  /// Adds an erasure, outside of any transaction; the topic is made where it is missing.
  package static func add(
    _ record: ErasureRecord, to topic: String, _ configuration: KafkaClientConfiguration, log: @escaping KafkaLog
  ) throws(KafkaError) {
    let admin = try made { () throws(KafkaConfigurationError) in try AdminTopics(configuration, log: log) }
    defer { admin.close() }
    let isEmbedded = EmbeddedBroker.isEmbedded(clusterID: try admin.clusterID())
    if try admin.partitionCount(of: topic) == nil {
      try admin.create(topic, partitions: 1, settings: [("cleanup.policy", "compact")])
    }
    let producer = try made { () throws(KafkaConfigurationError) in
      try KafkaProducer(configuration, idempotent: !isEmbedded, log: log)
    }
    defer { producer.close() }
    try producer.send(
      topic: topic, partition: 0, key: ErasureRecordForm.key(of: record), value: ErasureRecordForm.write(record))
    try producer.flush()
  }

  private static func made<Client>(_ make: () throws(KafkaConfigurationError) -> Client) throws(KafkaError) -> Client {
    do throws(KafkaConfigurationError) {
      return try make()
    } catch {
      throw KafkaError(code: RD_KAFKA_RESP_ERR__INVALID_ARG, error.description)
    }
  }
}
