import Engine
import Events
import Service

struct ForgetCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "forget", "Erase a person from the journal, the dead letters and the projections.",
      discussion: """
        In every journaled event in which the id occurs, user_id (and a session_id that holds it) become a keyed hash; comment, \
        message, attributes and unknown members go. Dead letters in which it occurs lose what they held. Once ingest has read \
        what Kafka holds now, an event takes the person out of what counts people exactly, and out of every team. Other \
        identifiers that hold the id are keys: they stay, and are listed.

        Works as pleat_owner (postgres.admin_url). It may be ended at any time and run again; ends with 75 where ingest has not \
        read so far within --wait. Backups, WAL and Kafka's own \
        topics keep the id until they expire: see docs/privacy.md. With --json it prints one object: state (erased or \
        waiting), hash, events, changed_events, segments, dead_letters, position (of the erasure's event: null while it is \
        waited for, 0 where the journal is empty), keys (member, value, events), further_keys, waiting_for (topic, partition, \
        offset, end_offset), not_written_anew (tables).
        """)
  }

  @OptionGroup var common: CommonOptions
  @Argument("USER_ID", help: "The user_id, as the events have it.") var userID: String
  @Option("SECONDS", help: "Wait so long for ingest to read what Kafka holds now.") var wait: Double = 30
  @Flag(help: "Print one JSON object.") var json: Bool

  private static let greatestBytes = 255

  func validate() throws(UsageError) {
    if userID.isEmpty || userID.utf8.count > Self.greatestBytes {
      throw UsageError("USER_ID: an id has 1 to \(Self.greatestBytes) bytes")
    }
    if wait < 0 { throw UsageError("--wait is not negative") }
  }

  func run() throws(CommandFailure) {
    let run = ForgetRun(try common.configuration()) { standardError("pleat: \($0)\n") }
    let outcome = try run.run(userID, waitSeconds: wait)
    print(json ? outcome.json.description + "\n" : outcome.text, terminator: "")
    if outcome.position == nil {
      throw CommandFailure(
        .tryAgain,
        "ingest has not read \(ForgetRun.describe(outcome.lags)) yet: call it again while a daemon runs, to see it done."
      )
    }
  }
}

extension ForgetRun.Outcome {
  var json: JSONValue {
    .object([
      "state": .string(position == nil ? "waiting" : "erased"),
      "hash": .string(ErasureRecordForm.hexadecimal(hash)),
      "events": .integer(findings.events), "changed_events": .integer(findings.changedEvents),
      "segments": .integer(Int64(segments)), "dead_letters": .integer(deadLetters),
      "position": .optional(position),
      "keys": .array(
        findings.keys.sorted { $0.key < $1.key }.map { key, count in
          .object(["member": .string(key.member), "value": .string(key.value), "events": .integer(count)])
        }),
      "further_keys": .integer(findings.furtherKeys),
      "waiting_for": .array(
        lags.map { lag in
          .object([
            "topic": .string(lag.partition.topic), "partition": .integer(Int64(lag.partition.partition)),
            "offset": .integer(lag.offset), "end_offset": .integer(lag.end),
          ])
        }),
      "not_written_anew": .array(unscrubbed.map { .string($0) }),
    ])
  }

  var text: String {
    var text =
      "\(findings.events) events hold the id; \(findings.changedEvents) of them in \(segments) segments were rewritten, "
      + "and \(deadLetters) dead letters emptied.\n"
    switch position {
    case nil:
      text += "The erasure's event follows once ingest has read \(ForgetRun.describe(lags)).\n"
    case 0: text += "The journal is empty: there is nothing to take anybody out of.\n"
    case let position?: text += "The erasure's event stands at position \(position).\n"
    }
    if !findings.keys.isEmpty {
      text += "Keys that hold the id, and stay:\n"
      for (key, count) in findings.keys.sorted(by: { $0.key < $1.key }) {
        text += "  \(key.member) \(key.value) (\(count) \(count == 1 ? "event" : "events"))\n"
      }
      if findings.furtherKeys > 0 { text += "  and further ones, \(findings.furtherKeys) times\n" }
    }
    for table in unscrubbed {
      text +=
        "\(table) is in use or too large, and not written anew: forget again later, or run VACUUM (FULL) on it when you can.\n"
    }
    return text
  }
}
