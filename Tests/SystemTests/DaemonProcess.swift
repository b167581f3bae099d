import Foundation
import Glibc
import TestSupport

/// One `pleat run`, or another command, as a process of its own.
final class DaemonProcess {
  let process = Process()
  let log: URL

  init(program: URL, arguments: [String] = ["run"], environment: [String: String], log: URL) throws {
    self.log = log
    try Data().write(to: log)
    process.executableURL = program
    process.arguments = arguments
    // Of a crash, what happened and where, and not every register.
    let backtrace = ["SWIFT_BACKTRACE": "registers=none,images=none"]
    process.environment = ProcessInfo.processInfo.environment.merging(backtrace) { $1 }.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: log)
    process.standardError = process.standardOutput
    try process.run()
  }

  var pid: pid_t { process.processIdentifier }
  var isRunning: Bool { process.isRunning }
  var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

  func signal(_ signal: Int32) { Glibc.kill(pid, signal) }

  /// `kill -9`, and waits until it is gone.
  func killHard() {
    signal(SIGKILL)
    process.waitUntilExit()
  }

  /// SIGTERM; its exit code, or nil if it has not ended after `seconds` (and is then killed).
  func terminate(within seconds: Double = 60) -> Int32? {
    signal(SIGTERM)
    if waitForExit(seconds) { return process.terminationStatus }
    killHard()
    return nil
  }

  func waitForExit(_ seconds: Double) -> Bool {
    (try? Wait.until(seconds: seconds, "the daemon ends") { !self.process.isRunning }) != nil
  }

  deinit {
    if process.isRunning {
      signal(SIGCONT)
      killHard()
    }
  }
}

/// Waiting for something to come true, with an end.
enum Wait {
  static func until(
    seconds: Double = 120, _ what: @autoclosure () -> String, _ condition: () throws -> Bool
  ) throws {
    try waitUntil(what(), milliseconds: Int(seconds * 1_000), pauseMilliseconds: 20, condition)
  }
}
