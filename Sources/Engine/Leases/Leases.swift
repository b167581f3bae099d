import Synchronization

/// What this instance holds, between the keeper of leases and the stages.
///
/// The keeper enters what the database says; a stage asks before it works, tells of its progress, and lets go when asked to. What
/// stands here saves contention only: whether a write counts is decided by the epoch in the cursor's row.
package final class Leases: Sendable {
  private struct Holding {
    /// Counts up with every acquisition, so that a stage notices a lease that went and came back.
    var term: Int
    var isReleasing = false
    var progressAt: Int64
  }

  private struct State {
    var instance: InstanceID?
    var instances: [String] = []
    var held: [String: Holding] = [:]
    var released: Set<String> = []
    /// What is not to be taken, until when, in monotonic nanoseconds.
    var declined: [String: Int64] = [:]
    var terms = 0
    var isSuperseded = false
    var changes: Int64 = 0
  }

  private let state = Mutex(State())

  package init() {}

  /// nil until registered.
  package var instance: InstanceID? { state.withLock { $0.instance } }
  /// The instances alive at the last heartbeat.
  package var liveInstances: [String] { state.withLock { $0.instances } }
  /// A younger start has the name: nothing here works again.
  package var isSuperseded: Bool { state.withLock { $0.isSuperseded } }

  // MARK: Stages

  /// Counts up whenever something changes that a stage asks for: what is held, what is asked back, and by whom.
  package var changes: Int64 { state.withLock { $0.changes } }

  /// The term under which the resource is held; nil if it is not, or is to be given back.
  package func term(of resource: String) -> Int? {
    state.withLock {
      guard let holding = $0.held[resource], !holding.isReleasing else { return nil }
      return holding.term
    }
  }

  /// Every partition held and not to be given back, with its term.
  package func partitions() -> [(resource: String, term: Int)] {
    state.withLock { state in
      state.held.filter { !$0.value.isReleasing && $0.key.hasPrefix(LeaseResource.partitionPrefix) }
        .map { ($0.key, $0.value.term) }
    }
  }

  /// Every partition held and to be given back.
  package func partitionsAskedBack() -> [String] {
    state.withLock { state in
      state.held.filter { $0.value.isReleasing && $0.key.hasPrefix(LeaseResource.partitionPrefix) }.keys.sorted()
    }
  }

  package func isReleasing(_ resource: String) -> Bool { state.withLock { $0.held[resource]?.isReleasing ?? false } }

  /// The stage has let go: the keeper gives the lease back.
  package func release(_ resource: String) {
    state.withLock {
      $0.changes += 1
      if $0.held.removeValue(forKey: resource) != nil { $0.released.insert(resource) }
    }
  }

  /// The stage has let go, and does not want the lease back before this moment, in monotonic nanoseconds.
  package func decline(_ resource: String, until moment: Int64) {
    state.withLock {
      $0.changes += 1
      if $0.held.removeValue(forKey: resource) != nil { $0.released.insert(resource) }
      $0.declined[resource] = moment
    }
  }

  /// Takes a `decline` back.
  package func accept(_ resource: String) { state.withLock { $0.declined[resource] = nil } }

  /// Lets go of a resource if the keeper asked for it.
  package func releaseIfAsked(_ resource: String) {
    if isReleasing(resource) { release(resource) }
  }

  /// A step that had to do with this resource has returned.
  package func noteProgress(of resource: String, at now: Instant) {
    state.withLock { $0.held[resource]?.progressAt = now.monotonicNanoseconds }
  }

  package func noteProgressOfPartitions(at now: Instant) {
    state.withLock { state in
      for key in state.held.keys where key.hasPrefix(LeaseResource.partitionPrefix) {
        state.held[key]?.progressAt = now.monotonicNanoseconds
      }
    }
  }

  // MARK: The keeper

  func register(_ instance: InstanceID) {
    state.withLock {
      $0.changes += 1
      $0.instance = instance
      $0.held = [:]
      $0.released = []
    }
  }

  func supersede() {
    state.withLock {
      $0.changes += 1
      $0.isSuperseded = true
      $0.held = [:]
    }
  }

  /// Forgets what is held: the database did not renew it in time.
  func dropAll() {
    state.withLock {
      $0.changes += 1
      $0.held = [:]
    }
  }

  /// What is not to be taken now.
  func declined(at now: Instant) -> Set<String> {
    state.withLock { state in
      if state.declined.isEmpty { return [] }
      state.declined = state.declined.filter { $0.value > now.monotonicNanoseconds }
      return Set(state.declined.keys)
    }
  }

  func heldResources() -> [String] { state.withLock { $0.held.keys.sorted() } }

  /// Held, with progress since `deadline`.
  func progressing(since deadline: Int64) -> [String] {
    state.withLock { $0.held.filter { $0.value.progressAt >= deadline }.keys.sorted() }
  }

  /// Let go of, and not yet given back to the database.
  var released: [String] { state.withLock { $0.released.sorted() } }

  /// The database has them back.
  func noteReleased(_ resources: [String]) { state.withLock { $0.released.subtract(resources) } }

  /// What the database says is held by this instance.
  func set(held resources: Set<String>, instances: [String], at now: Instant) {
    state.withLock { state in
      var isChanged = false
      if state.instances != instances { (state.instances, isChanged) = (instances, true) }
      for resource in state.held.keys where !resources.contains(resource) {
        state.held[resource] = nil
        isChanged = true
      }
      for resource in resources where state.held[resource] == nil && !state.released.contains(resource) {
        state.terms += 1
        state.held[resource] = Holding(term: state.terms, progressAt: now.monotonicNanoseconds)
        isChanged = true
      }
      if isChanged { state.changes += 1 }
    }
  }

  func askToRelease(_ resources: [String]) {
    if resources.isEmpty { return }
    state.withLock { state in
      state.changes += 1
      for resource in resources { state.held[resource]?.isReleasing = true }
    }
  }
}

/// The names of what leases are for.
package enum LeaseResource {
  package static let partitionPrefix = "partition/"
  package static let relay = "relay"
  package static func partition(_ partition: TopicPartition) -> String {
    "\(partitionPrefix)\(partition.topic)/\(partition.partition)"
  }
  package static func projection(_ name: String) -> String { "projection/\(name)" }
  package static let rebuildPrefix = "rebuild/"
}
