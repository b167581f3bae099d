package import Engine

extension CursorTopic {
  /// Adds an erasure, outside of any transaction: here it outlives a database that goes back.
  package func add(_ record: ErasureRecord) throws(PublishError) {
    let producer = try made { () throws(KafkaConfigurationError) in
      // The embedded broker knows no idempotent producers; an erasure that stands there twice is one.
      try KafkaProducer(configuration, idempotent: false, log: log)
    }
    defer { producer.close() }
    try inDoubt { () throws(KafkaError) in
      try producer.send(
        topic: name, partition: 0, key: ErasureRecordForm.key(of: record), value: ErasureRecordForm.write(record))
      try producer.flush()
    }
  }
}
