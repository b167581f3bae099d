import Foundation
import Glibc
import Testing

extension SystemTests {
  @Suite("The status, live")
  struct TopTests {
    @Test("without a terminal prints one status")
    func top() throws {
      let pleat = try Installation()
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(try pleat.pleat("top").contains("caught up"))
      #expect(daemon.terminate() == 0)
    }

    @Test("ended by a signal it leaves the terminal as it was", arguments: [SIGTERM, SIGHUP, SIGINT])
    func topOnTerminal(signal: Int32) throws {
      let pleat = try Installation()
      try pleat.pleat("migrate")
      let terminal = try PseudoTerminal()
      let before = try terminal.settings()
      let top = Process()
      top.executableURL = pleat.servers.program
      top.arguments = ["top"]
      top.environment = ProcessInfo.processInfo.environment.merging(pleat.environment) { $1 }
      (top.standardInput, top.standardOutput, top.standardError) = (terminal.end, terminal.end, terminal.end)
      // A child has its parent's mask, and a thread of Dispatch takes no signals.
      var ends = sigset_t()
      sigemptyset(&ends)
      sigaddset(&ends, signal)
      var mask = sigset_t()
      pthread_sigmask(SIG_UNBLOCK, &ends, &mask)
      try top.run()
      pthread_sigmask(SIG_SETMASK, &mask, nil)
      defer { Glibc.kill(top.processIdentifier, SIGKILL) }
      try Wait.until("top draws") { terminal.read().contains("q ends.") }
      #expect(try terminal.settings().c_lflag != before.c_lflag)
      Glibc.kill(top.processIdentifier, signal)
      try Wait.until("top ends") { !top.isRunning }
      #expect(top.terminationReason == .uncaughtSignal && top.terminationStatus == signal)
      #expect(terminal.read().hasSuffix("\u{1B}[?25h\u{1B}[?1049l"))
      #expect(try terminal.settings().c_lflag == before.c_lflag)
    }
  }
}
