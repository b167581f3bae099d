import Glibc
import Postgres
import Service

/// Another run of this program, in a process group of its own: a Ctrl-C in the terminal is for the demo, which then ends it.
final class DemoProcess {
  private let child: ChildProcess
  private var hasEnded = false
  private static let pollNanoseconds: Int64 = 5_000_000

  /// - Parameters:
  ///   - log: a file that takes what the program says on standard error.
  ///   - output: the descriptor that becomes its standard output; nil for the log.
  init(_ arguments: [String], log: String, output: Int32? = nil) throws(CommandFailure) {
    // The demo's own configuration is complete: whatever is configured here for another Pleat is not for it.
    let environment = processEnvironment().filter { !$0.key.hasPrefix("PLEAT_") }
    do throws(ClusterError) {
      child = try ChildProcess(Installation.ownPath(), arguments, environment: environment, log: log, output: output)
    } catch {
      throw CommandFailure(.failure, "\(error).")
    }
  }

  /// Whether it still runs.
  var isRunning: Bool {
    hasEnded = hasEnded || child.poll() != nil
    return !hasEnded
  }

  /// Asks it to end, and after so many seconds ends it.
  func stop(seconds: Int64) {
    guard isRunning else { return }
    child.send(SIGTERM)
    if !wait(seconds: seconds) {
      child.send(SIGKILL)
      _ = wait(seconds: seconds)
    }
  }

  private func wait(seconds: Int64) -> Bool {
    let deadline = SystemClock.monotonicNanoseconds() + seconds * SystemClock.nanosecondsPerSecond
    let pause = Waker()
    while isRunning {
      let now = SystemClock.monotonicNanoseconds()
      if now >= deadline { return false }
      pause.wait(until: min(deadline, now + Self.pollNanoseconds))
    }
    return true
  }
}
