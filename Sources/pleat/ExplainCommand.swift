import Service

struct ExplainCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "explain", "Show how a row came to be: its versions, and the Kafka records behind each.",
      discussion: """
        The key is given as column=value for each of its columns, or as the values in the order of the view's key; a list of \
        technologies is a JSON array: `pleat explain team_activity team_id=t day=2026-10-01`, `pleat explain \
        stack_combinations '["Go","PostgreSQL"]'`. Shown are the rows of the tables behind the view, each with its versions \
        at the turns of the day, what changed, and topic, partition, offset, position, type and time of every event that \
        changed it, also where it did so by way of others (an organisation's settings, a project's feedback). That only the \
        fold can tell: what may reach the row is folded again, in bounded memory, beside the daemon. All of it is as it was at \
        one moment, the cursor's `position`. Where there are more versions than --limit, it says from which position to go on. \
        With --json it prints one object: view, key, projection, generation, position, from, next_from (null where nothing is \
        left), rows (table, key, versions: turn, watermark, appended_at, changed, events).
        """)
  }

  @OptionGroup var common: CommonOptions
  @Argument("VIEW", help: "As in insights: technology_usage, team_stats, …") var view: String
  @Argument("KEY", help: "The row's key: column=value, or the values in order.") var key: [String]
  @Option("POSITION", help: "Versions from this position on.") var from: Int64 = 1
  @Option("N", help: "So many versions at most.") var limit = ExplainRun.versionLimit
  @Flag(help: "Show the events' content.") var events: Bool
  @Flag(help: "Print one JSON object.") var json: Bool

  func validate() throws(UsageError) {
    if from < 1 { throw UsageError("--from: positions begin at 1") }
    let most = ExplainRun.greatestVersionLimit
    if !(1...most).contains(limit) { throw UsageError("--limit: from 1 to \(most)") }
  }

  func run() throws(CommandFailure) {
    let report = try ExplainRun(
      try common.configuration(), view: view, key: key, from: from, limit: limit, withContent: events
    ).run()
    var output = StandardOutput()
    try output.line(json ? report.json(events: events) : report.text(events: events))
    try output.flush()
  }
}
