import CRdkafka
import Engine
import Glibc

/// A small consumer that reads short stretches of logs, and answers what a topic and its ends are.
final class LogReader {
  enum Isolation: String {
    /// Records of open and aborted transactions are not seen, and an open one hides what stands behind it.
    case committed = "read_committed"
    case uncommitted = "read_uncommitted"
  }

  enum Verdict { case goOn, enough }

  /// A record during `read`; its memory is valid during the call.
  struct Record {
    var offset: Int64
    var key: UnsafeRawBufferPointer?
    var value: UnsafeRawBufferPointer?
    var timestampMilliseconds: Int64
  }

  static let requestTimeoutMilliseconds: Int32 = 5_000
  /// Without a record or an end for that long, a read gives up.
  static let stallMilliseconds: Int64 = 8_000
  private static let waitMilliseconds: Int32 = 100

  let handle: ClientHandle
  private let queue: OpaquePointer

  /// - Parameter commits: whether offsets will be committed to the configuration's group through this client.
  init(
    _ configuration: KafkaClientConfiguration, _ isolation: Isolation, commits: Bool = false, log: @escaping KafkaLog
  ) throws(KafkaConfigurationError) {
    handle = try ClientHandle(
      .consumer, configuration,
      [
        ("isolation.level", isolation.rawValue), ("enable.partition.eof", "true"), ("auto.offset.reset", "error"),
        ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"), ("check.crcs", "true"),
        ("allow.auto.create.topics", "false"), ("queued.max.messages.kbytes", "4096"),
      ] + (commits ? [("group.id", configuration.group)] : []),
      suggestions: [("fetch.wait.max.ms", "10"), ("fetch.message.max.bytes", "262144")], log: log)
    queue = handle.makeQueue()
  }

  func clusterID() throws(KafkaError) -> String {
    try handle.clusterID(timeoutMilliseconds: Self.requestTimeoutMilliseconds)
  }

  func partitionCount(of topic: String) throws(KafkaError) -> Int? {
    try handle.partitionCount(of: topic, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
  }

  func watermarks(_ partition: TopicPartition) throws(KafkaError) -> (low: Int64, high: Int64) {
    try handle.watermarks(partition, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
  }

  /// Reads from `offset` until `body` has enough, or until everything before `end` has been read.
  ///
  /// - Throws: also when nothing comes for `stallMilliseconds`, as behind an open transaction.
  func read(
    _ partition: TopicPartition, from offset: Int64, to end: Int64, _ body: (Record) -> Verdict
  ) throws(KafkaError) {
    try read([LogStretch(partition, offset..<max(offset, end))]) { _, record in body(record) }
  }

  /// The fingerprint of the last record of each stretch, all read at once; nil where there is none. No partition twice.
  func lastRecords(of stretches: [LogStretch]) throws(KafkaError) -> [RecordFingerprint?] {
    var found = [RecordFingerprint?](repeating: nil, count: stretches.count)
    var there: [(index: Int, stretch: LogStretch)] = []
    for (index, stretch) in stretches.enumerated() {
      let (low, high) = try watermarks(stretch.partition)
      let offsets = stretch.offsets.clamped(to: low..<max(low, high))
      if !offsets.isEmpty { there.append((index, LogStretch(stretch.partition, offsets))) }
    }
    // Retention may be faster than the question: there is no such record any more.
    try read(there.map(\.stretch), whereGone: .ends) { number, record in
      let (index, stretch) = there[number]
      guard record.offset < stretch.offsets.upperBound else { return .enough }
      found[index] = RecordFingerprint(
        offset: record.offset,
        digest: recordDigest(
          timestampMilliseconds: record.timestampMilliseconds, key: record.key.map { Array($0) },
          value: record.value.map { Array($0) }))
      return record.offset + 1 < stretch.offsets.upperBound ? .goOn : .enough
    }
    return found
  }

  private enum Gone { case throwsError, ends }

  /// A stretch that is being read.
  private struct Reading {
    var partition: TopicPartition
    var topic: OpaquePointer
    var from: Int64
    var reached: Int64
    var end: Int64
    var deadline: Int64
    var isOver = false
  }

  /// `body` is told the stretch's number.
  private func read(
    _ stretches: [LogStretch], whereGone: Gone = .throwsError, _ body: (Int, Record) -> Verdict
  ) throws(KafkaError) {
    var readings: [Reading] = []
    // Returns at once: stopping only waits for librdkafka's own thread, and outdates what is still in the queue.
    defer {
      for reading in readings where !reading.isOver {
        rd_kafka_consume_stop(reading.topic, reading.partition.partition)
      }
    }
    for stretch in stretches {
      let (partition, offset) = (stretch.partition, stretch.offsets.lowerBound)
      let topic = try handle.topic(partition.topic)
      guard rd_kafka_consume_start_queue(topic, partition.partition, offset, queue) == 0 else {
        throw KafkaError(code: rd_kafka_last_error(), doing: "Reading \(partition) from offset \(offset)")
      }
      readings.append(
        Reading(
          partition: partition, topic: topic, from: offset, reached: offset, end: stretch.offsets.upperBound,
          deadline: monotonicMilliseconds() + Self.stallMilliseconds))
    }
    var left = readings.count
    func end(_ number: Int) {
      readings[number].isOver = true
      rd_kafka_consume_stop(readings[number].topic, readings[number].partition.partition)
      left -= 1
    }
    while left > 0 {
      guard let message = rd_kafka_consume_queue(queue, Self.waitMilliseconds) else {
        handle.serveCallbacks()
        if let late = readings.first(where: { !$0.isOver && $0.deadline <= monotonicMilliseconds() }) {
          throw stalled(late)
        }
        continue
      }
      defer { rd_kafka_message_destroy(message) }
      let number = readings.firstIndex {
        $0.partition.partition == message.pointee.partition && $0.topic == message.pointee.rkt && !$0.isOver
      }
      guard let number else { continue }
      let at = message.pointee.offset
      switch message.pointee.err {
      case RD_KAFKA_RESP_ERR_NO_ERROR:
        guard at >= readings[number].reached else { continue }
        readings[number].reached = at + 1
        readings[number].deadline = monotonicMilliseconds() + Self.stallMilliseconds
        if case .enough = body(number, Self.record(message)) { end(number) }
      case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if at > readings[number].reached {
          readings[number].deadline = monotonicMilliseconds() + Self.stallMilliseconds
          readings[number].reached = at
        }
        if at >= readings[number].end { end(number) }
      // Elsewhere it may be of an earlier stretch: librdkafka does not outdate this error.
      case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET where whereGone == .ends && at == readings[number].reached: end(number)
      default:
        throw KafkaError(
          code: message.pointee.err,
          "\(readings[number].partition): \(String(cString: rd_kafka_message_errstr(message)))")
      }
    }
  }

  private func stalled(_ reading: Reading) -> KafkaError {
    let why =
      reading.reached > reading.from || reading.reached < reading.end
      ? "\(reading.partition) ends at offset \(reading.end), but nothing came behind \(reading.reached): a transaction may be open"
      : "\(reading.partition) did not answer"
    return handle.unreachable(KafkaError(code: RD_KAFKA_RESP_ERR__TIMED_OUT, why))
  }

  private static func record(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> Record {
    Record(
      offset: message.pointee.offset,
      key: message.pointee.key.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.key_len) },
      value: message.pointee.payload.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.len) },
      timestampMilliseconds: rd_kafka_message_timestamp(message, nil))
  }

  func close() { handle.close() }
}

/// For timeouts.
func monotonicMilliseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}
