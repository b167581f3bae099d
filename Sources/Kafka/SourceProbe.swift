import CRdkafka
import Engine

/// Answers the source's questions about topics, `read_uncommitted`, and publishes offsets, through a small client of
/// its own that is made when it is needed and thrown away when it is not: cached knowledge of a cluster never gets old.
final class SourceProbe {
  private let configuration: KafkaClientConfiguration
  private let log: KafkaLog
  private var reader: LogReader?
  private var madeAt: Int64 = 0
  private var usedAt: Int64 = 0

  private static let idleMilliseconds: Int64 = 60_000
  private static let greatestAgeMilliseconds: Int64 = 3_600_000
  /// A cluster's id is what the client learned when it first connected, so an older client does not tell it.
  private static let clusterAgeMilliseconds: Int64 = 10_000

  init(_ configuration: KafkaClientConfiguration, log: @escaping KafkaLog) {
    (self.configuration, self.log) = (configuration, log)
  }

  func clusterID() throws(SourceError) -> String {
    discard(olderThan: Self.clusterAgeMilliseconds)
    return try ask { reader throws(KafkaError) in try reader.clusterID() }
  }

  func partitions(of topics: [String]) throws(SourceError) -> [TopicPartition] {
    var all: [TopicPartition] = []
    for topic in topics {
      let count = try ask { reader throws(KafkaError) in try reader.partitionCount(of: topic) }
      guard let count else { throw .unknownTopic(topic) }
      all += (0..<Int32(count)).map { TopicPartition(topic, $0) }
    }
    return all
  }

  func watermarks(_ partition: TopicPartition) throws(SourceError) -> (low: Int64, high: Int64) {
    try ask(about: partition) { reader throws(KafkaError) in try reader.watermarks(partition) }
  }

  func lastRecords(of stretches: [LogStretch]) throws(SourceError) -> [RecordFingerprint?] {
    var found = [RecordFingerprint?](repeating: nil, count: stretches.count)
    var left = Array(stretches.indices)
    while !left.isEmpty {
      var partitions: Set<TopicPartition> = []
      let round = left.filter { partitions.insert(stretches[$0].partition).inserted }
      left.removeAll { round.contains($0) }
      let part = round.map { stretches[$0] }
      for (index, record) in zip(round, try ask { reader throws(KafkaError) in try reader.lastRecords(of: part) }) {
        found[index] = record
      }
    }
    return found
  }

  /// Hands over what a topic of one partition holds, open transactions included; nothing where it does not exist.
  func readAll(_ topic: String, _ body: (LogReader.Record) -> Void) throws(SourceError) {
    let partition = TopicPartition(topic, 0)
    try ask { reader throws(KafkaError) in
      guard try reader.partitionCount(of: topic) != nil else { return }
      let (low, high) = try reader.watermarks(partition)
      guard low < high else { return }
      try reader.read(partition, from: low, to: high) { record in
        body(record)
        return .goOn
      }
    }
  }

  /// Commits offsets to the group, without waiting; what becomes of it is only logged.
  func publish(_ offsets: [(TopicPartition, Int64)]) {
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
      log(.warning, "Offsets for lag tools could not be published: \(error)")
    }
  }

  /// Throws the client away if nobody has asked for a while, or if it is old: what librdkafka keeps of failed commits
  /// goes with it.
  func discardIfIdle() {
    guard reader != nil, monotonicMilliseconds() - usedAt > Self.idleMilliseconds else { return }
    close()
  }

  func close() {
    reader?.close()
    reader = nil
  }

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

  private func ask<Answer>(
    about partition: TopicPartition? = nil, _ question: (LogReader) throws(KafkaError) -> Answer
  ) throws(SourceError) -> Answer {
    let reader = try current()
    do throws(KafkaError) {
      return try question(reader)
    } catch {
      if let partition, error.isUnknownTopic { throw .unknownTopic(partition.topic) }
      throw .unavailable(error.text)
    }
  }
}
