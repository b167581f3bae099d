import Service

struct RetireCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "retire", "Give up a projection that is switched off for good.",
      discussion: """
        A projection that projections.only leaves out stands still, keeps its rows, and is waited for: by retention, and by \
        status --wait-caught-up. This deletes its rows, and nothing waits for it any more; its views are empty. An instance \
        that is started with it later folds the journal again, as after an upgrade. It ends with 1 where an instance folds it \
        still. With --json it prints one object: projection, generation (the empty one).
        """)
  }

  @OptionGroup var common: CommonOptions
  @Argument("PROJECTION", help: "As freshness names it: projects, models, …") var projection: String
  @Flag(help: "Print one JSON object.") var json: Bool

  func run() throws(CommandFailure) {
    let generation = try Retirement.run(try common.configuration(), projection: projection)
    print(
      json
        ? JSONValue.object(["projection": .string(projection), "generation": .integer(Int64(generation))]).description
        : "\(projection) is given up: its views are empty, and nothing waits for it.")
  }
}
