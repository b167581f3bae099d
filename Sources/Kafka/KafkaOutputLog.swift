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
  private let cursorTopic: String
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
    (self.outputTopic, self.teamTopic, self.cursorTopic) = (outputTopic, teamTopic, cursorTopic)
    self.log = log
  }

  private func name(of topic: RelayTopic) -> String {
    switch topic {
    case .output(.events): outputTopic
    case .output(.teams): teamTopic
    case .cursor: cursorTopic
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

  package func hasCursorTopic() throws(PublishError) -> Bool {
    let admin = try made { () throws(KafkaConfigurationError) in try AdminTopics(configuration, log: log) }
    defer { admin.close() }
    guard let count = try inDoubt({ () throws(KafkaError) in try admin.partitionCount(of: cursorTopic) }) else {
      return false
    }
    guard count == 1 else {
      throw .alarm("the cursor topic \(cursorTopic) has \(count) partitions, and must have one")
    }
    try requireCompaction(admin)
    return true
  }

  /// Whether a lost broker is a lost place of the relay's, and lost erasures, though there are other brokers.
  package func cursorTopicHasOneCopy() throws(PublishError) -> Bool {
    let admin = try made { () throws(KafkaConfigurationError) in try AdminTopics(configuration, log: log) }
    defer { admin.close() }
    let copies = try inDoubt { () throws(KafkaError) in try admin.copies(of: cursorTopic) }
    return copies.map { $0.replicas == 1 && $0.brokers > 1 } ?? false
  }

  package func createCursorTopic() throws(PublishError) {
    let admin = try made { () throws(KafkaConfigurationError) in try AdminTopics(configuration, log: log) }
    defer { admin.close() }
    _ = try inDoubt { () throws(KafkaError) in
      try admin.create(cursorTopic, partitions: 1, settings: [("cleanup.policy", "compact")])
    }
    try requireCompaction(admin)
  }

  private func requireCompaction(_ admin: AdminTopics) throws(PublishError) {
    let policy = try inDoubt { () throws(KafkaError) in try admin.setting("cleanup.policy", of: cursorTopic) }
    guard policy == "compact" else {
      throw .alarm(
        "the cursor topic \(cursorTopic) has cleanup.policy=\(policy ?? "?"), and loses the cursor: set compact"
      )
    }
  }

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

  // MARK: Errors

  private func inDoubt<Result>(_ body: () throws(KafkaError) -> Result) throws(PublishError) -> Result {
    do throws(KafkaError) {
      return try body()
    } catch {
      throw .inDoubt(error.text)
    }
  }

  private func made<Client>(_ make: () throws(KafkaConfigurationError) -> Client) throws(PublishError) -> Client {
    do throws(KafkaConfigurationError) {
      return try make()
    } catch {
      throw .alarm(error.description)
    }
  }
}
