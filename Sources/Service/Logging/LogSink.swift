package import Engine
package import Events

/// Where log records go. Called from any thread; what cannot be written is lost, as there is nobody left to tell.
package protocol LogSink: Sendable {
  func write(_ record: LogRecord)
  /// Waits until everything is written, or so long.
  func flush(within nanoseconds: Int64)
}

extension LogSink {
  package func flush(within nanoseconds: Int64) {}
}

package struct LogRecord: Sendable {
  package var time: Timestamp
  package var severity: Severity
  package var message: String
  package var fields: [(String, String)]
  package init(time: Timestamp, severity: Severity, message: String, fields: [(String, String)]) {
    (self.time, self.severity, self.message, self.fields) = (time, severity, message, fields)
  }
}
