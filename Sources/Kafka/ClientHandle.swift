import CRdkafka
import Engine
import Glibc

/// Owns one librdkafka client, its topics and its callbacks.
final class ClientHandle {
  let client: OpaquePointer
  let events: ClientEvents
  private var topics: [String: OpaquePointer] = [:]
  private var queues: [OpaquePointer] = []
  private var isClosed = false
  private let credentials: (user: String, password: String)

  /// How long `close` waits for librdkafka's threads before it leaves them to themselves.
  private static let closeSeconds = 5
  private static let errorTextCapacity = 512

  /// - Parameters:
  ///   - settings: what nobody overrides.
  ///   - suggestions: what the user's properties may override.
  init(
    _ role: KafkaClientConfiguration.Role, _ configuration: KafkaClientConfiguration, _ settings: [(String, String)],
    suggestions: [(String, String)] = [], deliveryReports: Bool = false, log: @escaping KafkaLog
  ) throws(KafkaConfigurationError) {
    events = ClientEvents(log: log)
    let made = try configuration.make(role, settings, suggestions: suggestions)
    events.register(in: made, role: role, deliveryReports: deliveryReports)
    var text = [CChar](repeating: 0, count: Self.errorTextCapacity)
    // On success librdkafka owns the configuration.
    guard let client = rd_kafka_new(role.type, made, &text, text.count) else {
      let isOutOfResources = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE
      rd_kafka_conf_destroy(made)
      let reason = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
      throw isOutOfResources ? .noResources(reason) : .unusable(reason)
    }
    self.client = client
    credentials = (configuration.properties["sasl.username"] ?? "", configuration.properties["sasl.password"] ?? "")
  }

  deinit { close() }

  /// Makes librdkafka's threads look at once whether there is something to fetch.
  ///
  /// Where the queue was full they sleep for a second otherwise (2.0.2; #2879), however soon it is emptied. Of all its calls the one
  /// that wakes them and asks no broker anything is this: the credentials are set to what they are, and without SASL nobody reads
  /// them.
  func wakeThreads() {
    if let error = rd_kafka_sasl_set_credentials(client, credentials.user, credentials.password) {
      events.log(.debug, "librdkafka's threads cannot be woken: \(String(cString: rd_kafka_error_string(error)))")
      rd_kafka_error_destroy(error)
    }
  }

  /// The client's object for a topic; it lives as long as the client.
  func topic(_ name: String) throws(KafkaError) -> OpaquePointer {
    if let known = topics[name] { return known }
    guard let made = rd_kafka_topic_new(client, name, nil) else {
      throw KafkaError(code: rd_kafka_last_error(), doing: "Topic \(name)")
    }
    topics[name] = made
    return made
  }

  /// A new queue of the client; it lives as long as the client.
  func makeQueue() -> OpaquePointer {
    guard let queue = rd_kafka_queue_new(client) else { fatalError("librdkafka is out of memory") }
    queues.append(queue)
    return queue
  }

  /// Serves error and delivery callbacks that wait for the calling thread.
  @discardableResult
  func serveCallbacks(waitMilliseconds: Int32 = 0) -> Int { Int(rd_kafka_poll(client, waitMilliseconds)) }

  /// The cluster's id, as this client learned it on its first connection.
  func clusterID(timeoutMilliseconds: Int32) throws(KafkaError) -> String {
    guard let text = rd_kafka_clusterid(client, timeoutMilliseconds) else {
      throw unreachable(KafkaError(code: RD_KAFKA_RESP_ERR__TIMED_OUT, doing: "The cluster's id"))
    }
    defer { rd_kafka_mem_free(client, text) }
    return String(cString: text)
  }

  /// How many partitions a topic has; nil if it does not exist.
  func partitionCount(of name: String, timeoutMilliseconds: Int32) throws(KafkaError) -> Int? {
    try leaders(of: name, timeoutMilliseconds: timeoutMilliseconds)?.count
  }

  /// The broker that leads each partition of a topic, −1 where none does; nil if the topic does not exist.
  func leaders(of name: String, timeoutMilliseconds: Int32) throws(KafkaError) -> [Int32]? {
    try metadata(of: name, timeoutMilliseconds: timeoutMilliseconds) { _, partitions in
      partitions.sorted { $0.id < $1.id }.map(\.leader)
    }
  }

  /// How many brokers there are, and how many copies of a topic's partitions, where that has fewest; nil if the topic does not exist.
  func copies(of name: String, timeoutMilliseconds: Int32) throws(KafkaError) -> (brokers: Int, replicas: Int)? {
    try metadata(of: name, timeoutMilliseconds: timeoutMilliseconds) { brokers, partitions in
      (brokers, Int(partitions.map(\.replica_cnt).min() ?? 0))
    }
  }

