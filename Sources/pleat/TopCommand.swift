import Engine
import Glibc
import Service

struct TopCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "top", "The status, live.",
      discussion: """
        Drawn anew each second, with what was journaled and folded in between; q or Ctrl-C ends it. Without a terminal it prints \
        one status and ends.
        """)
  }

  @OptionGroup var common: CommonOptions

  func run() throws(CommandFailure) {
    let status = StatusRun(try common.configuration())
    guard isatty(STDOUT_FILENO) == 1, let terminal = Terminal() else {
      print(try status.run(waitSeconds: nil).report.text, terminator: "")
      return
    }
    defer { terminal.restore() }
    try Top(status, terminal).run()
  }
}

/// Draws the status again and again.
private struct Top {
  private static let nanoseconds: Int64 = 1_000_000_000
  /// Kafka is asked for the ends once in so many times; in between they are those that it said then.
  private static let askedEvery = 5

  private let status: StatusRun
  private let terminal: Terminal

  init(_ status: StatusRun, _ terminal: Terminal) { (self.status, self.terminal) = (status, terminal) }

  func run() throws(CommandFailure) {
    var live = status.live()
    var before: (at: Int64, progress: StatusProgress)?
    var round = 0
    repeat {
      var screen: String
      do throws(CommandFailure) {
        let report = try live.read(asksKafka: round % Self.askedEvery == 0)
        let now = SystemClock.monotonicNanoseconds()
        let progress = report.progress
        screen = before.map { progress.rates(since: $0.progress, nanoseconds: now - $0.at) + "\n\n" } ?? "\n\n"
        screen += report.text
        before = (now, progress)
        round += 1
      } catch {
        // It may come back: what is wrong stands on the screen meanwhile.
        guard error.exitCode == .unavailable, round > 0 else { throw error }
        screen = "\n\n\(error.message)\n"
      }
      terminal.draw(screen + "\nq ends.")
    } while !terminal.isAskedToEnd(withinNanoseconds: Self.nanoseconds)
  }
}
