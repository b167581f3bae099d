import Simulation
import Testing

/// Schedules known to be hard, each in worlds that have much of it; the thousands of seeds of `make simulate` mix them all.
@Suite("Simulated worlds")
struct WorldTests {
  struct Schedule: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var change: @Sendable (inout Profile) -> Void
    init(_ name: String, _ change: @escaping @Sendable (inout Profile) -> Void) {
      (testDescription, self.change) = (name, change)
    }
  }

  static let schedules: [Schedule] = [
    Schedule("a crash between a turn and the event that turned") {
      ($0.crash, $0.latency, $0.instances) = (0.7, 0.5, 2)
    },
    Schedule("somebody else's open transaction over the cursor topic") {
      ($0.foreignTransaction, $0.crash, $0.brokerDoubt) = (0.5, 2, 0.05)
    },
    Schedule("a database restored with its events already out, again and again, with crashes while ids are read back") {
      ($0.restore, $0.crash, $0.brokerDoubt) = (1.5, 1.5, 0.05)
    },
    Schedule("a configuration copied to a second machine, with the name in it") {
      ($0.namesake, $0.instances) = (1.5, 2)
    },
    Schedule("a topic made anew, and filled past the cursor") { ($0.recreate, $0.pause, $0.instances) = (1.5, 3, 2) },
    Schedule("retention faster than ingest") { ($0.retention, $0.brokerAway) = (1, 3) },
    Schedule("a flush, and a statement, longer than a lease") {
      ($0.slow, $0.leaseSeconds, $0.instances) = (0.2, 1, 2)
    },
    Schedule("an instance that wakes up after its leases") { ($0.pause, $0.leaseSeconds, $0.instances) = (1, 1, 3) },
    Schedule("instances that come and go") { ($0.newcomer, $0.crash, $0.partitions) = (0.6, 1.5, 4) },
    Schedule("every fourth commit in doubt") { ($0.databaseDoubt, $0.latency) = (0.08, 0.5) },
    Schedule("a full disk, and clocks that step") { ($0.diskFull, $0.clockStep) = (2, 0.5) },
  ]

  @Test("nothing is lost, nothing is twice, and everything catches up", arguments: schedules)
  func hardSchedule(_ schedule: Schedule) {
    let stacks = FiberStacks()
    for seed in UInt64(1)...4 {
      var profile = Profile()
      profile.seconds = 6
      profile.events = 50
      schedule.change(&profile)
      let world = World(seed: seed, profile: profile, stacks: stacks)
      world.run()
      #expect(world.violations == [], "seed \(seed)")
    }
  }

  @Test("a seed lives through the same, however often")
  func deterministic() {
    func trace(_ seed: UInt64) -> [String] {
      var lines: [String] = []
      let world = World(seed: seed, stacks: FiberStacks()) { lines.append($0) }
      world.run()
      return lines
    }
    for seed in UInt64(1)...3 {
      let first = trace(seed)
      #expect(first.count > 10)
      #expect(trace(seed) == first)
    }
  }

  /// With these taken out few worlds go well.
  @Test(
    "what protects is missed where it is taken out",
    arguments: [Safeguard.headLock, .outboxInTransaction, .cursorInTransaction, .fencing])
  func mutation(_ safeguard: Safeguard) {
    let stacks = FiberStacks()
    let limit: UInt64 = 200
    let noticed = (1...limit).contains { seed in
      let world = World(seed: seed, without: [safeguard], stacks: stacks)
      world.run()
      return !world.violations.isEmpty
    }
    #expect(noticed)
  }
}
