import Engine
import Events

/// A daemon: the real stages over simulated ports, each running by itself, as `Service` puts them together.
final class Instance {
  let name: String
  let process: Process
  let leases = Leases()
  let tail: JournalTail
  let source: SimulatedSource
  /// Of its folds.
  let version: Int
  private let world: World
  private var actors: [Fiber] = []
  private(set) var isStopping = false
  private var workersLeft = 0
  private var outlivingLeft = 0
  private var isDone = false
  /// Another one of its name was running at the same time.
  private var hasNamesake = false

  /// A stage steps at least this often.
  private static let longestWait: Int64 = 1_000_000_000
  /// Small enough that ingest sometimes has to wait for who reads from memory.
  private static let tailBytes = 64 << 10

  @discardableResult
  static func start(_ name: String, in world: World) -> Instance {
    let instance = Instance(name, world)
    world.instances.removeAll { !$0.isRunning }
    for other in world.instances where other.name == name {
      (other.hasNamesake, instance.hasNamesake) = (true, true)
    }
    world.instances.append(instance)
    world.trace("\(name) starts, version \(instance.version)")
    instance.run()
    return instance
  }

  private init(_ name: String, _ world: World) {
    (self.name, self.world, version) = (name, world, world.version)
    process = Process(name)
    process.monotonicOffset = world.scheduler.random.nanoseconds(1...1_000_000)
    process.wallSkew = Int64(world.scheduler.random.int(-20_000_000...20_000_000))
    source = SimulatedSource(world, process)
    let wakers = Wakers()
    self.wakers = wakers
    tail = JournalTail(capacity: Self.tailBytes) { wakers.wake("projections") }
  }

  var isRunning: Bool { !process.isDead && !isDone }

  private let wakers: Wakers

  private func run() {
    let reporter = TracingReporter(name: name, world: world)
    let directory = PartitionDirectory()
    let wakers = self.wakers
    let keeper = LeaseKeeper(
      store: SimulatedLeaseStore(world, process), leases: leases,
      settings: LeaseKeeper.Settings(
        instance: name, leaseSeconds: world.profile.leaseSeconds,
        singletons: World.projections.map(LeaseResource.projection) + [LeaseResource.relay]),
      reporter: reporter, partitions: { directory.all }, onChange: { wakers.wake("workers") })
    let journal = SimulatedJournalStore(world, process)
    journal.onDone = { wakers.wake("ingest") }
    source.wake = { wakers.wake("ingest") }
    let inquiries = Inquiries(onAsk: { wakers.wake("probe") }, onAnswer: { wakers.wake("ingest") })
    let probe = ProbeStage(
      probe: SimulatedProbe(world, process, source), inquiries: inquiries, topics: [World.inputTopic],
      reporter: reporter)
    let ingest = IngestStage(
      source: source, inquiries: inquiries, store: journal, leases: leases, tail: tail, directory: directory,
      settings: IngestSettings(
        flushMilliseconds: 20, flushEvents: world.profile.flushEvents,
        publishAll: world.profile.publishAll),
      reporter: reporter,
      erasures: ErasureWatch(
        store: SimulatedErasureStore(world, process, isIngests: true), inquiries: inquiries, reporter: reporter),
      onDirectoryChange: { wakers.wake("leases") })
    var workers: [any Stage] = [ingest]
    for projection in World.projections {
      let store = SimulatedProjectionStore(world, process, projection, version: version)
      store.onDone = { wakers.wake("projections") }
      workers.append(
        ProjectionStage(
          name: projection, store: store, leases: leases, tail: tail,
          settings: world.profile.folding, reporter: reporter,
          make: { [version] () throws(StoreError) in Tally(projection, version: version) },
          onOutbox: { wakers.wake("relay") }))
    }
    workers.append(
      RelayStage(
        store: SimulatedOutboxStore(world, process), publisher: LogPublisher(SimulatedOutputLog(world, process)),
        leases: leases, projections: World.projections, reporter: reporter))
    workers.append(
      RebuildStage(
        candidates: World.projections.map { candidate($0) }, leases: leases, leaseSeconds: world.profile.leaseSeconds,
        rebuilds: true, reporter: reporter))
    workersLeft = workers.count
    outlivingLeft = 2
    for stage in [keeper as any Stage, probe] + workers {
      let outlives = stage === keeper || stage === probe
      let fiber = world.scheduler.spawn("\(name)/\(stage.name)", process) { [self] in live(stage, outlives) }
      actors.append(fiber)
      wakers.add(stage.name, fiber, world.scheduler)
    }
  }

