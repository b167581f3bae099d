import Engine
import Events
import Glibc
import Postgres
import Projections

/// `pleat rebuild`: drives one rebuild to its end, shows how far it is, and obeys Ctrl-C and SIGTERM.
package struct RebuildRun {
  package struct Result {
    package var projection: String
    package var generation: Int32
    package var position: Int64
    package var seconds: Double

    package var json: JSONValue {
      .object([
        "projection": .string(projection), "generation": .integer(Int64(generation)), "position": .integer(position),
        "seconds": .number(seconds),
      ])
    }
    package var text: String {
      "\(projection): generation \(generation) is live from position \(position), after \(ProgressLine.duration(seconds)).\n"
    }
  }

  private static let retryNanoseconds: Int64 = 1_000_000_000
  /// A database that is away for longer is not waited for: what is done stays, and the command can be called again.
  private static let patienceNanoseconds: Int64 = 60_000_000_000
  /// What a lease may take longer to end than it says.
  private static let graceNanoseconds: Int64 = 3_000_000_000

  private let context: EvidenceContext
  private let entry: ProjectionRegistry.Entry
  private var signals: Signals

  package init(_ configuration: Configuration, projection: String) throws(CommandFailure) {
    entry = try EvidenceContext.entry(projection)
    // Before any thread is started: they inherit what is blocked.
    signals = Signals()
    context = try EvidenceContext(configuration)
  }

  private func store() -> PostgresProjectionStore {
    PostgresProjectionStore(
      Database.target(context.configuration, for: "rebuild"), projection: entry.name, foldVersion: entry.foldVersion,
      catalogVersion: entry.catalogVersion(context.catalog))
  }

  /// Gives up what was rebuilt and is not live, and deletes it; returns how many generations that were.
  package func discard() throws(CommandFailure) -> Int {
    let store = store()
    do throws(StoreError) {
      let count = try store.discardRebuild()
      while try store.dropOld() {}
      return count
    } catch {
      throw CommandFailure(error)
    }
  }

  package mutating func run(acceptLoss: Bool) throws(CommandFailure) -> Result {
    let begun = SystemClock.now()
    let rebuild = makeRebuild(begun, acceptLoss: acceptLoss)
    var line = ProgressLine()
    /// Since the first of the failures that nothing came between. Not since the last success: a stopped process has had no chance.
    var failsSince: Int64?
    var said = ""
    while !rebuild.isDone {
      let now = SystemClock.now()
      var wait: Int64 = 0
      do {
        if case .at(let moment) = try rebuild.step(now) { wait = max(moment - now.monotonicNanoseconds, 0) }
        failsSince = nil
      } catch {
        guard let error = error as? StoreError else { throw CommandFailure(.failure, "\(error).") }
        let since = failsSince ?? SystemClock.monotonicNanoseconds()
        failsSince = since
        try judge(error, since: since)
        if said != error.message { standardError("\(error.message); trying again\n") }
        said = error.message
        wait = Self.retryNanoseconds
      }
      let progress = rebuild.progress(now)
      line.show(
        progress.isDropping ? "\(entry.name): switched; the generation before is deleted" : entry.name,
        done: progress.position, of: progress.target, perSecond: progress.eventsPerSecond)
      if signals.next(within: wait) != nil {
        line.end()
        rebuild.stop()
        throw interruption(of: rebuild, at: progress.position)
      }
    }
    line.end()
    let seconds = Double(SystemClock.monotonicNanoseconds() - begun.monotonicNanoseconds) / 1e9
    return Result(
      projection: entry.name, generation: rebuild.outcome?.generation ?? 0, position: rebuild.outcome?.position ?? 0,
      seconds: seconds)
  }

  private func makeRebuild(_ begun: Instant, acceptLoss: Bool) -> Rebuild {
    let (context, entry) = (context, entry)
    return Rebuild(
      name: entry.name, store: store(),
      settings: Rebuild.Settings(
        owner: InstanceID(
          name: "\(context.configuration.instance)/rebuild/\(getpid())", start: begun.wall.microseconds),
        leaseSeconds: context.configuration.limits.leaseSeconds, acceptLoss: acceptLoss),
      folding: context.settings, reporter: QuietReporter(),
      make: { () throws(StoreError) in
        if entry.catalogVersion(context.catalog) == 0 { return context.make(entry) }
        // The daemon has recorded its own, and this one may be another.
        do throws(PostgresError) {
          try PublishedCatalog.record(
            context.catalog, Connection(Database.target(context.configuration, for: "rebuild")))
        } catch {
          throw StoreError(error)
        }
        return context.make(entry)
      })
  }

  private func interruption(of rebuild: Rebuild, at position: Int64) -> CommandFailure {
    if let outcome = rebuild.outcome {
      return CommandFailure(
        .tryAgain,
        "interrupted after the switch: generation \(outcome.generation) is live, and `pleat run` deletes the one before."
      )
    }
    return CommandFailure(
      .tryAgain, "interrupted at position \(position): call it again to go on, or with --discard to give it up.")
  }

  /// Returns where it is worth another try. A rebuilder that was killed holds its lease for a while yet.
  private func judge(_ error: StoreError, since began: Int64) throws(CommandFailure) {
    let idle = SystemClock.monotonicNanoseconds() - began
    let lease = Int64(context.configuration.limits.leaseSeconds) * SystemClock.nanosecondsPerSecond
    switch error {
    case .unavailable where idle < Self.patienceNanoseconds: return
    case .lost where idle < lease + Self.graceNanoseconds: return
    case .unavailable, .lost, .foreign, .refused: throw CommandFailure(error)
    }
  }
}

/// The command's own words are enough.
private struct QuietReporter: Reporter {
  func report(_ severity: Severity, _ message: String, _ fields: [(String, String)]) {
    if severity >= .warning { standardError("\(message)\n") }
  }
}
