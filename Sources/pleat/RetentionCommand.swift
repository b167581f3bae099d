import Service

struct RetentionCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "retention", "Drop what the configuration lets go: old journal, old versions.",
      discussion: """
        Of the journal, tables older than retention.journal_days go whole, once every projection and the relay are behind them; \
        rebuild then needs --accept-loss, and verify covers what is kept. Of the versions, the first of each month's stay after \
        retention.versions_days. Where neither is set, nothing is dropped. Works as pleat_owner (postgres.admin_url); \
        pleat-retention.timer runs it each night where it is enabled. With --json it prints one object: dropped_tables, \
        first_position (of what is kept), held_by (null, or who still needs the oldest table), thinned_turns, deleted_versions.
        """)
  }

  @OptionGroup var common: CommonOptions
  @Flag(help: "Print one JSON object.") var json: Bool

  func run() throws(CommandFailure) {
    let configuration = try common.configuration()
    let retention = configuration.retention
    if retention.journalDays == nil, retention.versionsDays == nil, !json {
      print("Everything is kept: neither retention.journal_days nor retention.versions_days is set.")
      return
    }
    let run = try RetentionRun(configuration) { standardError("pleat: \($0)\n") }
    let outcome = try run.run(journalDays: retention.journalDays, versionsDays: retention.versionsDays)
    print(json ? outcome.json.description + "\n" : outcome.text, terminator: "")
  }
}

extension RetentionRun.Outcome {
  var json: JSONValue {
    .object([
      "dropped_tables": .array(droppedTables.map { .string($0) }), "first_position": .integer(firstPosition),
      "held_by": .optional(heldBy), "thinned_turns": .integer(thinnedTurns),
      "deleted_versions": .integer(deletedVersions),
    ])
  }

  var text: String {
    var text = "\(droppedTables.count) journal tables dropped; the journal begins at position \(firstPosition).\n"
    if let heldBy { text += "The oldest table is old enough, but still needed by \(heldBy).\n" }
    return text + "\(deletedVersions) versions deleted, \(thinnedTurns) turns thinned out.\n"
  }
}
