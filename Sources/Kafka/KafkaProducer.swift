import CRdkafka
import Engine
import Synchronization

/// A plain producer for many records: `send` copies into a bounded queue and waits where that is full. Records keep
/// their order within a partition, and are delivered once as long as the producer lives.
///
/// One thread uses it.
package final class KafkaProducer {
  private let handle: ClientHandle
  private var lastTopic: (name: String, topic: OpaquePointer)?
  private var sent = 0

  /// Records and kilobytes waiting to be sent.
  private static let queuedRecords = 200_000
  private static let queuedKilobytes = 64 * 1_024
  /// A full queue that takes nothing for this long fails.
  private static let stallMilliseconds: Int64 = 60_000
  private static let waitMilliseconds: Int32 = 20
  /// Callbacks are served once in so many records.
  private static let servedEvery = 1_000

  /// - Parameter idempotent: without, a retry may reorder and repeat; the embedded broker knows nothing else.
  package init(
    _ configuration: KafkaClientConfiguration, idempotent: Bool = true, log: @escaping KafkaLog
  ) throws(KafkaConfigurationError) {
    handle = try ClientHandle(
      .producer, configuration,
      [
        ("acks", "all"), ("enable.idempotence", idempotent ? "true" : "false"),
        ("message.timeout.ms", "\(Self.stallMilliseconds)"), ("delivery.report.only.error", "true"),
      ],
      suggestions: [
        ("linger.ms", "10"), ("queue.buffering.max.messages", "\(Self.queuedRecords)"),
        ("queue.buffering.max.kbytes", "\(Self.queuedKilobytes)"),
      ],
      deliveryReports: true, log: log)
  }

  /// Sends a copy of a record; waits while the queue is full.
  /// - Parameter partition: nil to let the key decide.
  /// - Throws: what failed, this record or an earlier one.
  package func send(
    topic name: String, partition: Int32? = nil, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
    headers: [(name: String, value: [UInt8]?)] = []
  ) throws(KafkaError) {
    let topic = try topic(name)
    sent += 1
    if sent % Self.servedEvery == 0 { try serve() }
    var deadline: Int64?
    while true {
      let code =
        headers.isEmpty
        ? plain(topic, partition, key, value) : try withHeaders(topic, partition, key, value, headers)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR { return }
      guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL else {
        try serve()
        throw KafkaError(code: code, doing: "Sending to topic \(name)")
      }
      handle.serveCallbacks(waitMilliseconds: Self.waitMilliseconds)
      try serve()
      let now = monotonicMilliseconds()
      guard now < deadline ?? .max else {
        throw handle.unreachable(KafkaError(code: RD_KAFKA_RESP_ERR__TIMED_OUT, doing: "Sending to topic \(name)"))
      }
      if deadline == nil { deadline = now + Self.stallMilliseconds }
    }
  }

  package func send(
    topic: String, partition: Int32? = nil, key: String?, value: String?,
    headers: [(name: String, value: [UInt8]?)] = []
  ) throws(KafkaError) {
    let (key, value) = (key.map { Array($0.utf8) }, value.map { Array($0.utf8) })
    try withBytes(key) { key throws(KafkaError) in
      try withBytes(value) { value throws(KafkaError) in
        try send(topic: topic, partition: partition, key: key, value: value, headers: headers)
      }
    }
  }

  /// Waits until everything sent is delivered.
  package func flush(timeoutMilliseconds: Int32 = 30_000) throws(KafkaError) {
    let code = rd_kafka_flush(handle.client, timeoutMilliseconds)
    try serve()
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw handle.unreachable(
        KafkaError(
          code: code, doing: "\(rd_kafka_outq_len(handle.client)) records were not delivered in time"))
    }
  }

  /// Ends the client; what was not delivered is dropped: `flush` first.
  package func close() { handle.close() }

  private func topic(_ name: String) throws(KafkaError) -> OpaquePointer {
    if let lastTopic, lastTopic.name == name { return lastTopic.topic }
    let topic = try handle.topic(name)
    lastTopic = (name, topic)
    return topic
  }

  /// Throws what failed since the last call.
  private func serve() throws(KafkaError) {
    handle.serveCallbacks()
    let failure = handle.events.deliveries.withLock { deliveries -> KafkaError? in
      defer { deliveries = ClientEvents.Deliveries() }
      guard var first = deliveries.firstFailure else { return nil }
      if deliveries.failed > 1 { first.text += " (and \(deliveries.failed - 1) more)" }
      return first
    }
    if let failure { throw handle.unreachable(failure) }
  }

  private func plain(
    _ topic: OpaquePointer, _ partition: Int32?, _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?
  ) -> rd_kafka_resp_err_t {
    let failed = rd_kafka_produce(
      topic, partition ?? RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
      UnsafeMutableRawPointer(mutating: value?.baseAddress), value?.count ?? 0, key?.baseAddress, key?.count ?? 0, nil)
    return failed == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error()
  }

  private func withHeaders(
    _ topic: OpaquePointer, _ partition: Int32?, _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?,
    _ headers: [(name: String, value: [UInt8]?)]
  ) throws(KafkaError) -> rd_kafka_resp_err_t {
    guard let list = rd_kafka_headers_new(headers.count) else {
      throw KafkaError(code: RD_KAFKA_RESP_ERR__FAIL, doing: "Headers of a record")
    }
    for (name, value) in headers {
      let code =
        if let value {
          value.withUnsafeBytes { rd_kafka_header_add(list, name, -1, $0.baseAddress ?? Self.empty, $0.count) }
        } else {
          rd_kafka_header_add(list, name, -1, nil, 0)
        }
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        rd_kafka_headers_destroy(list)
        throw KafkaError(code: code, doing: "Header \(name) of a record")
      }
    }
    var fields = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 6)
    fields[0].vtype = RD_KAFKA_VTYPE_RKT
    fields[0].u.rkt = topic
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION
    fields[1].u.i32 = partition ?? RD_KAFKA_PARTITION_UA
    fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS
    fields[2].u.i = RD_KAFKA_MSG_F_COPY
    fields[3].vtype = RD_KAFKA_VTYPE_KEY
    fields[3].u.mem.ptr = UnsafeMutableRawPointer(mutating: key?.baseAddress)
    fields[3].u.mem.size = key?.count ?? 0
    fields[4].vtype = RD_KAFKA_VTYPE_VALUE
    fields[4].u.mem.ptr = UnsafeMutableRawPointer(mutating: value?.baseAddress)
    fields[4].u.mem.size = value?.count ?? 0
    fields[5].vtype = RD_KAFKA_VTYPE_HEADERS
    fields[5].u.headers = list
    guard let error = rd_kafka_produceva(handle.client, fields, fields.count) else { return RD_KAFKA_RESP_ERR_NO_ERROR }
    // The headers are the producer's only where it took the record.
    rd_kafka_headers_destroy(list)
    defer { rd_kafka_error_destroy(error) }
    return rd_kafka_error_code(error)
  }

  /// Stands for the start of nothing, where nil would mean a value that is absent.
  private nonisolated(unsafe) static let empty = UnsafeRawPointer(
    UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1))
}

/// The bytes of an array, or nil.
private func withBytes(
  _ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) throws(KafkaError) -> Void
) throws(KafkaError) {
  guard let bytes else { return try body(nil) }
  // A pointer that is not nil, also to no bytes at all.
  let copy = bytes.isEmpty ? [0] : bytes
  var failure: KafkaError?
  copy.withUnsafeBytes { raw in
    do throws(KafkaError) {
      try body(UnsafeRawBufferPointer(rebasing: raw[0..<bytes.count]))
    } catch {
      failure = error
    }
  }
  if let failure { throw failure }
}
