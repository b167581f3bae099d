import Service

struct RunCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "run", "Run the daemon.",
      discussion: """
        Reads the input topics, journals and folds what they hold, and publishes what follows. It waits for PostgreSQL and \
        Kafka, and says so. SIGTERM and SIGINT end it in order, with 0. The database must have been migrated (`pleat migrate`).
        """)
  }

  @OptionGroup var common: CommonOptions
  @Flag(help: "End when the process that started this one ends.") var withParent: Bool

  func run() throws(CommandFailure) {
    try Daemon(try common.configuration(), endsWithParent: withParent).run()
  }
}
