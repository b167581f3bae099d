import Service

struct StatusCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "status", "Show cursors, lag, watermark and dead letters.",
      discussion: """
        With --wait-caught-up it waits until every projection has what Kafka held at the call, and then shows the status; if \
        that takes longer than so many seconds, it ends with 75. Where Kafka does not answer, the ends are those that ingest saw \
        last, caught_up is false, and it ends with 69. Without kafka.bootstrap the database alone is asked: caught_up is \
        false. With --json it prints one object: instance, version, caught_up, watermark, partitions (topic, partition, \
        position, end_offset, lag, owner, state, duplicates, dead_letters), projections (projection, generation, position, \
        watermark, behind_positions, behind_seconds, updated_at, state, reason), relay (state, delivery, behind).
        """)
  }

  @OptionGroup var common: CommonOptions
  @Flag(help: "Print one JSON object.") var json: Bool
  @Option("SECONDS", help: "Wait at most so long for every projection to have what Kafka holds now.")
  var waitCaughtUp: Double?

  func validate() throws(UsageError) {
    if let waitCaughtUp, waitCaughtUp < 0 { throw UsageError("--wait-caught-up is not negative") }
  }

  func run() throws(CommandFailure) {
    let status = StatusRun(try common.configuration())
    let outcome = try status.run(waitSeconds: waitCaughtUp)
    print(json ? outcome.report.json.description + "\n" : outcome.report.text, terminator: "")
    if json {
      for failure in (outcome.report.ends?.failures ?? []).dropFirst() { standardError("pleat: \(failure.message)\n") }
      for reason in outcome.report.reasons { standardError("pleat: \(reason)\n") }
      for warning in outcome.report.warnings { standardError("pleat: \(warning)\n") }
    }
    if let failure = outcome.failure { throw failure }
  }
}
