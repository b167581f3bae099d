package struct LeaseRow: Sendable {
  package var resource: String
  /// nil if nobody holds it now, by the database's clock.
  package var owner: InstanceID?
  package init(resource: String, owner: InstanceID?) { (self.resource, self.owner) = (resource, owner) }
}

/// Who lives and who holds what, as a heartbeat leaves it: every resource once.
package struct LeaseOverview: Sendable {
  /// Instances alive by the database's clock, this one included, sorted by name.
  package var instances: [String]
  package var leases: [LeaseRow]
  package init(instances: [String], leases: [LeaseRow]) { (self.instances, self.leases) = (instances, leases) }
}

/// What a heartbeat is answered; nothing was renewed but for `overview`.
package enum HeartbeatReply: Sendable {
  case overview(LeaseOverview)
  /// A younger start has this instance's name.
  case superseded
  /// The database does not know this start (it went back): register again.
  case unknown
}

/// Leases, on a connection of their own. Resources are `partition/TOPIC/N`, `projection/NAME`,
/// `rebuild/NAME` and `relay`.
package protocol LeaseStore: AnyObject {
  /// Enters the instance under its name, with a start counter above every earlier one; frees the leases of its predecessor.
  func register(name: String) throws(StoreError) -> InstanceID
  /// Says that the instance lives, makes sure `resources` exist, renews `renew` for `seconds` (those with progress: the caller
  /// decides, but the store also renews a lease of `held` whose recorded backend is active and not waiting for its client),
  /// gives back `release`.
  func heartbeat(
    _ instance: InstanceID, seconds: Int, resources: [String], held: [String], renew: [String], release: [String]
  ) throws(StoreError) -> HeartbeatReply
  /// Takes what is free of `resources`; returns what it got.
  func acquire(_ instance: InstanceID, seconds: Int, resources: [String]) throws(StoreError) -> [String]
  /// Ends this instance's registration and frees all it holds.
  func leave(_ instance: InstanceID) throws(StoreError)
}
