import Events

/// Keeps this instance registered and its leases renewed, takes what is free, and gives back what is above its share.
///
/// It has a connection of its own, so that a slow flush does not lose a lease; and it renews only what made progress, so that a
/// stage that hangs does.
package final class LeaseKeeper: Stage {
  package struct Settings: Sendable {
    package var instance: String
    package var leaseSeconds: Int
    /// `projection/NAME` of every projection to run, and `relay` where it is wanted.
    package var singletons: [String]
    package init(instance: String, leaseSeconds: Int, singletons: [String]) {
      (self.instance, self.leaseSeconds, self.singletons) = (instance, leaseSeconds, singletons)
    }
  }

  package let name = "leases"
  private let store: any LeaseStore
  private let leases: Leases
  private let settings: Settings
  private let reporter: any Reporter
  private let onChange: @Sendable () -> Void
  private let partitions: () -> [TopicPartition]

  private var instance: InstanceID?
  private var lastRenewal: Int64 = 0
  private var outage = Outage()
  /// Of the partitions known at the last heartbeat, and of what there is one of.
  private var known: [TopicPartition] = []
  private var resources: [String] = []
  private var wanted: Set<String> = []

  /// `partitions` tells the input partitions known so far; `onChange` is called after every heartbeat that changed something.
  package init(
    store: any LeaseStore, leases: Leases, settings: Settings, reporter: any Reporter,
    partitions: @escaping () -> [TopicPartition], onChange: @escaping @Sendable () -> Void
  ) {
    (self.store, self.leases, self.settings, self.reporter) = (store, leases, settings, reporter)
    (self.partitions, self.onChange) = (partitions, onChange)
  }

  private var leaseNanoseconds: Int64 { Int64(settings.leaseSeconds) * 1_000_000_000 }

  package func step(_ now: Instant) -> NextStep {
    if leases.isSuperseded { return .at(now.monotonicNanoseconds + 1_000_000_000) }
    do {
      let settled = try keep(now)
      outage.end(reporter, "the database answers again: leases are renewed")
      return .at(now.monotonicNanoseconds + (settled ? leaseNanoseconds / 4 : 200_000_000))
    } catch {
      outage.begin(reporter, "leases are not renewed: \(error.message); trying again")
      if instance != nil, now.monotonicNanoseconds - lastRenewal > leaseNanoseconds { leases.dropAll() }
      return .at(now.monotonicNanoseconds + 500_000_000)
    }
  }

  /// Returns whether nothing is left to take or give.
  private func keep(_ now: Instant) throws(StoreError) -> Bool {
    let me: InstanceID
    if let instance {
      me = instance
    } else {
      me = try store.register(name: settings.instance)
      instance = me
      lastRenewal = now.monotonicNanoseconds
      leases.register(me)
      reporter.report(.info, "registered as \(me.name), start \(me.start)")
    }
    let before = leases.heldResources()
    let known = partitions()
    if known != self.known || resources.isEmpty {
      self.known = known
      resources = known.map(LeaseResource.partition) + settings.singletons
      wanted = Set(resources)
    }
    let renew = leases.progressing(since: now.monotonicNanoseconds - leaseNanoseconds)
    let release = leases.released
    let reply = try store.heartbeat(
      me, seconds: settings.leaseSeconds, resources: resources, held: before, renew: renew, release: release)
    leases.noteReleased(release)
    switch reply {
    case .superseded:
      leases.supersede()
      reporter.report(
        .error,
        "another instance has started under the name \(me.name) and took over; set `instance` to a name of its own on each machine"
      )
      onChange()
      return true
    case .unknown:
      reporter.report(.warning, "the database does not know this start of \(me.name): it went back; registering again")
      instance = nil
      leases.dropAll()
      onChange()
      return false
    case .overview(let overview):
      lastRenewal = now.monotonicNanoseconds
      var relevant = overview
      relevant.leases.removeAll { !wanted.contains($0.resource) }
      var plan = LeasePlan(relevant, for: me.name)
      if !plan.acquire.isEmpty { plan.acquire.removeAll(where: leases.declined(at: now).contains) }
      var mine = Set(relevant.leases.filter { $0.owner == me }.map(\.resource))
      if !plan.acquire.isEmpty {
        mine.formUnion(try store.acquire(me, seconds: settings.leaseSeconds, resources: plan.acquire))
      }
      if !release.isEmpty { mine.subtract(release) }
      leases.set(held: mine, instances: overview.instances, at: now)
      leases.askToRelease(plan.release)
      if leases.heldResources() != before || !plan.release.isEmpty || !release.isEmpty { onChange() }
      return plan.acquire.isEmpty && plan.release.isEmpty && !known.isEmpty
    }
  }

  package func stop(_ now: Instant) {
    guard let instance, !leases.isSuperseded else { return }
    do throws(StoreError) {
      try store.leave(instance)
    } catch {
      reporter.report(.warning, "leases were not given back, and end by themselves: \(error.message)")
    }
    leases.dropAll()
  }
}