  private func metadata<R>(
    of name: String, timeoutMilliseconds: Int32,
    _ body: (_ brokers: Int, UnsafeBufferPointer<rd_kafka_metadata_partition_t>) -> R
  ) throws(KafkaError) -> R? {
    let topic = try topic(name)
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let code = rd_kafka_metadata(client, 0, topic, &metadata, timeoutMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else {
      throw unreachable(KafkaError(code: code, doing: "Metadata of topic \(name)"))
    }
    defer { rd_kafka_metadata_destroy(metadata) }
    guard metadata.pointee.topic_cnt == 1 else {
      throw KafkaError(code: RD_KAFKA_RESP_ERR__BAD_MSG, "Metadata of topic \(name): an answer without the topic")
    }
    let answer = metadata.pointee.topics[0]
    switch answer.err {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return body(
        Int(metadata.pointee.broker_cnt),
        UnsafeBufferPointer(start: answer.partitions, count: Int(answer.partition_cnt)))
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return nil
    default: throw KafkaError(code: answer.err, doing: "Metadata of topic \(name)")
    }
  }

  /// Lowest offset and end of a partition, asked from its leader, in the client's isolation level. (librdkafka's own call for that waits
  /// longer than it is told to, in 2.0.2 for as long as a broker is silent.)
  func watermarks(_ partition: TopicPartition, timeoutMilliseconds: Int32) throws(KafkaError) -> (
    low: Int64, high: Int64
  ) {
    try watermarks(of: [partition], timeoutMilliseconds: timeoutMilliseconds)[0].get()
  }

  /// Lowest offsets and ends of partitions, all of them in one request to each of their leaders, in the client's isolation level.
  func watermarks(
    of partitions: [TopicPartition], timeoutMilliseconds: Int32
  ) throws(KafkaError) -> [Result<(low: Int64, high: Int64), KafkaError>] {
    do throws(KafkaError) {
      let lows = try offsets(of: partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING), timeoutMilliseconds)
      let highs = try offsets(of: partitions, at: Int64(RD_KAFKA_OFFSET_END), timeoutMilliseconds)
      return (0..<partitions.count).map { index in
        guard 0 <= lows[index], lows[index] <= highs[index] else {
          let text = "Watermarks of \(partitions[index]): \(lows[index]) and \(highs[index]) are none of one topic"
          return .failure(KafkaError(code: RD_KAFKA_RESP_ERR__BAD_MSG, text))
        }
        return .success((lows[index], highs[index]))
      }
    } catch {
      // What is wrong with one partition is said of the request.
      if partitions.count == 1 || error.isTimeout { throw error }
      var silence: KafkaError?
      return partitions.map { partition in
        if let silence { return .failure(silence) }
        do throws(KafkaError) {
          return .success(try watermarks(partition, timeoutMilliseconds: timeoutMilliseconds))
        } catch {
          if error.isTimeout { silence = error }
          return .failure(error)
        }
      }
    }
  }

  /// The protocol has numbers below zero for both ends where it has times.
  private func offsets(
    of partitions: [TopicPartition], at time: Int64, _ timeoutMilliseconds: Int32
  ) throws(KafkaError) -> [Int64] {
    if partitions.isEmpty { return [] }
    guard let list = rd_kafka_topic_partition_list_new(Int32(clamping: partitions.count)) else {
      fatalError("librdkafka is out of memory")
    }
    defer { rd_kafka_topic_partition_list_destroy(list) }
    for partition in partitions {
      rd_kafka_topic_partition_list_add(list, partition.topic, partition.partition).pointee.offset = time
    }
    let code = rd_kafka_offsets_for_times(client, list, timeoutMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      let what = partitions.count == 1 ? "\(partitions[0])" : "\(partitions[0]) and others of its broker"
      throw unreachable(KafkaError(code: code, doing: "Watermarks of \(what)"))
    }
    return (0..<partitions.count).map { index in
      let found = list.pointee.elems[index]
      return found.err == RD_KAFKA_RESP_ERR_NO_ERROR ? found.offset : -1
    }
  }

  /// Adds what the connections last complained about to a timeout.
  func unreachable(_ error: KafkaError) -> KafkaError {
    serveCallbacks()
    guard
      error.isTimeout || error.code == RD_KAFKA_RESP_ERR__TRANSPORT.rawValue
        || error.code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN.rawValue,
      let connection = events.connectionError
    else { return error }
    var explained = error
    explained.text += " (\(connection))"
    return explained
  }

  /// Ends the client: waits a bounded time for its threads, or not at all, and then leaves them to end on their own. Records that
  /// were not delivered are dropped.
  func close(waits: Bool = true) {
    guard !isClosed else { return }
    isClosed = true
    for topic in topics.values { rd_kafka_topic_destroy(topic) }
    for queue in queues { rd_kafka_queue_destroy(queue) }
    topics = [:]
    queues = []
    let ending = EndingClient(client: client, events: events)
    let opaque = Unmanaged.passRetained(ending).toOpaque()
    var thread = pthread_t()
    guard pthread_create(&thread, nil, { EndingClient.end($0) }, opaque) == 0 else {
      // Without a thread the wait cannot be bounded, but memory must not leak either.
      _ = EndingClient.end(opaque)
      return
    }
    pthread_detach(thread)
    if waits, !ending.wait(seconds: Self.closeSeconds) {
      events.log(.warning, "A Kafka client did not end within \(Self.closeSeconds) s; it is left to end on its own.")
    }
  }
}

/// Keeps the callbacks' target alive until librdkafka's last thread of a client has ended.
private final class EndingClient {
  private let client: OpaquePointer
  private let events: ClientEvents
  private let ended: UnsafeMutablePointer<sem_t>

  init(client: OpaquePointer, events: ClientEvents) {
    (self.client, self.events) = (client, events)
    ended = .allocate(capacity: 1)
    sem_init(ended, 0, 0)
  }

  deinit {
    sem_destroy(ended)
    ended.deallocate()
  }

  static func end(_ opaque: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let opaque else { return nil }
    let ending = Unmanaged<EndingClient>.fromOpaque(opaque).takeRetainedValue()
    // Closing a group member can hang (2.0.2), and nothing here is a member of a group.
    rd_kafka_destroy_flags(ending.client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
    sem_post(ending.ended)
    return nil
  }

  /// Whether the client ended in time.
  func wait(seconds: Int) -> Bool {
    var deadline = timespec()
    clock_gettime(CLOCK_REALTIME, &deadline)
    deadline.tv_sec += seconds
    while sem_timedwait(ended, &deadline) != 0 {
      if errno != EINTR { return false }
    }
    return true
  }
}
