import CRdkafka
package import Engine
import Events
import Glibc
import Synchronization

/// The input topics through librdkafka.
///
/// Each partition is started and stopped by hand on one queue, with no group and so no rebalance: a stop outdates every
/// message of that start, those in the queue included. Whatever error librdkafka reports of a partition, it may have
/// skipped records with it (a batch in a format it does not know, for one), so the partition is stopped.
///
/// Delivery is paused by not taking from the queue, whose memory is bounded: nothing is fetched twice for it.
///
/// `poll` must be called again where it was not dry; else `wake` tells when.
package final class KafkaSource: Source {
  private let configuration: KafkaClientConfiguration
  private var handle: ClientHandle
  private var queue: OpaquePointer
  private let log: KafkaLog
  private let wakeUp = Wake()

  private var topics: [AssignedTopic] = []
  private var lastTopic: AssignedTopic?
  private let messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
  /// Of `messages`, those that were taken from the queue and not handed over yet.
  private var taken = 0..<0
  private var batch: UInt64 = 0
  /// When the client is to be made anew; where that fails (a certificate that is half written), some seconds later again.
  private var renewAt: Int64?
  private static let renewRetryMilliseconds: Int64 = 5_000
  private var isClosed = false
  private let peeksAtHeaders = HeaderPeek.isUsable
  private var headers: [(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?)] = []
  /// Taken from the queue since librdkafka was told last.
  private var takenBytes = 0
  private var takenMessages = 0

  /// Messages taken from librdkafka at once: few, so that they are still in the processor's cache when they are given
  /// back.
  private static let batchCapacity = 128
  private var capacity = QueueCapacity()
  /// In librdkafka's queue.
  package var heldMessages: Int { rd_kafka_queue_length(queue) }
  /// Of keys and headers, since it was noted last.
  private var hiddenBytes = 0
  /// After a quarter of what fills the queue librdkafka is told to look whether it is full still.
  private static let tellBytes = QueueCapacity.kilobytes * 1_024 / 4
  private var tellMessages: Int { capacity.messages / 4 }
  /// The first version that can be told how long to wait for room in the queue; the ones before wait for a second.
  private static let hasQueueBackoff = rd_kafka_version() >= 0x0202_00FF
  private static let queueBackoff: [(String, String)] = hasQueueBackoff ? [("fetch.queue.backoff.ms", "5")] : []

  /// Of one fetch: below what the allocator maps anew each time (`MemoryPlan`), and not below `message.max.bytes`, which librdkafka
  /// refuses.
  private static func fetchBytes(_ configuration: KafkaClientConfiguration) -> Int {
    max(1_000_000, configuration.properties["message.max.bytes"].flatMap { Int($0) } ?? 0)
  }

  /// So many messages ahead.
  private static let prefetched = 2
  private static let prefetchedBytes = 512
  private static let cacheLine = 64

  package init(_ configuration: KafkaClientConfiguration, log: @escaping KafkaLog) throws(KafkaConfigurationError) {
    self.log = log
    self.configuration = configuration
    handle = try Self.client(configuration, capacity, log)
    queue = handle.makeQueue()
    messages = .allocate(capacity: Self.batchCapacity)
    beWoken()
  }

  private static func client(
    _ configuration: KafkaClientConfiguration, _ capacity: QueueCapacity, _ log: @escaping KafkaLog
  ) throws(KafkaConfigurationError) -> ClientHandle {
    try ClientHandle(
      .consumer, configuration,
      [
        ("isolation.level", "read_committed"), ("enable.partition.eof", "true"), ("auto.offset.reset", "error"),
        ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"), ("check.crcs", "true"),
        ("allow.auto.create.topics", "false"), ("queued.max.messages.kbytes", "\(QueueCapacity.kilobytes)"),
        ("queued.min.messages", "\(capacity.messages)"),
      ],
      // On a broker that is not woken by new data (the embedded one) the wait is the latency.
      suggestions: [
        ("fetch.wait.max.ms", "20"), ("fetch.message.max.bytes", "524288"),
        ("fetch.max.bytes", "\(fetchBytes(configuration))"), ("fetch.error.backoff.ms", "100"),
        // A leader that falls silent, and resets nothing, is left; librdkafka would wait for a minute.
        ("socket.timeout.ms", "10000"),
      ] + queueBackoff,
      log: log)
  }

  private func beWoken() {
    rd_kafka_queue_cb_event_enable(
      queue, { _, opaque in Unmanaged<Wake>.fromOpaque(opaque!).takeUnretainedValue().call() },
      Unmanaged.passUnretained(wakeUp).toOpaque())
  }

  deinit {
    close()
    messages.deallocate()
  }

  /// Called under a lock of librdkafka's: it must not call back into the source.
  package var wake: (@Sendable () -> Void)? {
    get { wakeUp.target.withLock { $0 } }
    set { wakeUp.target.withLock { $0 = newValue } }
  }

  package func cachedEnd(_ partition: TopicPartition) -> Int64? {
    var (low, high): (Int64, Int64) = (0, 0)
    let code = rd_kafka_get_watermark_offsets(
      handle.client, partition.topic, partition.partition, &low, &high)
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
  }

  // MARK: Partitions

  package func add(_ partition: TopicPartition, from offset: Int64, handle number: Int) throws(SourceError) {
    let topic: AssignedTopic
    do throws(KafkaError) {
      topic = try assigned(partition.topic)
    } catch {
      throw .unavailable(error.text)
    }
    let index = Int(partition.partition)
    topic.makeRoom(for: index)
    stop(topic, index)
    topic.partitions[index].handle = number
    topic.partitions[index].nextOffset = offset
    try start(topic, index)
  }

  package func remove(_ partition: TopicPartition) throws(SourceError) {
    guard let topic = topics.first(where: { $0.name == partition.topic }), partition.partition < topic.count else {
      return
    }
    stop(topic, Int(partition.partition))
  }

  private func assigned(_ name: String) throws(KafkaError) -> AssignedTopic {
    if let known = topics.first(where: { $0.name == name }) { return known }
    let made = AssignedTopic(name: name, topic: try handle.topic(name))
    topics.append(made)
    return made
  }

  /// From `nextOffset`; what is in the queue or in the batch at hand belongs to an earlier start.
  private func start(_ topic: AssignedTopic, _ index: Int) throws(SourceError) {
    let offset = topic.partitions[index].nextOffset
    guard rd_kafka_consume_start_queue(topic.topic, Int32(index), offset, queue) == 0 else {
      throw .unavailable(
        KafkaError(code: rd_kafka_last_error(), doing: "Starting \(topic.name)/\(index) at offset \(offset)").text)
    }
    topic.partitions[index].firstBatch = batch + 1
    topic.partitions[index].state = .running
  }

  /// Waits for librdkafka's own thread, not for a broker.
  private func stop(_ topic: AssignedTopic, _ index: Int) {
    let state = topic.partitions[index].state
    topic.partitions[index].state = .off
    if case .off = state { return }
    if rd_kafka_consume_stop(topic.topic, Int32(index)) != 0 {
      let error = KafkaError(code: rd_kafka_last_error(), doing: "Stopping \(topic.name)/\(index)")
      // The partition is gone from the cluster: there is nothing left to stop.
      log(.debug, error.text)
    }
  }

  // MARK: Delivery

  package func renew() {
    renewAt = 0
    wakeUp.call()
  }

  package func poll(limit: Int, bytes: Int, _ body: (SourceEvent) -> Void) throws(SourceError) -> Polled {
    guard !isClosed else { return Polled(events: 0, isDry: true) }
    handle.serveCallbacks()
    var (events, left, isDry) = (0, bytes, false)
    if let renewAt, monotonicMilliseconds() >= renewAt { events += beginAnew(body) }
    while events < limit, left > 0, !isDry {
      if taken.isEmpty {
        let wanted = min(limit - events, Self.batchCapacity)
        events += take(wanted, body)
        isDry = taken.count < wanted
      }
      events += handOver(atMost: limit - events, bytes: &left, body)
    }
    tell()
    return Polled(events: events, isDry: isDry && taken.isEmpty)
  }

  /// Takes so many messages from the queue. Returns how many partitions have failed.
  private func take(_ wanted: Int, _ body: (SourceEvent) -> Void) -> Int {
    let errors = handle.events.errorCount
    taken = 0..<max(rd_kafka_consume_batch_queue(queue, 0, messages, wanted), 0)
    batch += 1
    takenMessages += taken.count
    // Served with the queue, these are of partitions. Of a topic or partition that is gone librdkafka makes no message, and
    // what comes behind may be of another one: nothing that was taken is handed over.
    return handle.events.errorCount == errors ? 0 : failAll(handle.events.lastError, body)
  }

  /// Hands over what was taken, until there were so many events or bytes; the rest waits for the next call. Returns how many
  /// events.
  private func handOver(atMost limit: Int, bytes left: inout Int, _ body: (SourceEvent) -> Void) -> Int {
    guard !taken.isEmpty else { return 0 }
    var (events, i) = (0, taken.lowerBound)
    while i < taken.upperBound, events < limit, left > 0 {
      if let message = messages[i] {
        if i &+ Self.prefetched < taken.upperBound, let later = messages[i &+ Self.prefetched] { prefetch(later) }
        let (size, hidden) = (message.pointee.len &+ message.pointee.key_len, hiddenBytes)
        takenBytes &+= size
        hiddenBytes &+= message.pointee.key_len
        events += handOver(message, body)
        left &-= message.pointee.len &+ (hiddenBytes &- hidden)
      }
      i &+= 1
    }
    body(.released)
    let count = i - taken.lowerBound
    giveBack(count)
    if capacity.narrows(after: count, hiddenBytes: hiddenBytes) {
      log(
        .notice, "keys and headers of records are large: no more than \(capacity.messages) are held ahead from now on"
      )
      events += beginAnew(body)
    }
    hiddenBytes = 0
    return events
  }

  /// The next messages of what was taken, all in one go: each takes a lock of the allocator's, which librdkafka's thread wants,
  /// too.
  private func giveBack(_ count: Int) {
    for i in taken.prefix(count) { rd_kafka_message_destroy(messages[i]) }
    taken = taken.dropFirst(count)
  }

  /// Another thread has written the value: reading it is what a record costs here.
  @inline(__always)
  private func prefetch(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
    guard let value = message.pointee.payload else { return }
    // Its end is looked at first (`HeaderPeek`), and the processor fetches on by itself where much follows.
    let count = min(message.pointee.len, Self.prefetchedBytes)
    for offset in stride(from: 0, through: count, by: Self.cacheLine) { pleat_prefetch(value + offset) }
    pleat_prefetch(value + message.pointee.len)
  }

  /// Keeps librdkafka from sleeping before a queue that is not full any more. Every filling is followed by a look at what is left,
  /// at a quarter or less; where little comes nothing is asked for.
  private func tell() {
    guard takenBytes >= Self.tellBytes || takenMessages >= tellMessages else { return }
    (takenBytes, takenMessages) = (0, 0)
    if !Self.hasQueueBackoff { handle.wakeThreads() }
  }

  /// A new client in the place of the one there is, as `capacity` says: what that holds is dropped. Over new connections
  /// partitions may be others, so each has failed, and is checked before it is read on. Returns how many there were.
  private func beginAnew(_ body: (SourceEvent) -> Void) -> Int {
    let made: ClientHandle
    var moved: [OpaquePointer] = []
    do {
      made = try Self.client(configuration, capacity, log)
      for topic in topics { moved.append(try made.topic(topic.name)) }
    } catch {
      log(.warning, "the consumer is not made anew, and that is tried again: \(error)")
      renewAt = monotonicMilliseconds() + Self.renewRetryMilliseconds
      return 0
    }
    renewAt = nil
    let running = topics.map { topic in (0..<topic.count).filter { topic.partitions[$0].state == .running } }
    stopAll(waits: false)
    (handle, lastTopic) = (made, nil)
    queue = made.makeQueue()
    beWoken()
    for (topic, moved) in zip(topics, moved) { topic.topic = moved }
    for (topic, running) in zip(topics, running) {
      for index in running { fail(topic, index, "read over new connections", body) }
    }
    return running.reduce(0) { $0 + $1.count }
  }

  /// Hands over one message; returns how many events came of it: one, or none where it belongs to an earlier start.
  @inline(__always)
  private func handOver(_ message: UnsafeMutablePointer<rd_kafka_message_t>, _ body: (SourceEvent) -> Void) -> Int {
    let index = Int(message.pointee.partition)
    guard let topic = topic(of: message), index >= 0, index < topic.count else { return 0 }
    let partition = topic.partitions + index
    guard case .running = partition.pointee.state, partition.pointee.firstBatch <= batch else { return 0 }
    guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
      return handOverError(message, topic, index, body)
    }
    let offset = message.pointee.offset
    guard offset >= partition.pointee.nextOffset else { return 0 }
    let found = readHeaders(message)
    guard found != .unreadable else {
      fail(topic, index, "the headers of the record at offset \(offset) cannot be read", body)
      return 1
    }
    partition.pointee.nextOffset = offset + 1
    let value = message.pointee.payload.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.len) }
    let key = message.pointee.key.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.key_len) }
    let content = RecordContent(
      value: value, headers: headers, offset: offset, hasTooManyHeaders: found == .tooMany)
    hiddenBytes &+= content.headerBytes
    body(
      .record(
        handle: partition.pointee.handle,
        SourceRecord(
          content: content, key: key, timestampMilliseconds: rd_kafka_message_timestamp(message, nil))))
    return 1
  }

  @inline(__always)
  private func topic(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> AssignedTopic? {
    let pointer = message.pointee.rkt
    if let lastTopic, lastTopic.topic == pointer { return lastTopic }
    guard let found = topics.first(where: { $0.topic == pointer }) else { return nil }
    lastTopic = found
    return found
  }

  private enum Headers { case read, tooMany, unreadable }

  /// Fills `headers`, whose memory is used again for every record.
  @inline(__always)
  private func readHeaders(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> Headers {
    if !headers.isEmpty { headers.removeAll(keepingCapacity: true) }
    if HeaderPeek.hasNone(message, isUsable: peeksAtHeaders) { return .read }
    var list: OpaquePointer?
    switch rd_kafka_message_headers(message, &list) {
    case RD_KAFKA_RESP_ERR__NOENT: return .read
    case RD_KAFKA_RESP_ERR_NO_ERROR: break
    // More than 100,000: whoever asks again hears the same.
    case RD_KAFKA_RESP_ERR__BAD_MSG: return .tooMany
    default: return .unreadable
    }
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var size = 0
    var i = 0
    while rd_kafka_header_get_all(list, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let text = name {
      headers.append(
        (
          UnsafeRawBufferPointer(start: text, count: strlen(text)),
          value.map { UnsafeRawBufferPointer(start: $0, count: size) }
        ))
      i += 1
    }
    return .read
  }

  private func handOverError(
    _ message: UnsafeMutablePointer<rd_kafka_message_t>, _ topic: AssignedTopic, _ index: Int,
    _ body: (SourceEvent) -> Void
  ) -> Int {
    let partition = topic.partitions + index
    let offset = message.pointee.offset
    switch message.pointee.err {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      guard offset >= partition.pointee.nextOffset else { return 0 }
      partition.pointee.nextOffset = offset
      body(.endReached(handle: partition.pointee.handle, offset: offset))
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET where offset == partition.pointee.nextOffset:
      partition.pointee.state = .outOfRange
      body(.offsetOutOfRange(handle: partition.pointee.handle))
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      // Of an earlier start (librdkafka does not outdate this error, and has stopped the fetch all the same), or behind
      // records that a compaction took: asking again where the last record was tells.
      stop(topic, index)
      do throws(SourceError) {
        try start(topic, index)
        return 0
      } catch {
        fail(topic, index, error.text, body)
      }
    default:
      fail(topic, index, String(cString: rd_kafka_message_errstr(message)), body)
    }
    return 1
  }

  private func fail(_ topic: AssignedTopic, _ index: Int, _ text: String, _ body: (SourceEvent) -> Void) {
    stop(topic, index)
    body(.partitionError(handle: topic.partitions[index].handle, text))
  }

  /// Everything that is read: which partition is meant, only the text says. Returns how many there were.
  private func failAll(_ text: String, _ body: (SourceEvent) -> Void) -> Int {
    var count = 0
    for topic in topics {
      for index in 0..<topic.count where topic.partitions[index].state == .running {
        fail(topic, index, text, body)
        count += 1
      }
    }
    return count
  }

  package func close() {
    guard !isClosed else { return }
    isClosed = true
    stopAll(waits: true)
  }

  /// `waits`: until librdkafka's threads have ended, some seconds at most.
  private func stopAll(waits: Bool) {
    rd_kafka_queue_cb_event_enable(queue, nil, nil)
    // They keep the client alive.
    giveBack(taken.count)
    for topic in topics {
      for index in 0..<topic.count { stop(topic, index) }
    }
    handle.close(waits: waits)
  }
}

/// What librdkafka's threads call when the queue has something.
private final class Wake: Sendable {
  let target = Mutex<(@Sendable () -> Void)?>(nil)

  func call() {
    let target = target.withLock { $0 }
    target?()
  }
}
