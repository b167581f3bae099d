/// Who should hold what, decided by every instance for itself from the same overview.
///
/// Partitions are shared evenly: with `p` partitions and `n` instances the first `p mod n` instances by name take one more. What
/// there is only one of (a projection, the relay) is taken by whoever finds it free.
package struct LeasePlan: Equatable, Sendable {
  package var acquire: [String]
  package var release: [String]

  package init(_ overview: LeaseOverview, for name: String) {
    acquire = []
    release = []
    let partitions = overview.leases.filter { $0.resource.hasPrefix(LeaseResource.partitionPrefix) }
    let instances = overview.instances.contains(name) ? overview.instances : (overview.instances + [name]).sorted()
    let rank = instances.firstIndex(of: name) ?? 0
    let quota = partitions.count / instances.count + (rank < partitions.count % instances.count ? 1 : 0)
    let mine = partitions.filter { $0.owner?.name == name }.map(\.resource).sorted()
    let free = partitions.filter { $0.owner == nil }.map(\.resource).sorted()
    if mine.count > quota {
      release = Array(mine.suffix(mine.count - quota))
    } else {
      acquire = Array(free.prefix(quota - mine.count))
    }
    for lease in overview.leases
    where lease.owner == nil && !lease.resource.hasPrefix(LeaseResource.partitionPrefix) {
      acquire.append(lease.resource)
    }
  }
}
