import CRdkafka

/// A producer whose records become visible together or not at all. After any error but one that `requiresAbort` it is
/// of no use, and what was under way may have happened.
package final class TransactionalProducer {
  private let handle: ClientHandle
  /// Heard before the transaction.
  private var errors = 0
  /// A connection broke during the last transaction that was committed, or could not be made. librdkafka has sent again what
  /// was on its way, and the first of both may still come, and end the next transaction.
  package private(set) var wasDisturbed = false

  /// How long a broker lets a transaction of a dead producer hold others back.
  private static let transactionTimeoutMilliseconds = 30_000
  private static let deliveryTimeoutMilliseconds = 8_000
  /// Each call's own limit.
  package static let callTimeoutMilliseconds: Int32 = 8_000

  package init(
    _ configuration: KafkaClientConfiguration, transactionalID: String, log: @escaping KafkaLog
  ) throws(KafkaConfigurationError) {
    handle = try ClientHandle(
      .producer, configuration,
      [
        ("transactional.id", transactionalID), ("acks", "all"), ("enable.idempotence", "true"),
        ("transaction.timeout.ms", "\(Self.transactionTimeoutMilliseconds)"),
        ("message.timeout.ms", "\(Self.deliveryTimeoutMilliseconds)"),
        // Else nobody hears of connections that break.
        ("log.connection.close", "true"),
      ],
      // A transaction's commit sends what is waiting: lingering only adds to its latency. A batch that is larger than the topic allows
      // is refused for ever, and events are small.
      suggestions: [("linger.ms", "0"), ("batch.size", "65536")], log: log)
  }

  /// Fences every earlier producer with this id, and ends its transaction.
  package func initialize() throws(KafkaError) {
    try check(
      rd_kafka_init_transactions(handle.client, Self.callTimeoutMilliseconds), "Starting the transactional producer")
  }

  package func begin() throws(KafkaError) {
    try check(rd_kafka_begin_transaction(handle.client), "Beginning a transaction")
    errors = handle.events.errorCount
  }

  /// Puts a record into the transaction; whether it was delivered, `commit` tells.
  /// - Parameter partition: nil to let the key decide.
  package func send(topic: String, partition: Int32? = nil, key: String, value: String?) throws(KafkaError) {
    try handle.produce(topic: topic, partition: partition, key: key, value: value)
  }

  package func commit() throws(KafkaError) {
    try check(
      rd_kafka_commit_transaction(handle.client, Self.callTimeoutMilliseconds), "Committing a transaction")
    wasDisturbed = handle.events.errorCount != errors
  }

  package func abort() throws(KafkaError) {
    try check(rd_kafka_abort_transaction(handle.client, Self.callTimeoutMilliseconds), "Aborting a transaction")
  }

  /// Waits until the brokers have what was sent, without ending the transaction.
  package func flush() throws(KafkaError) {
    let code = rd_kafka_flush(handle.client, Self.callTimeoutMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw handle.unreachable(KafkaError(code: code, doing: "Sending a transaction's records"))
    }
  }

  /// Ends the client; a transaction that is open stays so until a successor or the broker's timeout ends it.
  package func close() { handle.close() }

  private func check(_ error: OpaquePointer?, _ what: String) throws(KafkaError) {
    handle.serveCallbacks()
    guard let error else { return }
    throw handle.unreachable(KafkaError(consuming: error, doing: what))
  }
}

extension ClientHandle {
  /// Puts a copy of a small record into the client's queue.
  func produce(topic name: String, partition: Int32?, key: String, value: String?) throws(KafkaError) {
    let topic = try topic(name)
    var (key, value) = (key, value)
    let failed = key.withUTF8 { key in
      func send(_ value: UnsafeBufferPointer<UInt8>?) -> Bool {
        rd_kafka_produce(
          topic, partition ?? RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
          UnsafeMutableRawPointer(mutating: value?.baseAddress), value?.count ?? 0, key.baseAddress, key.count, nil)
          != 0
      }
      return value == nil ? send(nil) : value!.withUTF8 { send($0) }
    }
    if failed { throw KafkaError(code: rd_kafka_last_error(), doing: "Sending to topic \(name)") }
  }
}
