import Engine
import Events
import Glibc
import Kafka
import Postgres
import Projections

/// `pleat run`: waits for PostgreSQL and Kafka, runs every stage on a thread of its own, and ends in order.
package final class Daemon {
  private let configuration: Configuration
  private let logger: Logger
  private let manager = ServiceManager()
  private var signals: Signals
  private let leases = Leases()
  /// A line for systemd, said when it changes.
  private var status = ""
  private var stuck: [Watchdog.Stuck] = []

  private static let tickNanoseconds: Int64 = 250_000_000
  private static let retryNanoseconds: Int64 = 1_000_000_000
  /// A signal to stop is obeyed within 10 seconds, whatever hangs; the last of them are for giving the leases back.
  private static let workersStopNanoseconds: Int64 = 6_000_000_000
  private static let stopNanoseconds: Int64 = 8_000_000_000
  /// How often it is looked for a signal while a service is tried.
  private static let signalNanoseconds: Int64 = 100_000_000
  private static let listenMilliseconds: Int32 = 1_000

  /// The process that started this one, if the daemon is to end with it.
  private let parent: pid_t?

  package init(_ configuration: Configuration, endsWithParent: Bool = false) {
    self.configuration = configuration
    parent = endsWithParent ? getppid() : nil
    // Before any thread is started: they inherit what is blocked.
    signals = Signals()
    MemoryPlan.tuneAllocator()
    logger = Logger(configuration.log)
  }

  /// Returns once a signal asked for the end and everything is stopped.
  package func run() throws(CommandFailure) {
    defer { logger.flush() }
    let preparation: Preparation
    do throws(ConfigurationError) { preparation = try Preparation(configuration) } catch { throw error.failure }
    logger.report(
      .notice, "pleat \(pleatVersion) begins",
      [("instance", configuration.instance), ("configuration", configuration.file ?? "environment")])

    let database = try whenAvailable("PostgreSQL") { () throws(Preparation.Failure) in
      let facts = try preparation.database()
      try preparation.publishCatalog()
      return facts
    }
    if let problem = database.clockProblem { logger.report(.warning, problem) }
    let log = kafkaLog()
    let cluster = try whenAvailable("Kafka") { () throws(Preparation.Failure) in try preparation.cluster(log: log) }
    if !cluster.hasTransactions {
      logger.report(
        .warning,
        "this is the embedded broker, which has no transactions: derived events are delivered at least once, with stable ids"
      )
    }
    let stages = try assemble(preparation, database, log)
    stages.stages.start()
    stages.listener.start()
    manager.ready()
    logger.report(.notice, "running", [("kafka", cluster.id), ("installation", database.installation)])
    let failure = supervise(stages.stages)
    stop(stages)
    if let failure { throw failure }
  }

  /// Tries until it works.
  private func whenAvailable<Facts: Sendable>(
    _ service: String, _ attempt: @escaping () throws(Preparation.Failure) -> Facts
  ) throws(CommandFailure) -> Facts {
    var said: String?
    while true {
      do throws(Preparation.Failure) {
        let facts = try outcome(of: attempt, service).get()
        if said != nil { logger.report(.notice, "\(service) answers") }
        return facts
      } catch {
        guard case .passing(let message) = error else { throw error.commandFailure }
        if said != message { logger.report(.warning, "\(message); waiting for it") }
        said = message
        say("waiting for \(service)")
        if isStopSignal(signals.next(within: Self.retryNanoseconds)) { endWaiting(for: service) }
      }
    }
  }

  private func outcome<Facts: Sendable>(
    of attempt: @escaping () throws(Preparation.Failure) -> Facts, _ service: String
  ) -> Result<Facts, Preparation.Failure> {
    let trying = Attempt(service) { () -> Result<Facts, Preparation.Failure> in
      do throws(Preparation.Failure) { return .success(try attempt()) } catch { return .failure(error) }
    }
    while true {
      if let outcome = trying.value(within: Self.signalNanoseconds) { return outcome }
      if isStopSignal(signals.next(within: 0)) { endWaiting(for: service) }
    }
  }

  /// A service that does not answer keeps nobody from stopping the daemon, which holds nothing yet.
  private func endWaiting(for service: String) -> Never {
    logger.report(.notice, "stopped while waiting for \(service)")
    logger.flush()
    _exit(ExitCode.success.rawValue)
  }

  private func kafkaLog() -> KafkaLog {
    let logger = logger.with("component", "kafka")
    return { severity, message in logger.report(severity, message, []) }
  }

  private func postgresNotice(_ purpose: String) -> (String) -> Void {
    let logger = logger.with("component", purpose)
    return { message in logger.report(.debug, message, []) }
  }

  // MARK: - Assembly

  private struct Assembly {
    var stages: StageSet
    var listener: JournalListening
  }

  /// What the folds of this start are made from.
  private struct Folding {
    var memory: MemoryPlan
    var catalog: TechnologyCatalog
    var key: HashKey
  }

  private func assemble(
    _ preparation: Preparation, _ database: Preparation.DatabaseFacts, _ log: @escaping KafkaLog
  ) throws(CommandFailure) -> Assembly {
    let names = configuration.projections.only ?? ProjectionRegistry.names
    let entries = ProjectionRegistry.all.filter { names.contains($0.name) }
    let memory = MemoryPlan(megabytes: configuration.limits.memoryMegabytes, projections: entries.map(\.name))
    let folding = Folding(memory: memory, catalog: preparation.catalog, key: database.hashKey)
    let client = preparation.kafkaClient
    func target(_ purpose: String) -> ConnectionTarget { Database.target(configuration, for: purpose) }

    let (ingestWaker, probeWaker, relayWaker, keeperWaker) = (Waker(), Waker(), Waker(), Waker())
    let projectionWakers = entries.map { _ in Waker() }
    let wakeAll: @Sendable () -> Void = {
      for waker in [ingestWaker, relayWaker] + projectionWakers { waker.wake() }
    }
    let tail = JournalTail(capacity: memory.tailBytes) { for waker in projectionWakers { waker.wake() } }
    let directory = PartitionDirectory()

    let keeper = LeaseKeeper(
      store: PostgresLeaseStore(target("leases"), onNotice: postgresNotice("leases")), leases: leases,
      settings: LeaseKeeper.Settings(
        instance: configuration.instance, leaseSeconds: configuration.limits.leaseSeconds,
        singletons: entries.map { LeaseResource.projection($0.name) } + [LeaseResource.relay]),
      reporter: logger.with("stage", "leases"), partitions: { directory.all }, onChange: wakeAll)

    let source: KafkaSource
    do throws(KafkaConfigurationError) {
      source = try KafkaSource(client, log: log)
    } catch {
      throw CommandFailure(error)
    }
    source.wake = { ingestWaker.wake() }
    let inquiries = Inquiries(onAsk: { probeWaker.wake() }, onAnswer: { ingestWaker.wake() })
    let probe = ProbeStage(
      probe: KafkaProbe(client, cursorTopic: configuration.kafka.cursorTopic, log: log), inquiries: inquiries,
      topics: configuration.kafka.topics, reporter: logger.with("stage", "probe"))
    let ingest = IngestStage(
      source: source, inquiries: inquiries,
      store: PostgresJournalStore(target("ingest"), onNotice: postgresNotice("ingest")), leases: leases, tail: tail,
      directory: directory,
      settings: IngestSettings(
        flushMilliseconds: configuration.ingest.flushMilliseconds,
        flushEvents: configuration.ingest.flushEvents, publishAll: configuration.relay.publishAll),
      reporter: logger.with("stage", "ingest"),
      erasures: ErasureWatch(
        store: PostgresErasureStore(target("erasure"), onNotice: postgresNotice("erasure")), inquiries: inquiries,
        reporter: logger.with("stage", "ingest")),
      onDirectoryChange: { keeperWaker.wake() })

    var workers: [(any Stage, Waker)] = [(ingest, ingestWaker)]
    for (entry, waker) in zip(entries, projectionWakers) {
      workers.append((projectionStage(entry, folding, tail, waker, relayWaker), waker))
    }
    workers.append((rebuildStage(entries, folding), Waker()))
    workers.append((relayStage(client, installation: database.installation, log), relayWaker))

    return Assembly(
      stages: StageSet(workers: workers, outliving: [(keeper, keeperWaker), (probe, probeWaker)]),
      listener: JournalListening(
        JournalListener(target("listen")), waitMilliseconds: Self.listenMilliseconds,
        reporter: logger.with("stage", "listen")
      ) { [leases] in if leases.liveInstances.count != 1 { tail.noteRemoteAppend() } })
  }

  private func projectionStage(
    _ entry: ProjectionRegistry.Entry, _ folding: Folding, _ tail: JournalTail, _ waker: Waker, _ relayWaker: Waker
  ) -> ProjectionStage {
    let store = PostgresProjectionStore(
      Database.target(configuration, for: entry.name), projection: entry.name, foldVersion: entry.foldVersion,
      catalogVersion: entry.catalogVersion(folding.catalog), onNotice: postgresNotice(entry.name))
    store.onFlushDone = { waker.wake() }
    return ProjectionStage(
      name: entry.name, store: store, leases: leases, tail: tail,
      settings: ProjectionSettings(
        cacheBytes: folding.memory.cacheBytes(of: entry.name), dirtyBytes: folding.memory.dirtyBytes(of: entry.name)),
      reporter: logger.with("stage", entry.name),
      make: { () throws(StoreError) in entry.make(folding.catalog, folding.key) }, onOutbox: { relayWaker.wake() })
  }

  private func relayStage(
    _ client: KafkaClientConfiguration, installation: String, _ log: @escaping KafkaLog
  ) -> RelayStage {
    let kafka = configuration.kafka
    return RelayStage(
      store: PostgresOutboxStore(Database.target(configuration, for: "relay"), onNotice: postgresNotice("relay")),
      publisher: LogPublisher(
        KafkaOutputLog(
          client, installation: installation, outputTopic: kafka.outputTopic, teamTopic: kafka.teamTopic,
          cursorTopic: kafka.cursorTopic, log: log)),
      leases: leases, projections: ProjectionRegistry.names, reporter: logger.with("stage", "relay"))
  }

  private func rebuildStage(_ entries: [ProjectionRegistry.Entry], _ folding: Folding) -> RebuildStage {
    let candidates = entries.map { entry in
      let store = PostgresProjectionStore(
        Database.target(configuration, for: "rebuild"), projection: entry.name, foldVersion: entry.foldVersion,
        catalogVersion: entry.catalogVersion(folding.catalog), onNotice: postgresNotice("rebuild"))
      return RebuildStage.Candidate(
        name: entry.name, store: store, foldVersion: entry.foldVersion,
        catalogVersion: entry.catalogVersion(folding.catalog),
        folding: ProjectionSettings(
          cacheBytes: folding.memory.cacheBytes(of: entry.name) / 3,
          dirtyBytes: folding.memory.dirtyBytes(of: entry.name) / 3),
        make: { () throws(StoreError) in entry.make(folding.catalog, folding.key) })
    }
    return RebuildStage(
      candidates: candidates, leases: leases, leaseSeconds: configuration.limits.leaseSeconds,
      rebuilds: configuration.projections.rebuildsItself, reporter: logger.with("stage", "rebuild"))
  }

  // MARK: - Running

  /// Returns when the daemon is to end: nil because a signal says so.
  private func supervise(_ stages: StageSet) -> CommandFailure? {
    let limit = Int64(configuration.limits.leaseSeconds) * SystemClock.nanosecondsPerSecond
    let watchdog = Watchdog(limitNanoseconds: limit)
    var wallClock = WallClock(SystemClock.now())
    let activity = BackendActivity(configuration)
    var freeMemory = FreeMemory(limitBytes: configuration.limits.memoryMegabytes << 20)
    var feedAt: Int64 = 0
    while true {
      if isStopSignal(signals.next(within: Self.tickNanoseconds)) { return nil }
      if leases.isSuperseded {
        return CommandFailure(
          .configuration,
          "another instance was started under the name \(configuration.instance): set `instance` to a name of its own on each "
            + "machine.")
      }
      say(statusLine())
      freeMemory.giveBack()
      if let step = wallClock.step(SystemClock.now()) {
        logger.report(.warning, "this host's clock was set \(step): which events are of the future is decided by it")
      }
      let now = SystemClock.monotonicNanoseconds()
      guard now >= feedAt else { continue }
      feedAt = now + min((manager.watchdogNanoseconds ?? limit) / 4, limit / 2)
      let verdict = watchdog.judge(stages.progress, now: now) { stage in
        activity.isAtWork(stage, of: leases.instance)
      }
      follow(verdict)
    }
  }

  private func follow(_ verdict: Watchdog.Verdict) {
    switch verdict {
    case .feed:
      if !stuck.isEmpty { logger.report(.notice, "every stage makes progress again") }
      stuck = []
      manager.feedWatchdog()
    case .hold(let found):
      for one in found where !stuck.contains(where: { $0.stage == one.stage }) {
        logger.report(
          .error, "\(one.stage) has finished no step for \(one.seconds) s: the watchdog is not fed",
          [("stage", one.stage)])
      }
      stuck = found
    }
  }

  private func statusLine() -> String {
    let held = leases.partitions().count
    var parts = ["reading \(held) \(held == 1 ? "partition" : "partitions")"]
    let folding = ProjectionRegistry.names.filter { leases.term(of: LeaseResource.projection($0)) != nil }
    if !folding.isEmpty { parts.append("folding \(folding.joined(separator: ", "))") }
    if leases.term(of: LeaseResource.relay) != nil { parts.append("relaying") }
    let instances = leases.liveInstances.count
    if instances > 1 { parts.append("one of \(instances) instances") }
    if !stuck.isEmpty { parts.append("without progress: \(stuck.map(\.stage).joined(separator: ", "))") }
    return parts.joined(separator: "; ")
  }

  private func say(_ text: String) {
    if text == status { return }
    status = text
    manager.status(text)
  }

  private func isStopSignal(_ signal: Int32?) -> Bool {
    switch signal {
    case nil:
      guard let parent, getppid() != parent else { return false }
      logger.report(.notice, "the process that started this one has ended")
      return true
    case SIGHUP:
      logger.report(.info, "SIGHUP changes nothing: the configuration is read at the start")
      return false
    default: return true
    }
  }

  // MARK: - Stopping

  private func stop(_ assembly: Assembly) {
    manager.stopping()
    say("stopping")
    logger.report(.notice, "stopping: batches under way are finished, leases given back")
    let now = SystemClock.monotonicNanoseconds()
    assembly.listener.stop()
    let late = assembly.stages.stop(workersBy: now + Self.workersStopNanoseconds, by: now + Self.stopNanoseconds)
    if late.isEmpty {
      logger.report(.notice, "stopped")
    } else {
      // What they had not committed is not journaled, folded or published: nothing is lost, and others take over.
      logger.report(.warning, "ended without waiting any longer for \(late.joined(separator: ", "))")
      logger.flush()
      if !leases.isSuperseded { _exit(ExitCode.success.rawValue) }
    }
  }
}
