import CRdkafka
package import Engine

/// Topics as an administrator sees them: whether they exist, and making them.
///
/// The embedded broker knows no administration: there only `partitionCount` answers.
package final class AdminTopics {
  private let handle: ClientHandle
  private let queue: OpaquePointer

  private static let requestTimeoutMilliseconds: Int32 = 5_000
  /// Beyond the request's own: what librdkafka needs to say that it timed out.
  private static let answerTimeoutMilliseconds: Int32 = 7_000
  private static let errorTextCapacity = 512
  /// How long a topic that was just made may stay unknown to the brokers.
  private static let appearMilliseconds: Int64 = 5_000
  private static let pollMilliseconds: Int32 = 50

  package init(_ configuration: KafkaClientConfiguration, log: @escaping KafkaLog) throws(KafkaConfigurationError) {
    handle = try ClientHandle(
      .consumer, configuration,
      [("allow.auto.create.topics", "false"), ("isolation.level", "read_committed")], log: log)
    queue = handle.makeQueue()
  }

  package func close() { handle.close() }

  package func clusterID() throws(KafkaError) -> String {
    try handle.clusterID(timeoutMilliseconds: Self.requestTimeoutMilliseconds)
  }

  /// How many partitions a topic has; nil if it does not exist.
  package func partitionCount(of topic: String) throws(KafkaError) -> Int? {
    try handle.partitionCount(of: topic, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
  }

  /// How many brokers there are, and how many copies of a topic; nil if it does not exist.
  package func copies(of topic: String) throws(KafkaError) -> (brokers: Int, replicas: Int)? {
    try handle.copies(of: topic, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
  }

  /// Where a `read_committed` reader comes to an end now: before the first open transaction.
  package func committedEnd(of partition: TopicPartition) throws(KafkaError) -> Int64 {
    try handle.watermarks(partition, timeoutMilliseconds: Self.requestTimeoutMilliseconds).high
  }

  /// Makes a topic, and waits until the brokers know it; returns false if it was there already.
  /// - Parameter replication: −1 for the broker's default.
  @discardableResult
  package func create(
    _ topic: String, partitions: Int32, replication: Int32 = -1, settings: [(String, String)] = []
  ) throws(KafkaError) -> Bool {
    var text = [CChar](repeating: 0, count: Self.errorTextCapacity)
    guard let made = rd_kafka_NewTopic_new(topic, partitions, replication, &text, text.count) else {
      throw KafkaError(
        code: RD_KAFKA_RESP_ERR__INVALID_ARG,
        "Creating topic \(topic): \(text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })")
    }
    defer { rd_kafka_NewTopic_destroy(made) }
    for (name, value) in settings { rd_kafka_NewTopic_set_config(made, name, value) }
    do throws(KafkaError) {
      try request("Creating topic \(topic)", RD_KAFKA_ADMIN_OP_CREATETOPICS) { options in
        var topics: [OpaquePointer?] = [made]
        rd_kafka_CreateTopics(handle.client, &topics, 1, options, queue)
      } result: { event throws(KafkaError) in
        var count = 0
        let topics = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
        try Self.check(topics, count, doing: "Creating topic \(topic)")
      }
    } catch {
      guard error.code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS.rawValue else { throw error }
      return false
    }
    let deadline = monotonicMilliseconds() + Self.appearMilliseconds
    while try partitionCount(of: topic) != Int(partitions) {
      guard monotonicMilliseconds() < deadline else {
        throw KafkaError(code: RD_KAFKA_RESP_ERR__TIMED_OUT, "Creating topic \(topic): the brokers do not show it")
      }
      handle.serveCallbacks(waitMilliseconds: Self.pollMilliseconds)
    }
    return true
  }

  package func delete(_ topic: String) throws(KafkaError) {
    guard let gone = rd_kafka_DeleteTopic_new(topic) else { return }
    defer { rd_kafka_DeleteTopic_destroy(gone) }
    try request("Deleting topic \(topic)", RD_KAFKA_ADMIN_OP_DELETETOPICS) { options in
      var topics: [OpaquePointer?] = [gone]
      rd_kafka_DeleteTopics(handle.client, &topics, 1, options, queue)
    } result: { event throws(KafkaError) in
      var count = 0
      let topics = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
      try Self.check(topics, count, doing: "Deleting topic \(topic)")
    }
    let deadline = monotonicMilliseconds() + Self.appearMilliseconds
    while try partitionCount(of: topic) != nil {
      guard monotonicMilliseconds() < deadline else {
        throw KafkaError(code: RD_KAFKA_RESP_ERR__TIMED_OUT, "Deleting topic \(topic): the brokers still show it")
      }
      handle.serveCallbacks(waitMilliseconds: Self.pollMilliseconds)
    }
  }

  /// Deletes a partition's records below an offset.
  package func deleteRecords(_ partition: TopicPartition, before offset: Int64) throws(KafkaError) {
    guard let list = rd_kafka_topic_partition_list_new(1) else { return }
    defer { rd_kafka_topic_partition_list_destroy(list) }
    rd_kafka_topic_partition_list_add(list, partition.topic, partition.partition).pointee.offset = offset
    guard let deletion = rd_kafka_DeleteRecords_new(list) else { return }
    defer { rd_kafka_DeleteRecords_destroy(deletion) }
    try request("Deleting records of \(partition)", RD_KAFKA_ADMIN_OP_DELETERECORDS) { options in
      var deletions: [OpaquePointer?] = [deletion]
      rd_kafka_DeleteRecords(handle.client, &deletions, 1, options, queue)
    } result: { event throws(KafkaError) in
      let answer = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event))
      guard let answer, answer.pointee.cnt == 1 else { return }
      let code = answer.pointee.elems[0].err
      if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code: code, doing: "Deleting records of \(partition)") }
    }
  }

  /// One setting of a topic, as it is in force; nil if the broker does not know the name.
  package func setting(_ name: String, of topic: String) throws(KafkaError) -> String? {
    guard let resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic) else { return nil }
    defer { rd_kafka_ConfigResource_destroy(resource) }
    let what = "Settings of topic \(topic)"
    var found: String?
    try request(what, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS) { options in
      var resources: [OpaquePointer?] = [resource]
      rd_kafka_DescribeConfigs(handle.client, &resources, 1, options, queue)
    } result: { event throws(KafkaError) in
      var count = 0
      let resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count)
      guard count == 1, let answer = resources?[0] else {
        throw KafkaError(code: RD_KAFKA_RESP_ERR__BAD_MSG, "\(what): an answer without the topic")
      }
      let code = rd_kafka_ConfigResource_error(answer)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code: code, doing: what) }
      var entryCount = 0
      let entries = rd_kafka_ConfigResource_configs(answer, &entryCount)
      for i in 0..<entryCount {
        guard let entry = entries?[i], let text = rd_kafka_ConfigEntry_name(entry), String(cString: text) == name else {
          continue
        }
        found = rd_kafka_ConfigEntry_value(entry).map { String(cString: $0) }
      }
    }
    return found
  }

  private func request(
    _ what: String, _ operation: rd_kafka_admin_op_t, _ send: (OpaquePointer) -> Void,
    result: (OpaquePointer) throws(KafkaError) -> Void
  ) throws(KafkaError) {
    guard let options = rd_kafka_AdminOptions_new(handle.client, operation) else {
      throw KafkaError(code: RD_KAFKA_RESP_ERR__INVALID_ARG, doing: what)
    }
    defer { rd_kafka_AdminOptions_destroy(options) }
    var text = [CChar](repeating: 0, count: Self.errorTextCapacity)
    let code = rd_kafka_AdminOptions_set_request_timeout(
      options, Self.requestTimeoutMilliseconds, &text, text.count)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code: code, doing: what) }
    send(options)
    guard let event = rd_kafka_queue_poll(queue, Self.answerTimeoutMilliseconds) else {
      throw handle.unreachable(KafkaError(code: RD_KAFKA_RESP_ERR__TIMED_OUT, doing: what))
    }
    defer { rd_kafka_event_destroy(event) }
    let answer = rd_kafka_event_error(event)
    guard answer == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw handle.unreachable(KafkaError(code: answer, doing: what))
    }
    try result(event)
  }

  private static func check(
    _ topics: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, doing what: String
  ) throws(KafkaError) {
    for i in 0..<count {
      guard let topic = topics?[i] else { continue }
      let code = rd_kafka_topic_result_error(topic)
      guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
      let text = rd_kafka_topic_result_error_string(topic).map { String(cString: $0) }
      throw KafkaError(code: code, "\(what): \(text ?? String(cString: rd_kafka_err2str(code)))")
    }
  }
}
