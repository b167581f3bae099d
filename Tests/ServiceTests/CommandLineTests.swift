import Service
import Testing

private struct Tool: Command {
  static var description: CommandDescription {
    CommandDescription("tool", "Does things.", subcommands: [Look.self, Move.self, Letters.self])
  }
}

private struct Look: Command {
  static var description: CommandDescription { CommandDescription("look", "Looks.", discussion: "At what is there.") }
  @OptionGroup var common: CommonOptions
  @Flag(help: "One object.") var json: Bool
  @Option("SECONDS", help: "How long.") var waitCaughtUp: Int?
  @Option("N", help: "How many.") var rate = 100
  @Option(name: "topic", "NAME", help: "Which.") var topics: [String] = ["a"]
}

private struct Move: Command {
  static var description: CommandDescription { CommandDescription("move", "Moves.") }
  @Argument("TOPIC", help: "Of what.") var topic: String
  @Argument("PARTITION", help: "Which.") var partition: Int32
  @Option("OFFSET", help: "Where to.") var to: Int64
  func validate() throws(UsageError) {
    if to < 0 { throw UsageError("an offset is not negative") }
  }
}

private struct Letters: Command {
  static var description: CommandDescription { CommandDescription("letters", "Letters.", subcommands: [Look.self]) }
}

private func parse(_ line: String) -> Result<CommandParser.Invocation, CommandParser.Failure> {
  Result { () throws(CommandParser.Failure) in
    try CommandParser(Tool.self, version: "1.2.3").parse(line.split(separator: " ").map(String.init))
  }
}

@Suite("The command line")
struct CommandLineTests {
  @Test(
    "what cannot be understood is said, with the nearest name there is",
    arguments: [
      ("", "tool", "a command is missing: look, move, letters"),
      ("lok", "tool", #"there is no command "lok"; the nearest is "look""#),
      ("--versoin", "tool", #"there is no option "--versoin"; the nearest is "--version""#),
      ("help moev", "tool", #"there is no command "moev"; the nearest is "move""#),
      ("letters", "tool letters", "a command is missing: look"),
      ("look --jsn", "tool look", #"there is no option "--jsn"; the nearest is "--json""#),
      (
        "look --wait-caught-up=3 --wait_caught_up", "tool look",
        #"there is no option "--wait_caught_up"; the nearest is "--wait-caught-up""#
      ),
      ("look -j", "tool look", #"there is no option "-j"; the nearest is "--json""#),
      ("look --json=1", "tool look", "--json takes no value"),
      ("look --json --json", "tool look", "--json is given twice"),
      ("look --rate", "tool look", "--rate needs a value, N"),
      ("look --rate --json", "tool look", "--rate needs a value, N"),
      ("look --rate many", "tool look", #"--rate: "many" is not an integer"#),
      ("look here", "tool look", #""here" is one argument too many"#),
      ("move t", "tool move", "PARTITION is missing"),
      ("move t 0", "tool move", "--to OFFSET is missing"),
      ("move t zero --to 1", "tool move", #"PARTITION: "zero" is not an integer"#),
      ("move t 0 --to -1", "tool move", "an offset is not negative"),
    ])
  func refusals(line: String, path: String, message: String) throws {
    guard case .failure(let failure) = parse(line) else {
      Issue.record("`tool \(line)` was accepted")
      return
    }
    #expect(failure.message == message)
    #expect(failure.path == path)
  }

  @Test("options take their values attached or apart, and keep their defaults where they are not given")
  func values() throws {
    func look(_ line: String) throws -> Look {
      guard case .run(let command) = try parse(line).get() else { throw Unexpected() }
      return try #require(command as? Look)
    }
    let plain = try look("look")
    #expect(plain.json == false && plain.waitCaughtUp == nil && plain.rate == 100 && plain.topics == ["a"])
    #expect(plain.common.config == nil)
    let full = try look("look --json --wait-caught-up 5 --rate=-7 --config /x --topic b --topic c d")
    #expect(full.json && full.waitCaughtUp == 5 && full.rate == -7 && full.topics == ["b", "c", "d"])
    #expect(full.common.config == "/x")
    #expect(try look("letters look --topic=e").topics == ["e"])
  }

  @Test("arguments stand in their order among the options, and everything is one behind --")
  func places() throws {
    guard case .run(let command) = try parse("move --to 42 -- --odd 3").get() else { throw Unexpected() }
    let move = try #require(command as? Move)
    #expect(move.topic == "--odd" && move.partition == 3 && move.to == 42)
  }

  @Test("help is made from the declarations")
  func help() throws {
    let expected = """
      Looks.

      At what is there.

      USAGE: tool look [--config FILE] [--json] [--wait-caught-up SECONDS] [--rate N] [--topic NAME …]

      OPTIONS:
        --config FILE               The configuration. (default: $PLEAT_CONFIG, else
                                    /etc/pleat/pleat.yaml, else the environment alone)
        --json                      One object.
        --wait-caught-up SECONDS    How long.
        --rate N                    How many. (default: 100)
        --topic NAME …              Which.
        -h, --help                  Print this.

      """
    for line in ["look --help", "look -h", "help look", "look --rate 3 --help"] {
      guard case .show(let text) = try parse(line).get() else { throw Unexpected() }
      #expect(text == expected)
    }
    guard case .show(let root) = try parse("--help").get() else { throw Unexpected() }
    #expect(root.contains("USAGE: tool COMMAND …\n"))
    #expect(root.contains("\n  move                        Moves.\n"))
    guard case .show(let version) = try parse("--version").get() else { throw Unexpected() }
    #expect(version == "tool 1.2.3\n")
  }

  private struct Unexpected: Error {}
}

@Suite("The nearest name")
struct NearestNameTests {
  @Test(
    "is the one with the fewest edits",
    arguments: [
      ("bootstap", "bootstrap"), ("gruop", "group"), ("topic", "topics"), ("", "group"), ("TOPIX", "topics"),
      ("flush_mss", "flush_ms"),
    ])
  func nearest(name: String, expected: String) {
    #expect(nearestName(to: name, among: ["bootstrap", "group", "topics", "flush_ms", "flush_events"]) == expected)
  }
}
