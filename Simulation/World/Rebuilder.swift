import Engine
import Events
import Projections

/// `pleat rebuild`, in a process of its own.
final class Rebuilder {
  private let world: World
  let process: Process
  let rebuild: Rebuild
  private static let retryNanoseconds: Int64 = 1_000_000_000
  /// A command that gets nowhere is given up.
  private static let patienceNanoseconds: Int64 = 60_000_000_000

  @discardableResult
  static func start(
    _ projection: String, version: Int? = nil, folding: ProjectionSettings? = nil, in world: World
  ) -> Rebuilder {
    let rebuilder = Rebuilder(projection, version ?? world.version, folding ?? world.profile.rebuilding, world)
    world.trace("\(rebuilder.process.name): rebuild \(projection)")
    world.scheduler.spawn(rebuilder.process.name, rebuilder.process) { rebuilder.live() }
    return rebuilder
  }

  private init(_ projection: String, _ version: Int, _ folding: ProjectionSettings, _ world: World) {
    self.world = world
    process = world.nextCommand("rebuild")
    process.subject = projection
    rebuild = Rebuild(
      name: projection, store: SimulatedProjectionStore(world, process, projection, version: version, role: " rebuild"),
      settings: Rebuild.Settings(
        owner: InstanceID(name: process.name, start: World.beginning + world.scheduler.now / 1_000),
        leaseSeconds: world.profile.leaseSeconds, acceptLoss: false),
      folding: folding,
      reporter: TracingReporter(name: process.name, world: world),
      make: { () throws(StoreError) in Tally(projection, version: version) })
  }

  private func live() {
    let deadline = world.scheduler.now + Self.patienceNanoseconds
    while !rebuild.isDone, !process.isDead, !world.scheduler.isEnding, world.scheduler.now < deadline {
      let nanoseconds = world.scheduler.now
      let now = Instant(
        monotonicNanoseconds: nanoseconds + process.monotonicOffset, wall: .init(microseconds: World.beginning))
      do {
        switch try rebuild.step(now) {
        case .immediately: world.scheduler.sleep(world.scheduler.random.nanoseconds(1e-5...1e-3))
        case .at(let moment): world.scheduler.sleep(max(moment - now.monotonicNanoseconds, 10_000))
        }
      } catch {
        world.trace("\(process.name): \((error as? StoreError)?.message ?? "\(error)")")
        // A higher version has it: no use in trying again.
        if case .foreign? = error as? StoreError { return }
        world.scheduler.sleep(Self.retryNanoseconds)
      }
    }
    if process.isDead || world.scheduler.isEnding || rebuild.isDone { return }
    rebuild.stop()
  }
}
