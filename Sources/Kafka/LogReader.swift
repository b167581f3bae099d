import CRdkafka
import Engine
import Glibc

/// A small consumer that reads short stretches of a log, one partition at a time, and answers what a topic and its ends
/// are.
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
    let topic = try handle.topic(partition.topic)
    guard rd_kafka_consume_start_queue(topic, partition.partition, offset, queue) == 0 else {
      throw KafkaError(code: rd_kafka_last_error(), doing: "Reading \(partition) from offset \(offset)")
    }
    // Returns at once: stopping only waits for librdkafka's own thread, and outdates what is still in the queue.
    defer { rd_kafka_consume_stop(topic, partition.partition) }
    var reached = offset
    var deadline = monotonicMilliseconds() + Self.stallMilliseconds
    while true {
      guard let message = rd_kafka_consume_queue(queue, Self.waitMilliseconds) else {
        handle.serveCallbacks()
        guard monotonicMilliseconds() < deadline else {
          let why =
            reached > offset || reached < end
            ? "\(partition) ends at offset \(end), but nothing came behind \(reached): a transaction may be open"
            : "\(partition) did not answer"
          throw handle.unreachable(KafkaError(code: RD_KAFKA_RESP_ERR__TIMED_OUT, why))
        }
        continue
      }
      defer { rd_kafka_message_destroy(message) }
      guard message.pointee.partition == partition.partition, message.pointee.rkt == topic else { continue }
      let at = message.pointee.offset
      switch message.pointee.err {
      case RD_KAFKA_RESP_ERR_NO_ERROR:
        guard at >= reached else { continue }
        reached = at + 1
        deadline = monotonicMilliseconds() + Self.stallMilliseconds
        if case .enough = body(Self.record(message)) { return }
      case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if at > reached { deadline = monotonicMilliseconds() + Self.stallMilliseconds }
        reached = max(reached, at)
        if at >= end { return }
      default:
        throw KafkaError(
          code: message.pointee.err, "\(partition): \(String(cString: rd_kafka_message_errstr(message)))")
      }
    }
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
