package import Engine

/// Erasures in the cursor topic, where they outlive a database that goes back.
package enum KafkaErasureLog {
  /// Adds an erasure, outside of any transaction.
  package static func add(
    _ record: ErasureRecord, to topic: CursorTopic, _ configuration: KafkaClientConfiguration, log: @escaping KafkaLog
  ) throws(PublishError) {
    let producer = try made { () throws(KafkaConfigurationError) in
      // The embedded broker knows no idempotent producers; an erasure that stands there twice is one.
      try KafkaProducer(configuration, idempotent: false, log: log)
    }
    defer { producer.close() }
    try inDoubt { () throws(KafkaError) in
      try producer.send(
        topic: topic.name, partition: 0, key: ErasureRecordForm.key(of: record), value: ErasureRecordForm.write(record))
      try producer.flush()
    }
  }
}
