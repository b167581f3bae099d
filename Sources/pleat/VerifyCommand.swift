import Service

struct VerifyCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "verify", "Fold the journal again, and compare everything with it.",
      discussion: """
        Checks the journal's chain and digests, folds the journal from its beginning into temporary tables, and compares every \
        row, version, turn and derived event since its generation became live, byte for byte, while the daemon goes on. It \
        names the first difference and ends with 2. Memory is bounded; the temporary tables take about as much of the \
        database's disk as the projection. With --json it prints one object: ok, first_position, segments, events, \
        open_erasure_segments, projections (projection, generation, position, rows, versions, derived_events) and difference \
        (null, or kind, projection, view (null where none shows the table), table, key, column, position, expected, found). \
        Where retention has dropped the journal's beginning only the chain of what is kept can be checked.
        """)
  }

  @OptionGroup var common: CommonOptions
  @Option("NAME", help: "Only this projection; may be given more than once.", default: "all") var projection: [String] =
    []
  @Flag(help: "Print one JSON object.") var json: Bool

  func run() throws(CommandFailure) {
    var run = try VerifyRun(try common.configuration(), projections: projection)
    let report = try run.run()
    print(json ? report.json.description + "\n" : report.text, terminator: "")
    if report.difference != nil { throw CommandFailure(.differs, "the database is not what its journal says.") }
    if let failure = report.failure { throw failure }
  }
}
