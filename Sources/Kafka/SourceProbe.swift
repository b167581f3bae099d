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
  /// How far `lastFingerprint` looks back: transaction markers and records a compaction took have offsets, too.
  private static let lookBack: Int64 = 16

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

  func fingerprint(_ partition: TopicPartition, at offset: Int64) throws(SourceError) -> RecordFingerprint? {
    try last(partition, from: offset, before: offset + 1)
  }

  func lastFingerprint(_ partition: TopicPartition, before end: Int64) throws(SourceError) -> RecordFingerprint? {
    try last(partition, from: end - Self.lookBack, before: end)
  }

  /// The last record at or after `offset` and before `end`.
  private func last(
    _ partition: TopicPartition, from offset: Int64, before end: Int64
  ) throws(SourceError) -> RecordFingerprint? {
    try ask(about: partition) { reader throws(KafkaError) in
      let (low, high) = try reader.watermarks(partition)
      let (first, end) = (max(low, offset), min(high, end))
      guard first < end else { return nil }
      var found: RecordFingerprint?
      do throws(KafkaError) {
        try reader.read(partition, from: first, to: end) { record in
          guard record.offset < end else { return .enough }
          found = RecordFingerprint(
            offset: record.offset,
            digest: recordDigest(
              timestampMilliseconds: record.timestampMilliseconds, key: record.key.map { Array($0) },
              value: record.value.map { Array($0) }))
          return record.offset + 1 < end ? .goOn : .enough
        }
      } catch {
        // Retention was faster than the question: there is no such record any more.
        guard error.code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET.rawValue else { throw error }
        return nil
      }
      return found
    }
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
