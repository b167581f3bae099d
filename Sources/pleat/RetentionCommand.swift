import Service

struct RetentionCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "retention", "Drop what the configuration lets go: old journal, versions, dead letters.",
      discussion: """
        Of the journal, tables older than retention.journal_days go whole, once every projection and the relay are behind them; \
        rebuild then needs --accept-loss, and verify covers what is kept. Of the versions, the first of each month's stay after \
        retention.versions_days; of the dead letters, those that were refused within retention.dead_letters_days. What is not \
        set is kept. Works as pleat_owner (postgres.admin_url); pleat-retention.timer runs it each night where it is enabled. \
        With --json it prints one object: dropped_tables, first_position (of what is kept), held_by (null, or who still needs \
        the oldest table), thinned_turns, deleted_versions, deleted_dead_letters.
        """)
  }

  @OptionGroup var common: CommonOptions
  @Flag(help: "Print one JSON object.") var json: Bool

  func run() throws(CommandFailure) {
    let configuration = try common.configuration()
    if configuration.retention.isOff, !json {
      print("Everything is kept: none of retention.journal_days, versions_days and dead_letters_days is set.")
      return
    }
    let run = try RetentionRun(configuration) { standardError("pleat: \($0)\n") }
    let outcome = try run.run(configuration.retention)
    print(json ? outcome.json.description + "\n" : outcome.text, terminator: "")
  }
}

extension RetentionRun.Outcome {
  var json: JSONValue {
    .object([
      "dropped_tables": .array(droppedTables.map { .string($0) }), "first_position": .integer(firstPosition),
      "held_by": .optional(heldBy), "thinned_turns": .integer(thinnedTurns),
      "deleted_versions": .integer(deletedVersions), "deleted_dead_letters": .integer(deletedDeadLetters),
    ])
  }

  var text: String {
    var text = "\(droppedTables.count) journal tables dropped; the journal begins at position \(firstPosition).\n"
    if let heldBy { text += "The oldest table is old enough, but still needed by \(heldBy).\n" }
    return text
      + "\(deletedVersions) versions deleted, \(thinnedTurns) turns thinned out; \(deletedDeadLetters) dead letters deleted.\n"
  }
}
