import Events
import Service

struct DeadLettersCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "deadletters", "List and show the records that were refused, and try them again.",
      subcommands: [List.self, Show.self, Retry.self])
  }

  struct List: Command {
    static var description: CommandDescription {
      CommandDescription(
        "list", "List the records that were refused, in the order in which they were.",
        discussion: "With --json a line each: id, topic, partition, offset, reason, path, at.")
    }

    @OptionGroup var common: CommonOptions
    @Flag(help: "Print a JSON object a line.") var json: Bool
    @Option("NAME", help: "Only of this topic.") var topic: String?
    @Option("NAME", help: "Only with this reason, as `malformed_json`.") var reason: String?
    @Option("N", help: "At most so many.", default: "all") var limit: Int64?

    func validate() throws(UsageError) {
      if let limit, limit < 0 { throw UsageError("--limit is not negative") }
      try requireReason(reason)
    }

    func run() throws(CommandFailure) {
      let connection = try Database.connect(try common.configuration(), for: "deadletters")
      var output = StandardOutput()
      try DeadLetters.list(connection, topic: topic, reason: reason, limit: limit ?? .max) {
        (letter: StoredDeadLetter) throws(CommandFailure) in
        if json { return try output.line(letter.json.description) }
        let path = letter.path.map { " at \($0)" } ?? ""
        try output.line(
          "\(letter.id)  \(letter.at?.rfc3339 ?? "")  \(letter.topic)/\(letter.partition)@\(letter.offset)  "
            + "\(letter.reason)\(path)")
      }
      try output.flush()
    }
  }

  struct Show: Command {
    static var description: CommandDescription {
      CommandDescription(
        "show", "Show a record that was refused, with all that it held.",
        discussion: """
          With --json it prints one object: what `list` has, value_base64 (null without a value), headers (name, name_base64, \
          value: null where it is no UTF-8, value_base64).
          """)
    }

    @OptionGroup var common: CommonOptions
    @Flag(help: "Print one JSON object.") var json: Bool
    @Argument("ID", help: "As `deadletters list` says it.") var id: Int64

    func run() throws(CommandFailure) {
      let connection = try Database.connect(try common.configuration(), for: "deadletters")
      guard let content = try DeadLetters.show(connection, id: id) else {
        throw CommandFailure(.failure, "there is no dead letter \(id).")
      }
      print(json ? content.json.description + "\n" : content.text, terminator: "")
    }
  }

  struct Retry: Command {
    static var description: CommandDescription {
      CommandDescription(
        "retry", "Try records again that were refused, as after an update that reads them.",
        discussion: """
          Each is judged anew. What is good now is journaled at its old coordinates, as a duplicate if its identity was journaled \
          within 100,000 offsets on either side, and the letter is gone; what is not stays. Ends with 1 if any stayed.
          """)
    }

    @OptionGroup var common: CommonOptions
    @Argument("ID", help: "As `deadletters list` says it.") var ids: [Int64]
    @Option("NAME", help: "All with this reason, as `future_time`.") var reason: String?
    @Flag(help: "All there are.") var all: Bool
    @Flag(help: "Print a JSON object a line: id, outcome, position, reason, path.") var json: Bool

    func validate() throws(UsageError) {
      let ways = [!ids.isEmpty, reason != nil, all].filter { $0 }.count
      if ways != 1 { throw UsageError("say which: by ID, with --reason, or --all") }
      try requireReason(reason)
    }

    func run() throws(CommandFailure) {
      let connection = try Database.connect(try common.configuration(), for: "deadletters")
      var seen: Set<Int64> = []
      var wanted = ids.filter { seen.insert($0).inserted }
      if ids.isEmpty {
        try DeadLetters.list(connection, topic: nil, reason: reason, limit: .max) { letter in wanted.append(letter.id) }
      }
      let retry = try DeadLetterRetry(connection)
      var output = StandardOutput()
      var stayed = 0
      try retry.retry(wanted) { id, outcome throws(CommandFailure) in
        if !outcome.isDone { stayed += 1 }
        try output.line(json ? outcome.json(id).description : outcome.text(id))
        try output.flush()
      }
      if stayed > 0 { throw CommandFailure(.failure, "\(stayed) of \(wanted.count) dead letters stay.") }
    }
  }
}

private func requireReason(_ reason: String?) throws(UsageError) {
  let names = DeadLetterReason.allCases.map(\.name)
  guard let reason, !names.contains(reason) else { return }
  throw UsageError(
    "--reason: there is no reason \"\(reason)\"; the nearest is \"\(nearestName(to: reason, among: names) ?? "")\"")
}

extension DeadLetterRetry.Outcome {
  /// Whether the letter is gone.
  var isDone: Bool {
    switch self {
    case .journaled, .duplicate: true
    case .refused, .erased, .unknowable, .gone: false
    }
  }

  func json(_ id: Int64) -> JSONValue {
    var position: Int64?
    var (reason, path): (String?, String?)
    switch self {
    case .journaled(let at): position = at
    case .refused(let why, let at): (reason, path) = (why, at)
    case .duplicate, .erased, .unknowable, .gone: break
    }
    return .object([
      "id": .integer(id), "outcome": .string(name), "position": .optional(position), "reason": .optional(reason),
      "path": .optional(path),
    ])
  }

  func text(_ id: Int64) -> String {
    switch self {
    case .journaled(let position): "\(id)  journaled at position \(position)"
    case .duplicate: "\(id)  a duplicate: its identity is in the journal"
    case .refused(let reason, let path): "\(id)  refused again: \(reason)" + (path.map { " at \($0)" } ?? "")
    case .erased: "\(id)  cannot be tried: an erasure has taken what it held"
    case .unknowable:
      "\(id)  cannot be tried: retention has dropped the journal around it, so a duplicate could not be told"
    case .gone: "\(id)  there is no such dead letter"
    }
  }
}
