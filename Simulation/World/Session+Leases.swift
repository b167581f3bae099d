import Engine

/// The functions of `0001_core.sql` that keep instances and leases. They are written after the SQL, statement by statement.
extension Session {
  /// `pleat.register_instance`
  func registerInstance(_ name: String, after last: Int64?) throws(StoreError) -> Int64 {
    try lock(.instance(name))
    let now = database.clock
    let known = state.instances[name]
    guard known == nil || known?.start == last || !world.holds(.registrationCompares) else {
      throw .lost("somebody has started as \(name) meanwhile")
    }
    let least = world.holds(.startsFollowTheClock) ? now : 1
    let start = known.map { max($0.start + 1, least) } ?? least
    change { $0.instances[name] = DatabaseState.InstanceRow(start: start, until: now + 10_000_000) }
    let mine = state.leases.keys { $0.owner?.name == name }
    for resource in mine {
      try lock(.lease(resource))
      guard state.leases[resource]?.owner?.name == name else { continue }
      change { $0.leases[resource] = DatabaseState.LeaseRecord() }
    }
    return start
  }

  /// `pleat.heartbeat`
  func heartbeat(
    _ me: InstanceID, seconds: Int, resources: [String], held: [String], renew: [String], release: [String]
  ) throws(StoreError) -> HeartbeatReply {
    try lock(.instance(me.name))
    guard let known = state.instances[me.name], known.start == me.start else {
      if let known = state.instances[me.name], known.start > me.start { return .superseded }
      return .unknown
    }
    let length = Int64(seconds) * 1_000_000
    let aliveUntil = database.clock + length
    change { $0.instances[me.name]?.until = aliveUntil }
    for resource in resources where state.leases[resource] == nil {
      change { if $0.leases[resource] == nil { $0.leases[resource] = DatabaseState.LeaseRecord() } }
    }
    func isMentioned(_ resource: String) -> Bool {
      held.contains(resource) || renew.contains(resource) || release.contains(resource)
    }
    func isActive(_ backend: Session?) -> Bool {
      guard let backend, !backend.isTerminated else { return false }
      return backend.isAtWork || backend.changedAt > world.scheduler.now - Int64(seconds) * 1_000_000_000
    }
    // In their order, as those of everybody.
    for resource in state.leases.keys(where: { $0.owner == me }) where isMentioned(resource) {
      try lock(.lease(resource))
    }
    let now = database.clock
    let until = now + length
    var rows: [LeaseRow] = []
    for (resource, lease) in state.leases {
      var (owner, ownedUntil) = (lease.owner, lease.until)
      if owner == me, isMentioned(resource) {
        if release.contains(resource) {
          owner = nil
          change { $0.leases[resource] = DatabaseState.LeaseRecord() }
        } else if renew.contains(resource) || held.contains(resource) && isActive(lease.backend) {
          ownedUntil = until
          change { $0.leases[resource]?.until = until }
        }
      }
      rows.append(LeaseRow(resource: resource, owner: ownedUntil > now ? owner : nil))
    }
    for resource in resources where state.leases[resource] == nil {
      rows.append(LeaseRow(resource: resource, owner: nil))
    }
    if rows.count > state.leases.count { rows.sort { $0.resource < $1.resource } }
    var alive = state.instances.keys { $0.until > now }
    if !alive.contains(me.name) { alive = (alive + [me.name]).sorted() }
    return .overview(LeaseOverview(instances: alive, leases: rows))
  }

  /// `pleat.acquire_leases`
  func acquireLeases(_ me: InstanceID, seconds: Int, _ resources: [String]) throws(StoreError) -> [String] {
    guard state.instances[me.name]?.start == me.start else { return [] }
    for resource in resources.sorted() { try lock(.lease(resource)) }
    let now = database.clock
    var got: [String] = []
    for resource in resources {
      let lease = state.leases[resource] ?? DatabaseState.LeaseRecord()
      guard lease.owner == nil || lease.until <= now || lease.owner == me else { continue }
      got.append(resource)
      change {
        $0.leases[resource] = DatabaseState.LeaseRecord(owner: me, until: now + Int64(seconds) * 1_000_000)
      }
    }
    return got
  }

  /// `pleat.leave`
  func leave(_ me: InstanceID) throws(StoreError) {
    try lock(.instance(me.name))
    let now = database.clock
    if state.instances[me.name]?.start == me.start { change { $0.instances[me.name]?.until = now } }
    for resource in state.leases.keys(where: { $0.owner == me }) {
      try lock(.lease(resource))
      guard state.leases[resource]?.owner == me else { continue }
      change { $0.leases[resource] = DatabaseState.LeaseRecord() }
    }
  }

  /// `pleat.claim_lease`
  func claimLease(_ resource: String, _ me: InstanceID) throws(StoreError) {
    try lock(.lease(resource), endsBlockers: true)
    let holds = state.leases[resource].map { $0.owner == me && $0.until > database.clock } ?? false
    if world.holds(.leaseIsChecked) {
      guard holds else { throw .lost("the lease \(resource) is not held by \(me.name)") }
    } else if !holds {
      world.violation("\(me.name) takes \(resource) over without holding its lease")
    }
    change { [self] in $0.leases[resource]?.backend = self }
  }
}
