package import Engine

/// Where a Kafka client's log lines and errors go. Called from librdkafka's threads too; it must not call back into a
/// client.
package typealias KafkaLog = @Sendable (Severity, String) -> Void

/// The severity of a syslog level, as librdkafka numbers them.
func severity(syslogLevel: Int32) -> Severity {
  switch syslogLevel {
  case ...3: .error
  case 4: .warning
  case 5: .notice
  case 6: .info
  default: .debug
  }
}
