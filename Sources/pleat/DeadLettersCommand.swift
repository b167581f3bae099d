import Service

struct DeadLettersCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "deadletters", "List and show the records that were refused.", subcommands: [List.self, Show.self])
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
      CommandDescription("show", "Show a record that was refused, with all that it held.")
    }

    @OptionGroup var common: CommonOptions
    @Flag(help: "Print one JSON object, with value_base64 and headers.") var json: Bool
    @Argument("ID", help: "As `deadletters list` says it.") var id: Int64

    func run() throws(CommandFailure) {
      let connection = try Database.connect(try common.configuration(), for: "deadletters")
      guard let content = try DeadLetters.show(connection, id: id) else {
        throw CommandFailure(.failure, "there is no dead letter \(id).")
      }
      print(json ? content.json.description + "\n" : content.text, terminator: "")
    }
  }
}
