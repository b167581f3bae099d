package import Engine
package import Events
import Projections

/// The output topics through librdkafka: each `publish` is one transaction, with the cursor records in it.
///
/// Nothing is ever sent again from memory. Whatever fails, the producer is thrown away: whether the transaction
/// happened, only the cursor records read back by a successor tell. On the embedded broker, which acknowledges
/// transactions without having any, it is a plain producer that waits for delivery and writes no cursor records.
package final class KafkaPublisher: Publisher {
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

  /// Known from the first `open` on.
  package private(set) var isTransactional = true

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

  package func open() throws(PublishError) {
    close()
    let reader = try made { () throws(KafkaConfigurationError) in
      try LogReader(configuration, .uncommitted, log: log)
    }
    defer { reader.close() }
    let clusterID = try inDoubt { () throws(KafkaError) in try reader.clusterID() }
    isTransactional = !EmbeddedBroker.isEmbedded(clusterID: clusterID)
    for topic in Set([outputTopic, teamTopic]).sorted() {
      guard try inDoubt({ () throws(KafkaError) in try reader.partitionCount(of: topic) }) != nil else {
        throw .alarm("the topic \(topic) does not exist: create it, or change kafka.output_topic or kafka.team_topic")
      }
    }
    if isTransactional {
      let opened = try made { () throws(KafkaConfigurationError) in
        try TransactionalProducer(configuration, transactionalID: transactionalID, log: log)
      }
      do throws(KafkaError) {
        try opened.initialize()
      } catch {
        opened.close()
        throw .inDoubt(error.text)
      }
      producer = .transactional(opened)
    } else {
      producer = .plain(
        try made { () throws(KafkaConfigurationError) in
          try KafkaProducer(configuration, idempotent: false, log: log)
        })
    }
  }

  package func close() {
    producer?.close()
    producer = nil
  }

  // MARK: Publishing

  package func publish(_ entries: [OutboxEntry], places: [String: RelayPlace]) throws(PublishError) {
    guard let producer else { throw .inDoubt("the publisher is not open") }
    do throws(KafkaError) {
      switch producer {
      case .transactional(let producer): try publish(entries, places, through: producer)
      case .plain(let producer): try publish(entries, through: producer)
      }
    } catch {
      close()
      let why = error.isFenced ? "another relay of this installation has taken over (\(error.text))" : error.text
      throw .inDoubt(why)
    }
  }

  private func publish(
    _ entries: [OutboxEntry], _ places: [String: RelayPlace], through producer: TransactionalProducer
  ) throws(KafkaError) {
    do throws(KafkaError) {
      try producer.begin()
      for entry in entries { try producer.send(topic: topic(of: entry), key: entry.subject, value: entry.json) }
      for (projection, place) in places.sorted(by: { $0.key < $1.key }) {
        try producer.send(topic: cursorTopic, partition: 0, key: projection, value: CursorRecord.write(place))
      }
      try producer.commit()
    } catch {
      // Where librdkafka says that the commit was not asked for, an abort frees readers from waiting for the timeout.
      if error.requiresAbort {
        do throws(KafkaError) {
          try producer.abort()
        } catch let second {
          log(.info, "The transaction is left to its timeout or to a successor: \(second.text)")
        }
      }
      throw error
    }
  }

  private func publish(_ entries: [OutboxEntry], through producer: KafkaProducer) throws(KafkaError) {
    for entry in entries { try producer.send(topic: topic(of: entry), key: entry.subject, value: entry.json) }
    try producer.flush(timeoutMilliseconds: Self.deliveryMilliseconds)
  }

  private func topic(of entry: OutboxEntry) -> String {
    switch entry.topic {
    case .events: outputTopic
    case .teams: teamTopic
    }
  }

  // MARK: The cursor

  package func readCursor() throws(PublishError) -> PublishedCursor {
    let partition = TopicPartition(cursorTopic, 0)
    let admin = try made { () throws(KafkaConfigurationError) in try AdminTopics(configuration, log: log) }
    defer { admin.close() }
    guard let count = try inDoubt({ () throws(KafkaError) in try admin.partitionCount(of: cursorTopic) }) else {
      return .topicMissing
    }
    guard count == 1 else {
      throw .alarm("the cursor topic \(cursorTopic) has \(count) partitions, and must have one")
    }
    try requireCompaction(admin)

    var places: [String: RelayPlace] = [:]
    var foreign: Int64?
    try readCommitted(partition) { record in
      guard let key = record.key else {
        foreign = record.offset
        return .enough
      }
      let projection = String(decoding: key, as: UTF8.self)
      guard let value = record.value else {
        places[projection] = nil
        return .goOn
      }
      guard let place = CursorRecord.read(value) else {
        foreign = record.offset
        return .enough
      }
      places[projection] = place
      return .goOn
    }
    if let foreign {
      throw .alarm("the record at offset \(foreign) of the cursor topic \(cursorTopic) is none of Pleat's")
    }
    return .places(places)
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

  // MARK: Reading back

  package func readBack(from: Timestamp) throws(PublishError) -> (ids: Set<String>, greatest: Timestamp?) {
    var ids: Set<String> = []
    var greatest: Timestamp?
    let reader = try made { () throws(KafkaConfigurationError) in try LogReader(configuration, .uncommitted, log: log) }
    defer { reader.close() }
    for topic in Set([outputTopic, teamTopic]).sorted() {
      guard let count = try inDoubt({ () throws(KafkaError) in try reader.partitionCount(of: topic) }) else {
        throw .alarm("the topic \(topic) does not exist any more")
      }
      for partition in 0..<Int32(count) {
        try readCommitted(TopicPartition(topic, partition)) { record in
          // Others may write there, too: what has no id or no as_of is none of ours.
          guard let json = record.value.flatMap({ ReadJSON($0) }), let id = json["id"]?.text,
            let asOf = json["data"]?["as_of"]?.text.flatMap({ RFC3339.parse($0) }), asOf >= from
          else { return .goOn }
          ids.insert(id)
          greatest = max(greatest ?? asOf, asOf)
          return .goOn
        }
      }
    }
    return (ids, greatest)
  }

  /// Reads all that is committed, to an EOF at or past the high watermark that a `read_uncommitted` client reports now:
  /// an open transaction of anybody would else hide what is committed behind it.
  private func readCommitted(
    _ partition: TopicPartition, _ body: (LogReader.Record) -> LogReader.Verdict
  ) throws(PublishError) {
    let uncommitted = try made { () throws(KafkaConfigurationError) in
      try LogReader(configuration, .uncommitted, log: log)
    }
    defer { uncommitted.close() }
    let (low, high) = try inDoubt { () throws(KafkaError) in try uncommitted.watermarks(partition) }
    guard low < high else { return }
    let committed = try made { () throws(KafkaConfigurationError) in try LogReader(configuration, .committed, log: log)
    }
    defer { committed.close() }
    try inDoubt { () throws(KafkaError) in try committed.read(partition, from: low, to: high, body) }
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
