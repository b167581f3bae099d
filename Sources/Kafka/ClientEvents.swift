import CRdkafka
import Engine
import Synchronization

/// What librdkafka's callbacks of one client write to; its threads call it.
final class ClientEvents: Sendable {
  struct Deliveries {
    var failed = 0
    var firstFailure: KafkaError?
  }

  private struct Errors {
    var count = 0
    var last = ""
    var at: Int64 = 0
  }

  let log: KafkaLog
  let deliveries = Mutex(Deliveries())
  private let heard = Mutex(Errors())
  private let lastCommitError = Mutex<rd_kafka_resp_err_t>(RD_KAFKA_RESP_ERR_NO_ERROR)

  init(log: @escaping KafkaLog) { self.log = log }

  /// A complaint that is older explains nothing: connections that still fail have said so again.
  private static let complaintMilliseconds: Int64 = 60_000

  /// What the client's connections last complained about: says more than "timed out".
  var connectionError: String? {
    let errors = heard.withLock { $0 }
    guard errors.count > 0, monotonicMilliseconds() - errors.at < Self.complaintMilliseconds else { return nil }
    return errors.last
  }

  /// How many errors the client has told of so far, and the last one.
  var errorCount: Int { heard.withLock { $0.count } }
  var lastError: String { heard.withLock { $0.last } }

  func register(in configuration: OpaquePointer, role: KafkaClientConfiguration.Role, deliveryReports: Bool) {
    rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(self).toOpaque())
    rd_kafka_conf_set_log_cb(configuration) { client, level, facility, text in
      guard let client, let opaque = rd_kafka_opaque(client) else { return }
      let (facility, text) = (facility.map { String(cString: $0) } ?? "", text.map { String(cString: $0) } ?? "")
      // Properties are for consumers and producers alike; that a client leaves the other kind's alone is no news.
      let isNoise = facility == "CONFWARN" && text.hasSuffix(" instance")
      ClientEvents.of(opaque).log(isNoise ? .debug : severity(syslogLevel: level), "librdkafka: \(facility): \(text)")
    }
    rd_kafka_conf_set_error_cb(configuration) { _, code, reason, opaque in
      guard let opaque else { return }
      ClientEvents.of(opaque).note(
        error: rd_kafka_resp_err_t(rawValue: code), reason.map { String(cString: $0) } ?? "")
    }
    if case .consumer = role {
      rd_kafka_conf_set_offset_commit_cb(configuration) { _, code, _, opaque in
        guard let opaque else { return }
        ClientEvents.of(opaque).note(commit: code)
      }
    }
    guard deliveryReports else { return }
    rd_kafka_conf_set_dr_msg_cb(configuration) { _, message, opaque in
      guard let message, let opaque, message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
      ClientEvents.of(opaque).note(failedDelivery: message.pointee.err)
    }
  }

  private static func of(_ opaque: UnsafeMutableRawPointer) -> ClientEvents {
    Unmanaged<ClientEvents>.fromOpaque(opaque).takeUnretainedValue()
  }

  /// Errors of connections are in the log already, those of partitions are the source's to tell; the rest is said here.
  private func note(error code: rd_kafka_resp_err_t, _ reason: String) {
    heard.withLock { $0 = Errors(count: $0.count + 1, last: reason, at: monotonicMilliseconds()) }
    switch code {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: log(.warning, "librdkafka: \(reason)")
    case RD_KAFKA_RESP_ERR__FATAL: log(.error, "librdkafka: \(reason)")
    default: log(.debug, "librdkafka: \(reason)")
    }
  }

  /// A failure is said once, until it changes; `_NO_OFFSET` is a commit of nothing.
  private func note(commit code: rd_kafka_resp_err_t) {
    guard code != RD_KAFKA_RESP_ERR__NO_OFFSET else { return }
    let changed = lastCommitError.withLock { last in
      defer { last = code }
      return last != code
    }
    guard changed, code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    log(.warning, "Offsets for lag tools could not be published: \(String(cString: rd_kafka_err2str(code)))")
  }

  private func note(failedDelivery code: rd_kafka_resp_err_t) {
    deliveries.withLock {
      $0.failed += 1
      if $0.firstFailure == nil { $0.firstFailure = KafkaError(code: code, doing: "A record was not delivered") }
    }
  }
}
