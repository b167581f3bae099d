import Service

struct DemoCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "demo", "Show a whole pipeline at work, with nothing to set up.",
      discussion: """
        Starts the embedded broker, a private PostgreSQL in a temporary directory, and the daemon; sends generated events at a \
        steady rate, first of the weeks up to now, then of now; and shows what becomes of them. Ctrl-C ends it and leaves \
        nothing behind. Without a terminal it says what it did at the end.
        """)
  }

  @OptionGroup var common: CommonOptions
  @Option("SECONDS", help: "End after so long.", default: "with Ctrl-C") var seconds: Int?
  @Option("N", help: "Events a second.") var rate = 1_000
  @Option("N", help: "The world to generate: the same number, the same world.") var seed: UInt64 = 1

  private static let greatestRate = 100_000
  /// A week.
  private static let greatestSeconds = 604_800

  func validate() throws(UsageError) {
    if let seconds, !(1...Self.greatestSeconds).contains(seconds) {
      throw UsageError("--seconds is from 1 to \(Self.greatestSeconds)")
    }
    if !(1...Self.greatestRate).contains(rate) { throw UsageError("--rate is from 1 to \(Self.greatestRate)") }
  }

  func run() throws(CommandFailure) {
    try common.requireNamedConfiguration()
    try Demo(seconds: seconds, rate: rate, seed: seed).run()
  }
}
