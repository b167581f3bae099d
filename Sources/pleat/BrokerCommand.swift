import Engine
import Glibc
import Kafka
import Service

struct BrokerCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "broker", "Run the embedded broker, for demos and tests.",
      discussion: """
        A Kafka broker in memory, on 127.0.0.1, without transactions: what is in it goes with it, and each partition keeps \
        its newest 5 MiB. The first line it prints is bootstrap=HOST:PORT. It runs until SIGTERM or SIGINT, or \
        until its terminal is closed.
        """)
  }

  /// `NAME:PARTITIONS`.
  struct Topic: ArgumentValue {
    let name: String
    let partitions: Int32
    private static let greatestPartitions: Int32 = 1_000

    init?(argument: String) {
      guard let colon = argument.lastIndex(of: ":"), TopicName.isLegal(String(argument[..<colon])),
        let partitions = Int32(argument[argument.index(after: colon)...]),
        (1...Self.greatestPartitions).contains(partitions)
      else { return nil }
      (name, self.partitions) = (String(argument[..<colon]), partitions)
    }

    static var kind: String { "a topic and its number of partitions, as pleat.events:4" }
  }

  private static let pollNanoseconds: Int64 = 500_000_000

  @OptionGroup var common: CommonOptions
  @Option(name: "topic", "NAME:PARTITIONS", help: "A topic to begin with.") var topics: [Topic] = []
  @Flag(help: "End when the process that started this one ends.") var withParent: Bool

  func run() throws(CommandFailure) {
    try common.requireNamedConfiguration()
    let parent = getppid()
    // Before the broker has threads: they inherit what is blocked.
    var signals = Signals()
    let broker: EmbeddedBroker
    do throws(KafkaError) {
      broker = try EmbeddedBroker(topics: topics.map { ($0.name, $0.partitions) }) { severity, message in
        if severity >= .warning { standardError("pleat: \(message)\n") }
      }
    } catch {
      throw CommandFailure(.failure, "\(error).")
    }
    defer { broker.stop() }
    print("bootstrap=\(broker.bootstrap)")
    fflush(nil)
    while true {
      if signals.next(within: Self.pollNanoseconds) != nil { return }
      if withParent, getppid() != parent { return }
    }
  }
}
