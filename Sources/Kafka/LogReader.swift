import CRdkafka
import Engine

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
  private let isolation: Isolation
  private let queue: OpaquePointer

  /// - Parameter commits: whether offsets will be committed to the configuration's group through this client.
  init(
    _ configuration: KafkaClientConfiguration, _ isolation: Isolation, commits: Bool = false, log: @escaping KafkaLog
  ) throws(KafkaConfigurationError) {
    self.isolation = isolation
    handle = try ClientHandle(
      .consumer, configuration,
      [
        ("isolation.level", isolation.rawValue), ("enable.partition.eof", "true"), ("auto.offset.reset", "error"),
        ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"), ("check.crcs", "true"),
        ("allow.auto.create.topics", "false"), ("queued.max.messages.kbytes", "4096"),
      ] + (commits ? [("group.id", configuration.group)] : []),
      suggestions: [
        ("fetch.wait.max.ms", "10"), ("fetch.message.max.bytes", "262144"),
        // Who does not answer is left, so that the next question goes to another one.
        ("socket.timeout.ms", "\(Self.requestTimeoutMilliseconds)"),
      ], log: log)
    queue = handle.makeQueue()
  }

  func clusterID() throws(KafkaError) -> String {
    try handle.clusterID(timeoutMilliseconds: Self.requestTimeoutMilliseconds)
  }

  func partitionCount(of topic: String) throws(KafkaError) -> Int? {
    try handle.partitionCount(of: topic, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
  }

  /// Any broker knows: where the one that was asked has just gone another one is asked.
  func leaders(of topic: String) throws(KafkaError) -> [Int32]? {
    do throws(KafkaError) {
      return try handle.leaders(of: topic, timeoutMilliseconds: Self.requestTimeoutMilliseconds / 2)
    } catch {
      guard error.isTimeout else { throw error }
      return try handle.leaders(of: topic, timeoutMilliseconds: Self.requestTimeoutMilliseconds / 2)
    }
  }

  func watermarks(_ partition: TopicPartition) throws(KafkaError) -> (low: Int64, high: Int64) {
    try handle.watermarks(partition, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
  }

  func watermarks(
    of partitions: [TopicPartition]
  ) throws(KafkaError) -> [Result<(low: Int64, high: Int64), KafkaError>] {
    try handle.watermarks(of: partitions, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
  }

  /// Reads from `offset` until `body` has enough, or until everything before `end` has been read.
  ///
  /// - Throws: also when nothing comes for `stallMilliseconds`, as behind an open transaction.
  func read(
    _ partition: TopicPartition, from offset: Int64, to end: Int64, _ body: (Record) -> Verdict
  ) throws(KafkaError) {
    let failure = try read([LogStretch(partition, offset..<max(offset, end))]) { _, record in body(record) }[0]
    if let failure { throw failure }
  }

  /// What the partitions are, all asked at once.
  func answers(to questions: [PartitionQuestion]) throws(KafkaError) -> [Result<PartitionAnswer, KafkaError>] {
    let ends = try watermarks(of: questions.map(\.partition))
    var answers = ends.map { $0.map { PartitionAnswer(low: $0.low, high: $0.high) } }
    // The nth stretches of all partitions are read at once.
    let stretches = zip(questions, answers).map { question, answer in
      (try? answer.get()).map { Self.stretches(of: question, $0) } ?? []
    }
    let deadline = monotonicMilliseconds() + Self.stallMilliseconds
    for number in 0..<(stretches.map(\.count).max() ?? 0) {
      let indices = stretches.indices.filter {
        if case .success = answers[$0] { number < stretches[$0].count } else { false }
      }
      let found = try lastRecords(of: indices.map { stretches[$0][number] }, until: deadline)
      for (index, record) in zip(indices, found) {
        let isLast = number == stretches[index].count - 1
        switch (record, answers[index]) {
        case (.success(let record), .success(var answer)):
          if let record { if isLast { answer.last = record } else { answer.records.append(record) } }
          answers[index] = .success(answer)
        case (.failure(let error), .success): answers[index] = .failure(error)
        case (_, .failure): break
        }
      }
    }
    return answers
  }

  /// The records asked for, as far as they can be there, and where the last one is looked for.
  private static func stretches(of question: PartitionQuestion, _ answer: PartitionAnswer) -> [LogStretch] {
    let there = answer.low..<answer.high
    guard let offsets = question.offsets, !there.isEmpty else { return [] }
    let records = offsets.filter(there.contains).map { LogStretch(question.partition, at: $0) }
    let last = LogStretch(question.partition, lastBefore: answer.high)
    return records + [LogStretch(question.partition, last.offsets.clamped(to: there))]
  }

  /// The fingerprint of the last record of each stretch that can be read, all read at once; nil where there is none. No partition twice.
  private func lastRecords(
    of stretches: [LogStretch], until deadline: Int64
  ) throws(KafkaError) -> [Result<RecordFingerprint?, KafkaError>] {
    var found = [RecordFingerprint?](repeating: nil, count: stretches.count)
    // Retention may be faster than the question: there is no such record any more.
    let failures = try read(stretches, whereGone: .ends, until: deadline) { number, record in
      let stretch = stretches[number]
      guard record.offset < stretch.offsets.upperBound else { return .enough }
      found[number] = RecordFingerprint(
        offset: record.offset,
        digest: recordDigest(
          timestampMilliseconds: record.timestampMilliseconds, key: record.key.map { Array($0) },
          value: record.value.map { Array($0) }))
      return record.offset + 1 < stretch.offsets.upperBound ? .goOn : .enough
    }
    return zip(found, failures).map { record, failure in
      if let failure, !failure.isOfRecord { .failure(failure) } else { .success(record) }
    }
  }

  private enum Gone { case throwsError, ends }

  /// A stretch that is being read.
  private struct Reading {
    var partition: TopicPartition
    var topic: OpaquePointer
    var reached: Int64
    var end: Int64
    var deadline: Int64
    var hasAnswered = false
    var isOver = false
  }

  /// `body` is told the stretch's number. What becomes of one stretch does not touch the others: its failure is returned.
  private func read(
    _ stretches: [LogStretch], whereGone: Gone = .throwsError, until last: Int64 = .max,
    _ body: (Int, Record) -> Verdict
  ) throws(KafkaError) -> [KafkaError?] {
    var readings: [Reading] = []
    var failures = [KafkaError?](repeating: nil, count: stretches.count)
    // Returns at once: stopping only waits for librdkafka's own thread, and outdates what is still in the queue.
    defer {
      for reading in readings where !reading.isOver {
        rd_kafka_consume_stop(reading.topic, reading.partition.partition)
      }
    }
    for stretch in stretches { readings.append(try start(stretch)) }
    var left = readings.count
    func end(_ number: Int, _ failure: KafkaError? = nil) {
      failures[number] = failure
      readings[number].isOver = true
      rd_kafka_consume_stop(readings[number].topic, readings[number].partition.partition)
      left -= 1
    }
    while left > 0 {
      guard let message = rd_kafka_consume_queue(queue, Self.waitMilliseconds) else {
        handle.serveCallbacks()
        let now = monotonicMilliseconds()
        for (number, reading) in readings.enumerated()
        where !reading.isOver && min(reading.deadline, last) <= now {
          end(number, stalled(reading))
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
        readings[number].hasAnswered = true
        readings[number].reached = at + 1
        readings[number].deadline = monotonicMilliseconds() + Self.stallMilliseconds
        let verdict = body(number, Self.record(message))
        // Whoever writes faster than this reads does not keep it from ending.
        if case .enough = verdict { end(number) } else if at + 1 >= readings[number].end { end(number) }
      case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if at >= readings[number].reached { readings[number].hasAnswered = true }
        if at > readings[number].reached {
          readings[number].deadline = monotonicMilliseconds() + Self.stallMilliseconds
          readings[number].reached = at
        }
        if at >= readings[number].end { end(number) }
      // Elsewhere it may be of an earlier stretch: librdkafka does not outdate this error.
      case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET where whereGone == .ends && at == readings[number].reached: end(number)
      default:
        let text = String(cString: rd_kafka_message_errstr(message))
        end(number, KafkaError(code: message.pointee.err, "\(readings[number].partition): \(text)"))
      }
    }
    return failures
  }

  private func start(_ stretch: LogStretch) throws(KafkaError) -> Reading {
    let (partition, offset) = (stretch.partition, stretch.offsets.lowerBound)
    let topic = try handle.topic(partition.topic)
    guard rd_kafka_consume_start_queue(topic, partition.partition, offset, queue) == 0 else {
      throw KafkaError(code: rd_kafka_last_error(), doing: "Reading \(partition) from offset \(offset)")
    }
    return Reading(
      partition: partition, topic: topic, reached: offset, end: stretch.offsets.upperBound,
      deadline: monotonicMilliseconds() + Self.stallMilliseconds)
  }

  private func stalled(_ reading: Reading) -> KafkaError {
    let place = "\(reading.partition) ends at offset \(reading.end), and nothing came behind \(reading.reached)"
    let why =
      switch (reading.hasAnswered, isolation) {
      case (false, _): "\(reading.partition) did not answer"
      case (true, .committed): "\(place): a transaction may be open"
      case (true, .uncommitted): place
      }
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
