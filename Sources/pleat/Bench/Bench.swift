import Engine
import Events
import Projections
import Service

/// One run of `pleat bench`: the stages one after the other, each beside its ceiling.
final class Bench {
  /// As ingest makes of a flush of 10,000 events from three partitions.
  static let segmentEvents = 3_333
  static let partitions = 3

  private(set) var report: BenchReport
  private let codec: CodecStages
  private let catalog: TechnologyCatalog
  private let memory: MemoryPlan
  private var line = ProgressLine()
  private var done: Int64 = 0

  /// The codec's parts and ceilings; each projection in memory and in PostgreSQL; its start and the append.
  private static let steps: Int64 = 8 + 2 * Int64(ProjectionRegistry.all.count) + 2

  init(_ workload: Workload, catalog: TechnologyCatalog, memory: MemoryPlan) throws(CommandFailure) {
    (self.catalog, self.memory) = (catalog, memory)
    codec = try CodecStages(workload, segment: Self.segmentEvents)
    report = BenchReport(
      events: workload.count, eventBytes: workload.bytes.count / workload.count,
      journalBytes: codec.storedBytes / workload.count, segmentEvents: Self.segmentEvents)
  }

  func run() throws(CommandFailure) {
    defer { line.end() }
    try measureCodec()
    var folds: [Double] = []
    for entry in ProjectionRegistry.all {
      folds.append(
        try measure("fold of \(entry.name), in memory", rounds: FoldStage.rounds) { () throws(CommandFailure) in
          try FoldStage(entry, catalog, codec.batches).run()
        })
    }
    try measurePostgres(folds)
  }

  // MARK: - One core

  private func measureCodec() throws(CommandFailure) {
    let parse = ceiling("simdjson's bare parse") { codec.bareParse() }
    try measure("decoder", under: parse) { () throws(CommandFailure) in _ = try codec.decoded() }
    let identities = try codec.identities()
    measure("window of duplicates") { codec.look(identities) }
    let zstd = ceiling("zstd of the same streams") { codec.compress() }
    measure("encoding a batch", under: zstd) { codec.encode() }
    measure("digests of what is stored") { codec.digest() }
    let unzstd = try ceiling("zstd of the same streams") { () throws(CommandFailure) in try codec.decompress() }
    try measure("decoding a batch", under: unzstd) { () throws(CommandFailure) in try codec.decode() }
  }

  private func ceiling<E: Error>(_ name: String, _ body: () throws(E) -> Void) throws(E) -> (
    name: String, nanoseconds: Double
  ) {
    (name, try least(name, CodecStages.rounds, body))
  }

  @discardableResult
  private func measure<E: Error>(
    _ name: String, under ceiling: (name: String, nanoseconds: Double)? = nil, rounds: Int = CodecStages.rounds,
    _ body: () throws(E) -> Void
  ) throws(E) -> Double {
    let nanoseconds = try least(name, rounds, body)
    report.stages.append(BenchReport.Stage(name: name, clock: .cpu, nanoseconds: nanoseconds, ceiling: ceiling))
    return nanoseconds
  }

  /// The least of the rounds' CPU time for an event, in nanoseconds.
  private func least<E: Error>(_ name: String, _ rounds: Int, _ body: () throws(E) -> Void) throws(E) -> Double {
    begin(name)
    var least = Double.infinity
    for _ in 0..<rounds {
      let begun = SystemClock.threadNanoseconds()
      try body()
      least = min(least, Double(SystemClock.threadNanoseconds() - begun) / Double(report.events))
    }
    return least
  }

  private func begin(_ name: String) {
    line.show(name, done: done, of: Self.steps, perSecond: 0)
    done += 1
  }

  // MARK: - PostgreSQL

  /// - Parameter folds: what each of the projections takes in memory.
  private func measurePostgres(_ folds: [Double]) throws(CommandFailure) {
    begin("starting a private PostgreSQL")
    let stages = try PostgresStages(codec.drafts(partitions: Self.partitions), partitions: Self.partitions)
    defer { stages.remove() }
    begin("append to the journal")
    let (append, copy) = try stages.appendAndCopy()
    add("append to the journal", append, under: ("bare COPY of the same bytes", copy / Double(report.events)))
    for (entry, fold) in zip(ProjectionRegistry.all, folds) {
      begin("\(entry.name), into PostgreSQL")
      add(
        "\(entry.name), into PostgreSQL", try stages.fold(entry, catalog, memory), under: ("its fold in memory", fold))
    }
  }

  private func add(_ name: String, _ nanoseconds: Double, under ceiling: (name: String, nanoseconds: Double)) {
    report.stages.append(
      BenchReport.Stage(
        name: name, clock: .wall, nanoseconds: nanoseconds / Double(report.events), ceiling: ceiling))
  }
}
