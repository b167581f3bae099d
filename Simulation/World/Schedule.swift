/// A schedule known to be hard, step by step: no bad luck but what it says. `docs/faults.md` lists them.
package struct Schedule: Sendable, CustomStringConvertible {
  package let name: String
  private let instances: Int
  private let partitions: Int
  private let cacheBytes: Int
  private let dirtyBytes: Int?
  private let flushEvents: Int
  private let publishAll: Bool
  private let steps: @Sendable (World) -> Void

  init(
    _ name: String, instances: Int = 2, partitions: Int = 1, cacheBytes: Int = 600, dirtyBytes: Int? = nil,
    flushEvents: Int = 10, publishAll: Bool = true, _ steps: @escaping @Sendable (World) -> Void
  ) {
    (self.name, self.instances, self.partitions) = (name, instances, partitions)
    (self.cacheBytes, self.dirtyBytes, self.flushEvents) = (cacheBytes, dirtyBytes, flushEvents)
    (self.publishAll, self.steps) = (publishAll, steps)
  }

  package var description: String { name }

  package static let all: [Schedule] = rebuilds + crashes + restores + topics + leases + races + firstStarts

  /// Lives through it, waits until everything has caught up, and checks; returns what was wrong.
  package func violations(
    without removed: Set<Safeguard> = [], log: ((String) -> Void)? = nil
  ) -> [String] {
    var profile = Profile()
    (profile.instances, profile.partitions, profile.cacheBytes) = (instances, partitions, cacheBytes)
    (profile.dirtyBytes, profile.flushEvents, profile.publishAll) = (dirtyBytes, flushEvents, publishAll)
    (profile.events, profile.leaps, profile.bad, profile.repeated) = (0, 0, 0, 0)
    (profile.latency, profile.leaseSeconds, profile.transactional) = (0.05, 2, 0)
    let world = World(seed: 1, profile: profile, without: removed, stacks: FiberStacks(), log: log)
    if log != nil { world.tellCalls() }
    world.run(steps)
    return world.violations
  }
}
