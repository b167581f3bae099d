import CRdkafka
package import Engine

/// Answers questions about topics, `read_uncommitted`, and publishes offsets, through a small client of its own that is made when it is
/// needed and thrown away when it is not: cached knowledge of a cluster never gets old.
package final class KafkaProbe: Probe {
  private let configuration: KafkaClientConfiguration
  private let cursorTopic: String?
  private let log: KafkaLog
  private var reader: LogReader?
  private var madeAt: Int64 = 0
  private var usedAt: Int64 = 0
  /// Brokers that did not answer the last time: the others are asked before them.
  private var silent: Set<Int32> = []

  private static let idleMilliseconds: Int64 = 60_000
  private static let greatestAgeMilliseconds: Int64 = 3_600_000
  /// Once so much time has gone no further broker is asked.
  private static let askMilliseconds: Int64 = 4_000

  /// `cursorTopic`: where erasures are; commands have no need of them.
  package init(_ configuration: KafkaClientConfiguration, cursorTopic: String?, log: @escaping KafkaLog) {
    (self.configuration, self.cursorTopic, self.log) = (configuration, cursorTopic, log)
  }

  deinit { close() }

  package func clusterID() throws(SourceError) -> String {
    try ask { reader throws(KafkaError) in try reader.clusterID() }
  }

  package func partitions(of topic: String) throws(SourceError) -> [TopicPartition] {
    guard let leaders = try leaders(of: topic) else { throw .unknownTopic(topic) }
    return (0..<Int32(leaders.count)).map { TopicPartition(topic, $0) }
  }

  /// nil where there is no such topic.
  private func leaders(of topic: String) throws(SourceError) -> [Int32]? {
    let reader = try current()
    do throws(KafkaError) {
      return try reader.leaders(of: topic)
    } catch {
      if error.isOfTopic { throw .refusedTopic(topic, error.text) }
      throw SourceError(error)
    }
  }

  // MARK: Partitions

  package func ask(_ questions: [PartitionQuestion], _ body: (Int, Result<PartitionAnswer, SourceError>) -> Void) {
    var byLeader: [Int32: [Int]] = [:]
    for (leader, index) in leaders(of: questions, body) { byLeader[leader, default: []].append(index) }
    let until = monotonicMilliseconds() + Self.askMilliseconds
    let inTurn = byLeader.keys.sorted { (silent.contains($0) ? 1 : 0, $0) < (silent.contains($1) ? 1 : 0, $1) }
    for (number, leader) in inTurn.enumerated() where number == 0 || monotonicMilliseconds() < until {
      let indices = byLeader[leader]!
      silent.remove(leader)
      do throws(SourceError) {
        let answers = try ask { reader throws(KafkaError) in try reader.answers(to: indices.map { questions[$0] }) }
        for (index, answer) in zip(indices, answers) {
          if case .failure = answer { silent.insert(leader) }
          body(index, answer.mapError(SourceError.init))
        }
      } catch {
        silent.insert(leader)
        for index in indices { body(index, .failure(error)) }
      }
    }
  }

  /// The brokers that lead the questions' partitions; `body` is told of partitions that nobody leads.
  private func leaders(
    of questions: [PartitionQuestion], _ body: (Int, Result<PartitionAnswer, SourceError>) -> Void
  ) -> [(leader: Int32, index: Int)] {
    var known: [String: Result<[Int32]?, SourceError>] = [:]
    // Who does not answer for one topic is not asked about the next.
    var silence: Result<[Int32]?, SourceError>?
    var found: [(Int32, Int)] = []
    for (index, question) in questions.enumerated() {
      let partition = question.partition
      let leaders = known[partition.topic] ?? silence ?? topicLeaders(partition.topic)
      known[partition.topic] = leaders
      if case .failure(.unavailable) = leaders { silence = leaders }
      switch leaders {
      case .failure(let error): body(index, .failure(error))
      case .success(nil): body(index, .failure(.unknownTopic(partition.topic)))
      case .success(let leaders?):
        if Int(partition.partition) >= leaders.count {
          body(index, .failure(.unavailable("\(partition) does not exist")))
        } else if leaders[Int(partition.partition)] < 0 {
          body(index, .failure(.unavailable("no broker leads \(partition)")))
        } else {
          found.append((leaders[Int(partition.partition)], index))
        }
      }
    }
    return found
  }

  private func topicLeaders(_ topic: String) -> Result<[Int32]?, SourceError> {
    do throws(SourceError) {
      return .success(try leaders(of: topic))
    } catch {
      return .failure(error)
    }
  }

  package typealias Answered = (partition: TopicPartition, answer: Result<PartitionAnswer, SourceError>)

  /// Lowest offset and high watermark of partitions, for commands, as `answers(to:)` has them.
  package func ends(of partitions: [TopicPartition]) -> [Answered] {
    answers(to: partitions.map { PartitionQuestion($0, offsets: nil) })
  }

  /// Answers every question, or says why not, for commands. Each silent broker takes some seconds.
  package func answers(to questions: [PartitionQuestion]) -> [Answered] {
    var answers: [Answered] = []
    var left = questions
    while !left.isEmpty {
      let asked = left
      ask(asked) { index, answer in
        answers.append((asked[index].partition, answer))
        left.removeAll { $0 == asked[index] }
      }
    }
    return answers
  }

  // MARK: Erasures, offsets

  /// They stand outside of transactions, so that nobody's open one is waited for.
  package func erasureRecords() throws(SourceError) -> [ErasureRecord] {
    guard let cursorTopic else { return [] }
    let partition = TopicPartition(cursorTopic, 0)
    var records: [UInt64: ErasureRecord] = [:]
    try ask { reader throws(KafkaError) in
      guard try reader.leaders(of: partition.topic) != nil else { return }
      let (low, high) = try reader.watermarks(partition)
      guard low < high else { return }
      try reader.read(partition, from: low, to: high) { record in
        if let erasure = ErasureRecordForm.read(key: record.key, value: record.value) {
          records[erasure.hash] = erasure
        }
        return .goOn
      }
    }
    return records.values.sorted { $0.requestedAt < $1.requestedAt }
  }

  /// Commits offsets to the group, without waiting; what becomes of it is only logged.
  package func publish(offsets: [(TopicPartition, Int64)]) {
    guard !offsets.isEmpty else { return }
    do throws(SourceError) {
      let client = try current().handle
      client.serveCallbacks()
      guard let list = rd_kafka_topic_partition_list_new(Int32(clamping: offsets.count)) else { return }
      defer { rd_kafka_topic_partition_list_destroy(list) }
      for (partition, offset) in offsets {
        rd_kafka_topic_partition_list_add(list, partition.topic, partition.partition).pointee.offset = offset
      }
      let code = rd_kafka_commit(client.client, list, 1)
      if code != RD_KAFKA_RESP_ERR_NO_ERROR {
        log(.warning, "Offsets for lag tools could not be published: \(String(cString: rd_kafka_err2str(code)))")
      }
    } catch {
      log(.warning, "Offsets for lag tools could not be published: \(error.text)")
    }
  }

  // MARK: The client

  package func close() {
    reader?.close()
    reader = nil
  }

  package func rest() {
    guard reader != nil, monotonicMilliseconds() - usedAt > Self.idleMilliseconds else { return }
    close()
  }

  /// What librdkafka keeps of failed commits goes with it.
  private func discard(olderThan age: Int64) {
    guard reader != nil, monotonicMilliseconds() - madeAt > age else { return }
    close()
  }

  private func current() throws(SourceError) -> LogReader {
    discard(olderThan: Self.greatestAgeMilliseconds)
    usedAt = monotonicMilliseconds()
    if let reader { return reader }
    do throws(KafkaConfigurationError) {
      let made = try LogReader(configuration, .uncommitted, commits: true, log: log)
      reader = made
      madeAt = usedAt
      return made
    } catch {
      throw .unavailable(error.description)
    }
  }

  private func ask<Answer>(_ question: (LogReader) throws(KafkaError) -> Answer) throws(SourceError) -> Answer {
    let reader = try current()
    do throws(KafkaError) {
      return try question(reader)
    } catch {
      throw SourceError(error)
    }
  }
}

extension SourceError {
  init(_ error: KafkaError) { self = .unavailable(error.text) }
}
