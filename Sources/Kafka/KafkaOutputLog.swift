package import Engine
import Projections

/// The output topics and the cursor topic through librdkafka.
///
/// Reading is done by clients of their own, made for the question: what is asked is where the log ends now.
package final class KafkaOutputLog: OutputLog {
  private enum Producer {
    case transactional(TransactionalProducer)
    case plain(KafkaProducer)

    func close() {
      switch self {
      case .transactional(let producer): producer.close()
      case .plain(let producer): producer.close()
      }
    }
  }

  private let configuration: KafkaClientConfiguration
  private let transactionalID: String
  private let outputTopic: String
  private let teamTopic: String
  private let cursorTopic: CursorTopic
  private let log: KafkaLog
  private var producer: Producer?

  private static let deliveryMilliseconds: Int32 = 8_000

  /// - Parameter installation: the installation's UUID: who has the same one is fenced.
  package init(
    _ configuration: KafkaClientConfiguration, installation: String, outputTopic: String, teamTopic: String,
    cursorTopic: String, log: @escaping KafkaLog
  ) {
    self.configuration = configuration
    transactionalID = "pleat-relay-\(installation)"
    (self.outputTopic, self.teamTopic) = (outputTopic, teamTopic)
    self.cursorTopic = CursorTopic(cursorTopic, configuration, log: log)
    self.log = log
  }

  private func name(of topic: RelayTopic) -> String {
    switch topic {
    case .output(.events): outputTopic
    case .output(.teams): teamTopic
    case .cursor: cursorTopic.name
    }
  }

  package func connect() throws(PublishError) -> Bool {
    close()
    let reader = try made { () throws(KafkaConfigurationError) in
      try LogReader(configuration, .uncommitted, log: log)
    }
    defer { reader.close() }
    let clusterID = try inDoubt { () throws(KafkaError) in try reader.clusterID() }
    for topic in Set([outputTopic, teamTopic]).sorted() {
      guard try inDoubt({ () throws(KafkaError) in try reader.partitionCount(of: topic) }) != nil else {
        throw .alarm("the topic \(topic) does not exist: create it, or change kafka.output_topic or kafka.team_topic")
      }
    }
    let isTransactional = !EmbeddedBroker.isEmbedded(clusterID: clusterID)
    if isTransactional {
      producer = .transactional(
        try made { () throws(KafkaConfigurationError) in
          try TransactionalProducer(configuration, transactionalID: transactionalID, log: log)
        })
    } else {
      producer = .plain(
        try made { () throws(KafkaConfigurationError) in
          try KafkaProducer(configuration, idempotent: false, log: log)
        })
    }
    return isTransactional
  }

  package func close() {
    producer?.close()
    producer = nil
  }

  // MARK: Publishing

  package func initializeTransactions() throws(PublishError) {
    try withTransactions { producer throws(KafkaError) in try producer.initialize() }
  }

  package func beginTransaction() throws(PublishError) {
    // Not with a new producer alone: without reading the cursor that would fence a successor, and repeat what it has sent.
    if case .transactional(let producer) = producer, producer.wasDisturbed {
      throw .inDoubt("a connection broke during the last transaction, and what is late must not end the next one")
    }
    try withTransactions { producer throws(KafkaError) in try producer.begin() }
  }

  package func commitTransaction() throws(PublishError) {
    try withTransactions { producer throws(KafkaError) in try producer.commit() }
  }

  package func send(to topic: RelayTopic, key: String, value: String) throws(PublishError) {
    let name = name(of: topic)
    let partition: Int32? = topic == .cursor ? 0 : nil
    switch producer {
    case .transactional:
      try withTransactions { producer throws(KafkaError) in
        try producer.send(topic: name, partition: partition, key: key, value: value)
      }
    case .plain(let producer):
      try inDoubt { () throws(KafkaError) in
        try producer.send(topic: name, partition: partition, key: key, value: value)
      }
    case nil: throw .inDoubt("the producer is closed")
    }
  }

  package func flush() throws(PublishError) {
    guard case .plain(let producer) = producer else { throw .inDoubt("the producer is closed") }
    try inDoubt { () throws(KafkaError) in try producer.flush(timeoutMilliseconds: Self.deliveryMilliseconds) }
  }

  private func withTransactions(_ body: (TransactionalProducer) throws(KafkaError) -> Void) throws(PublishError) {
    guard case .transactional(let producer) = producer else { throw .inDoubt("the producer is closed") }
    do throws(KafkaError) {
      try body(producer)
    } catch {
      // Where librdkafka says that the commit was not asked for, an abort frees readers from waiting for the timeout.
      if error.requiresAbort {
        do throws(KafkaError) {
          try producer.abort()
        } catch let second {
          log(.info, "The transaction is left to its timeout or to a successor: \(second.text)")
        }
      }
      throw .inDoubt(error.isFenced ? "another relay of this installation has taken over (\(error.text))" : error.text)
    }
  }

  // MARK: The cursor topic

  package func hasCursorTopic() throws(PublishError) -> Bool { try cursorTopic.exists() }

  package func createCursorTopic() throws(PublishError) -> Bool { try cursorTopic.create() }

  // MARK: Reading

  package func partitionCount(of topic: RelayTopic) throws(PublishError) -> Int32 {
    let name = name(of: topic)
    let reader = try made { () throws(KafkaConfigurationError) in try LogReader(configuration, .uncommitted, log: log) }
    defer { reader.close() }
    guard let count = try inDoubt({ () throws(KafkaError) in try reader.partitionCount(of: name) }) else {
      throw .alarm("the topic \(name) does not exist any more")
    }
    return Int32(count)
  }

  package func bounds(of topic: RelayTopic, partition: Int32) throws(PublishError) -> (low: Int64, high: Int64) {
    let partition = TopicPartition(name(of: topic), partition)
    let reader = try made { () throws(KafkaConfigurationError) in try LogReader(configuration, .uncommitted, log: log) }
    defer { reader.close() }
    return try inDoubt { () throws(KafkaError) in try reader.watermarks(partition) }
  }

  package func readCommitted(
    _ topic: RelayTopic, partition: Int32, from low: Int64, to high: Int64, _ body: (RelayRecord) -> Bool
  ) throws(PublishError) {
    let partition = TopicPartition(name(of: topic), partition)
    let reader = try made { () throws(KafkaConfigurationError) in try LogReader(configuration, .committed, log: log) }
    defer { reader.close() }
    try inDoubt { () throws(KafkaError) in
      try reader.read(partition, from: low, to: high) { record in
        body(RelayRecord(offset: record.offset, key: record.key, value: record.value)) ? .goOn : .enough
      }
    }
  }
}
