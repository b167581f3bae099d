import Engine
import Synchronization

/// Writes on a thread of its own: a log that nobody reads (a full pipe, a terminal that is stopped) holds up nobody.
///
/// What does not fit into the queue is dropped, and how much that was is said once there is room again.
final class QueuedSink: LogSink {
  private struct State {
    var records: [LogRecord] = []
    var bytes = 0
    var dropped = 0
    var isWriting = false
  }

  private static let capacityBytes = 1 << 20
  /// Of a record, besides its texts.
  private static let recordBytes = 128

  private let state = Mutex(State())
  private let arrived = Waker()
  private let written = Waker()
  private let sink: any LogSink

  init(_ sink: any LogSink) {
    self.sink = sink
    DetachedThread.start("log") { [self] in
      while true { drain() }
    }
  }

  func write(_ record: LogRecord) {
    let bytes = record.fields.reduce(Self.recordBytes + record.message.utf8.count) {
      $0 + $1.0.utf8.count + $1.1.utf8.count
    }
    state.withLock { state in
      guard state.bytes + bytes <= Self.capacityBytes else {
        state.dropped += 1
        return
      }
      state.bytes += bytes
      state.records.append(record)
    }
    arrived.wake()
  }

  /// Waits until all is written, or so long.
  func flush(within nanoseconds: Int64) {
    let deadline = SystemClock.monotonicNanoseconds() + nanoseconds
    while state.withLock({ !$0.records.isEmpty || $0.isWriting }), SystemClock.monotonicNanoseconds() < deadline {
      written.wait(until: deadline)
    }
  }

  private func drain() {
    let (records, dropped) = state.withLock { state in
      let taken = (state.records, state.dropped)
      state = State(isWriting: !state.records.isEmpty)
      return taken
    }
    for record in records { sink.write(record) }
    if dropped > 0, let last = records.last {
      sink.write(
        LogRecord(
          time: last.time, severity: .warning, message: "\(dropped) lines of the log are lost: nobody read it in time",
          fields: []))
    }
    state.withLock { $0.isWriting = false }
    written.wake()
    if records.isEmpty { arrived.wait(until: .max) }
  }
}
