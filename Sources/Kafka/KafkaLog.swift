package import Engine

/// Where a Kafka client's log lines and errors go. Called from librdkafka's threads too; it must not call back into a
/// client.
package typealias KafkaLog = @Sendable (Severity, String) -> Void

/// The severity of a syslog level, as librdkafka numbers them. Its errors are of connections, mostly, and it goes on by
/// itself: who uses a client says what becomes of it.
func severity(syslogLevel: Int32) -> Severity {
  switch syslogLevel {
  case ...2: .error
  case 3, 4: .warning
  case 5: .notice
  case 6: .info
  default: .debug
  }
}
