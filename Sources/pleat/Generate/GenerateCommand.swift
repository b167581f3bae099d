import Events
import Generator
import Glibc
import Service

struct GenerateCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "generate", "Make realistic events, the same for the same arguments.",
      discussion: """
        Teams, projects, feedback, predictions, model calls and what else an application emits, spread over the days \
        before --end: with tastes that drift, technologies that rise and fall, and some events that come late or twice. \
        Written to standard output, a line an event: the key, a tab, the JSON; or with --bootstrap or --topic to Kafka, some \
        then with their attributes in headers.
        """)
  }

  @OptionGroup var common: CommonOptions
  @Option("N", help: "How many, repetitions included.") var events = 10_000
  @Option("N", help: "The world: the same number, the same world.") var seed: UInt64 = 1
  @Option("N", help: "How many days they are spread over.") var days = 30
  @Option("TIME", help: "Nothing is later; RFC 3339.") var end = "2026-01-01T00:00:00Z"
  @Option("N", help: "How many a second.", default: "flat out") var rate: Double?

  @Option("HOST:PORT", help: "Send to this Kafka.", default: "with --topic, kafka.bootstrap") var bootstrap: String?
  @Option("TOPIC", help: "Send to this topic.", default: "with --bootstrap, the first of kafka.topics") var topic:
    String?

  private static let rates = 0.001...1_000_000_000

  private var isForKafka: Bool { bootstrap != nil || topic != nil }

  private func world() throws(UsageError) -> World {
    guard let end = RFC3339.parse(end) else {
      throw UsageError("--end: \"\(end)\" is not a time as 2026-01-01T00:00:00Z")
    }
    do throws(WorldSettingsError) {
      return try World(WorldSettings(events: events, seed: seed, days: days, end: end, headers: isForKafka))
    } catch {
      throw UsageError(error.message)
    }
  }

  func validate() throws(UsageError) {
    _ = try world()
    if let topic, !TopicName.isLegal(topic) { throw UsageError("--topic: \"\(topic)\" is not a topic's name") }
    if let problem = bootstrap.flatMap(BootstrapServers.problem) { throw UsageError("--bootstrap: \(problem)") }
    if let rate, !Self.rates.contains(rate) {
      throw UsageError("--rate is from \(Self.rates.lowerBound) to \(Self.rates.upperBound)")
    }
  }

  func run() throws(CommandFailure) {
    try common.requireNamedConfiguration()
    var world: World
    do throws(UsageError) { world = try self.world() } catch { throw CommandFailure(.usage, "\(error.message).") }
    if isForKafka { try send(&world) } else { try print(&world) }
  }

  private func print(_ world: inout World) throws(CommandFailure) {
    var output = StandardOutput()
    var progress = GenerateProgress(total: events, isShown: isatty(STDOUT_FILENO) == 0)
    var pace = Pace(perSecond: rate)
    while world.next() {
      output.begin(world.record.key, separator: UInt8(ascii: "\t"))
      try output.line(world.record.value)
      if pace.mustWait { try output.flush() }
      pace.wait()
      progress.advance()
    }
    try output.flush()
    progress.finish()
  }

  private func send(_ world: inout World) throws(CommandFailure) {
    let sink = try KafkaSink(try common.configuration(), bootstrap: bootstrap, topic: topic)
    var progress = GenerateProgress(total: events, isShown: true)
    var pace = Pace(perSecond: rate)
    while world.next() {
      try sink.send(world.record)
      pace.wait()
      progress.advance()
    }
    try sink.finish()
    progress.finish()
  }
}
