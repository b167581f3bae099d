import Events
import Testing

@testable import Engine

@Suite("The keeper of leases")
struct LeaseKeeperTests {
  /// Leases of one instance: what nobody holds is free.
  private final class Store: LeaseStore {
    var held: Set<String> = []
    var isAway = false

    private func answer() throws(StoreError) { if isAway { throw .unavailable("away") } }

    func register(name: String) throws(StoreError) -> InstanceID { InstanceID(name: name, start: 1) }

    func heartbeat(
      _ instance: InstanceID, seconds: Int, resources: [String], held: [String], renew: [String], release: [String]
    ) throws(StoreError) -> HeartbeatReply {
      try answer()
      self.held.subtract(release)
      return .overview(
        LeaseOverview(
          instances: [instance.name],
          leases: resources.map { LeaseRow(resource: $0, owner: self.held.contains($0) ? instance : nil) }))
    }

    func acquire(_ instance: InstanceID, seconds: Int, resources: [String]) throws(StoreError) -> [String] {
      try answer()
      held.formUnion(resources)
      return resources
    }

    func leave(_ instance: InstanceID) throws(StoreError) { held = [] }
  }

  private static let relay = "relay"
  private let store = Store()
  private let leases = Leases()

  /// Steps each second, from the given one.
  private func steps(_ keeper: LeaseKeeper, _ seconds: ClosedRange<Int64>) {
    for second in seconds {
      let now = Instant(monotonicNanoseconds: second * 1_000_000_000, wall: Timestamp(microseconds: 0))
      leases.noteProgress(of: Self.relay, at: now)
      _ = keeper.step(now)
    }
  }

  private func keeper() -> LeaseKeeper {
    LeaseKeeper(
      store: store, leases: leases,
      settings: LeaseKeeper.Settings(instance: "a", leaseSeconds: 10, singletons: [Self.relay]),
      reporter: SilentReporter(), partitions: { [] }, onChange: {})
  }

  @Test("what a stage let go while the database did not answer is given back once it does, and not held meanwhile")
  func releasedDuringAnOutage() {
    let keeper = keeper()
    steps(keeper, 0...1)
    #expect(leases.heldResources() == [Self.relay])
    store.isAway = true
    leases.decline(Self.relay, until: 60_000_000_000)
    steps(keeper, 2...3)
    store.isAway = false
    steps(keeper, 4...4)
    #expect(store.held.isEmpty && leases.heldResources().isEmpty && leases.released.isEmpty)
    steps(keeper, 5...59)
    #expect(store.held.isEmpty && leases.heldResources().isEmpty)
    steps(keeper, 60...61)
    #expect(leases.heldResources() == [Self.relay])
  }
}
