import Service

struct RebuildCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "rebuild", "Fold the journal anew beside what readers see, and switch.",
      discussion: """
        Makes a new generation of a projection, beside the live one, which goes on meanwhile; then pauses that for 10 seconds \
        at most, folds the rest, and switches in one transaction. No derived event is published twice, and none is missed. \
        Ctrl-C, SIGTERM and kill interrupt it at any time; called again it goes on where it was. With --json it prints one \
        object: projection, generation, position (at which it became live), seconds; with --discard, discarded (how many). \
        It ends with 75 if it was interrupted, or somebody else rebuilds the projection, and with 78 if a higher version has \
        folded it.
        """)
  }

  @OptionGroup var common: CommonOptions
  @Argument("PROJECTION", help: "As freshness names it: projects, models, …") var projection: String
  @Flag(help: "Print one JSON object at the end.") var json: Bool
  @Flag(help: "Rebuild without the events that retention has dropped from the journal.") var acceptLoss: Bool
  @Flag(help: "Give up, and delete, what an interrupted rebuild left.") var discard: Bool

  func validate() throws(UsageError) {
    if discard, acceptLoss { throw UsageError("--discard rebuilds nothing: it does not go with --accept-loss") }
  }

  func run() throws(CommandFailure) {
    var run = try RebuildRun(try common.configuration(), projection: projection)
    if discard {
      let count = try run.discard()
      return print(json ? #"{"discarded":\#(count)}"# : "\(count) unfinished of \(projection) given up.")
    }
    let result = try run.run(acceptLoss: acceptLoss)
    print(json ? result.json.description + "\n" : result.text, terminator: "")
  }
}