  private func candidate(_ projection: String) -> RebuildStage.Candidate {
    let version = version
    return RebuildStage.Candidate(
      name: projection,
      store: SimulatedProjectionStore(world, process, projection, version: version, role: " rebuild"),
      foldVersion: version, catalogVersion: 1, folding: world.profile.folding,
      make: { () throws(StoreError) in Tally(projection, version: version) })
  }

  /// - Parameter outlives: whether it ends when the others have ended.
  private func live(_ stage: any Stage, _ outlives: Bool) {
    while !process.isDead, !world.scheduler.isEnding, !(outlives ? isStopping && workersLeft == 0 : isStopping) {
      if leases.isSuperseded, !isStopping {
        // The daemon says so and exits, and the unit does not start it again.
        world.trace("\(name): superseded, exits")
        if !hasNamesake { world.violation("\(name) finds its name taken, and nobody else has it") }
        stop()
        continue
      }
      let next = stage.step(now)
      switch next {
      case .immediately: world.scheduler.sleep(world.scheduler.random.nanoseconds(1e-5...1e-3))
      case .at(let moment):
        let soon = world.scheduler.now + 10_000
        let wanted = moment - process.monotonicOffset
        world.scheduler.idle(until: max(soon, min(wanted, world.scheduler.now + Self.longestWait)))
      }
    }
    if process.isDead || world.scheduler.isEnding { return }
    stage.stop(now)
    if outlives {
      outlivingLeft -= 1
      guard outlivingLeft == 0 else { return }
      isDone = true
      world.trace("\(name) has stopped")
    } else {
      workersLeft -= 1
      wakeAll()
    }
  }

  private var now: Instant {
    let nanoseconds = world.scheduler.now
    return Instant(
      monotonicNanoseconds: nanoseconds + process.monotonicOffset,
      wall: Timestamp(microseconds: World.beginning + nanoseconds / 1_000 + process.wallSkew))
  }

  /// For people: what it holds, and what its stages wait for.
  var whereabouts: String {
    let held = leases.partitions().map(\.resource).sorted()
    let fibers = process.fibers.map { "\($0.name) until \($0.wakeAt / 1_000_000)" }
    return "\(name): running \(isRunning), stopping \(isStopping), holds \(held); \(fibers)"
  }

  /// SIGTERM.
  func stop() {
    isStopping = true
    wakeAll()
  }

  func wakeAll() {
    for actor in actors where !actor.isFinished { world.scheduler.poke(actor) }
  }

  /// `kill -9`, or the machine is gone.
  func crash() {
    world.count(.crash)
    world.trace("\(name) crashes")
    process.die(world.scheduler)
    for session in process.sessions where !session.isTerminated { world.endLater(session) }
  }

  /// SIGSTOP for so long.
  func pause(for nanoseconds: Int64) {
    world.count(.pause)
    if nanoseconds > Int64(world.profile.leaseSeconds) * 1_000_000_000, process.isAtWork { world.count(.zombie) }
    world.trace("\(name) is stopped for \(nanoseconds / 1_000_000) ms")
    process.pausedUntil = world.scheduler.now + nanoseconds
  }
}

/// Wakes stages between their steps. Everything in a world happens on one thread.
private final class Wakers: @unchecked Sendable {
  private var fibers: [(name: String, fiber: Fiber)] = []
  private var scheduler: Scheduler?

  func add(_ name: String, _ fiber: Fiber, _ scheduler: Scheduler) {
    fibers.append((name, fiber))
    self.scheduler = scheduler
  }

  /// By the stage's name, or `projections`, or `workers`: all but the keeper of leases.
  func wake(_ who: String) {
    guard let scheduler else { return }
    for (name, fiber) in fibers where !fiber.isFinished {
      if who == "workers" && name != "leases" || name == who || who == "projections" && World.projections.contains(name)
      {
        scheduler.poke(fiber)
      }
    }
  }
}

/// What the stages say goes into the trace.
struct TracingReporter: Reporter, @unchecked Sendable {
  let name: String
  unowned let world: World
  func report(_ severity: Severity, _ message: String, _ fields: [(String, String)]) {
    world.trace("\(name): \(message)")
  }
}
