package import Engine
import Events
import Glibc

/// What the program says to those who run it: a level below which nothing is said, and fields that go with every record.
package struct Logger: Reporter {
  package var level: Severity
  package var metadata: [(String, String)]
  private let sink: any LogSink

  package init(level: Severity, metadata: [(String, String)] = [], sink: any LogSink) {
    (self.level, self.metadata, self.sink) = (level, metadata, sink)
  }

  /// To standard error, in the format asked for, else by where it goes: journald's own where it leads there, text on a
  /// terminal, JSON for everything that collects.
  package init(_ log: Configuration.Log, environment: [String: String] = processEnvironment()) {
    let format =
      log.format ?? (JournalSink.isConnected(environment) ? .journal : isatty(STDERR_FILENO) == 1 ? .text : .json)
    let sink: any LogSink =
      switch format {
      case .text: TextSink()
      case .json: JSONSink()
      case .journal: JournalSink.isThere ? JournalSink() : TextSink()
      }
    self.init(level: log.level, sink: QueuedSink(sink))
    if format == .journal, !JournalSink.isThere {
      report(.warning, "journald is not there: log.format \"journal\" is text on standard error", [])
    }
  }

  package func report(_ severity: Severity, _ message: String, _ fields: [(String, String)]) {
    if severity < level { return }
    sink.write(LogRecord(time: SystemClock.now().wall, severity: severity, message: message, fields: metadata + fields))
  }

  /// To be called before the process ends: what was said is on its way, for half a second at most.
  package func flush() { sink.flush(within: Self.flushNanoseconds) }

  private static let flushNanoseconds: Int64 = 500_000_000

  /// The same, with a field more: `stage`.
  package func with(_ name: String, _ value: String) -> Logger {
    var copy = self
    copy.metadata.append((name, value))
    return copy
  }
}
