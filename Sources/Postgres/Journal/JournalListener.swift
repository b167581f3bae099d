import CLibpq
import Glibc
import Synchronization

/// Waits for appends to the journal, whoever makes them: `LISTEN pleat_journal` on a connection of its own.
///
/// One thread waits; `stop` may come from any other.
package final class JournalListener: Sendable {
  package enum Outcome: Sendable {
    /// Something was appended since the last wait, or (after a new connection) may have been.
    case appended
    case timedOut
    case stopped
  }

  private let target: ConnectionTarget
  /// The waiting thread's own; under a lock since the listener is shared.
  private let connection = Mutex<ListeningConnection?>(nil)
  /// A pipe that `stop` writes to and nobody reads: once written, it stays readable.
  private let stopReader: Int32
  private let stopWriter: Int32

  package init(_ target: ConnectionTarget) {
    self.target = target
    var ends: [Int32] = [-1, -1]
    precondition(pipe(&ends) == 0, "no descriptor is left for a listener")
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    (stopReader, stopWriter) = (ends[0], ends[1])
  }

  deinit {
    close(stopReader)
    close(stopWriter)
  }

  /// Waits for at most so long. After an error the next call connects anew.
  package func wait(milliseconds: Int32) throws(PostgresError) -> Outcome {
    let deadline = Deadline(milliseconds: Int64(milliseconds))
    do throws(PostgresError) {
      if isStopped { return .stopped }
      guard let held = connection.withLock({ $0 }) else {
        let made = ListeningConnection(try Connection(target))
        try made.connection.execute("LISTEN pleat_journal")
        connection.withLock { $0 = made }
        return .appended
      }
      while true {
        try held.connection.consumeInput()
        if held.takeNotifications() { return .appended }
        var descriptors = [
          pollfd(fd: held.connection.fileDescriptor, events: Int16(POLLIN), revents: 0),
          pollfd(fd: stopReader, events: Int16(POLLIN), revents: 0),
        ]
        let ready = poll(&descriptors, 2, deadline.millisecondsLeft)
        if descriptors[1].revents != 0 { return .stopped }
        if ready == 0 || (ready < 0 && deadline.hasPassed) { return .timedOut }
      }
    } catch {
      connection.withLock { $0 = nil }
      throw error
    }
  }

  /// Ends a wait, and every later one.
  package func stop() {
    var byte: UInt8 = 1
    // Where the pipe is full, it is readable already.
    _ = write(stopWriter, &byte, 1)
  }

  private var isStopped: Bool {
    var descriptor = pollfd(fd: stopReader, events: Int16(POLLIN), revents: 0)
    return poll(&descriptor, 1, 0) > 0
  }
}

/// A connection that only the waiting thread touches.
private final class ListeningConnection: @unchecked Sendable {
  let connection: Connection
  init(_ connection: Connection) { self.connection = connection }

  /// Whether there were any. They say nothing more: the reader looks into the journal.
  func takeNotifications() -> Bool {
    var any = false
    while let notification = PQnotifies(connection.pg) {
      PQfreemem(notification)
      any = true
    }
    return any
  }
}
