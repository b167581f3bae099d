import Projections
import Service

struct BenchCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "bench", "Measure each stage against its ceiling, on this machine.",
      discussion: """
        Generated events of one day go through one stage after the other, each alone on one core: the decoder, beside simdjson's \
        bare parse of the same bytes; the window of duplicates; the encoding of a batch, beside zstd of the same streams; its \
        digests; the decoding of a batch, beside zstd again; and the folds, in memory. Then, with a private PostgreSQL in a temporary \
        directory, the append to the journal, beside a bare COPY of the same bytes, and each projection from that journal into \
        its tables, with versions, rules and derived events, beside its fold in memory. No stage can be faster than its ceiling; \
        how many times as long it takes stands beside it. Times are the least of some rounds: of a thread's CPU, \
        and of the clock where PostgreSQL works. Ctrl-C ends it and leaves nothing behind. With --json it prints one object: events, \
        event_bytes, journal_bytes (of an event), segment_events, stages (stage, clock: cpu or wall, ns_per_event, \
        events_per_second, ceiling: null or what, ns_per_event, ratio).
        """)
  }

  @OptionGroup var common: CommonOptions
  @Option("N", help: "How many events.") var events = 200_000
  @Option("N", help: "The world to generate: the same number, the same world.") var seed: UInt64 = 1
  @Option(
    "FILE", help: "Events of a file instead, a line each, with a key and a tab before it or without.",
    default: "generated") var file: String?
  @Flag(help: "Print one JSON object.") var json: Bool

  /// They are held in memory, about 2 kB for each.
  private static let mostEvents = 2_000_000

  func validate() throws(UsageError) {
    if !(1...Self.mostEvents).contains(events) { throw UsageError("--events is from 1 to \(Self.mostEvents)") }
  }

  func run() throws(CommandFailure) {
    let configuration = try common.configuration()
    let workload: Workload
    if let file {
      workload = try Workload(file: file, events: events)
    } else {
      workload = try Workload(generated: events, seed: seed)
    }
    let catalog: TechnologyCatalog
    do throws(ConfigurationError) { catalog = try CatalogFile.load(configuration) } catch { throw error.failure }
    let memory = MemoryPlan(
      megabytes: configuration.limits.memoryMegabytes, projections: ProjectionRegistry.names)
    let bench = try Bench(workload, catalog: catalog, memory: memory)
    var failure: CommandFailure?
    do throws(CommandFailure) { try bench.run() } catch { failure = error }
    // What was measured is worth reading, too, where the rest could not be.
    if !bench.report.stages.isEmpty {
      print(json ? bench.report.json.description + "\n" : bench.report.text, terminator: "")
    }
    if let failure { throw failure }
  }
}
