import Events
package import Projections

/// Rebuilds by itself what was folded by a lower version of this program or with another catalog, one projection after the other,
/// and deletes generations that are over.
package final class RebuildStage: Stage {
  package struct Candidate {
    package var name: String
    package var store: any RebuildStore
    package var foldVersion: Int
    package var catalogVersion: Int
    package var folding: ProjectionSettings
    package var make: () throws(StoreError) -> any Projection
    package init(
      name: String, store: any RebuildStore, foldVersion: Int, catalogVersion: Int, folding: ProjectionSettings,
      make: @escaping () throws(StoreError) -> any Projection
    ) {
      (self.name, self.store, self.foldVersion, self.catalogVersion) = (name, store, foldVersion, catalogVersion)
      (self.folding, self.make) = (folding, make)
    }

    /// Versions only grow: a higher one takes the place of a lower one, and never the other way.
    func takesThePlace(of live: LiveGeneration) -> Bool {
      guard foldVersion >= live.foldVersion, catalogVersion >= live.catalogVersion else { return false }
      return foldVersion > live.foldVersion || catalogVersion > live.catalogVersion || !live.hasCurrentKey
    }
  }

  package let name = "rebuild"
  private let candidates: [Candidate]
  private let leases: Leases
  private let leaseSeconds: Int
  /// False: only what is over is deleted.
  private let rebuilds: Bool
  private let reporter: any Reporter

  private var current: Rebuild?
  private var lookAt: Int64 = 0
  private var outages: [String: Outage] = [:]
  private var retryAt: [String: Int64] = [:]

  private static let lookNanoseconds: Int64 = 2_000_000_000
  /// After a failure the same projection is left alone for so long.
  private static let retryNanoseconds: Int64 = 5_000_000_000

  package init(
    candidates: [Candidate], leases: Leases, leaseSeconds: Int, rebuilds: Bool, reporter: any Reporter
  ) {
    (self.candidates, self.leases, self.leaseSeconds) = (candidates, leases, leaseSeconds)
    (self.rebuilds, self.reporter) = (rebuilds, reporter)
  }

  /// Who rebuilds for an instance: another than the instance, whose own live fold pauses for the switch.
  package static func owner(of instance: InstanceID) -> InstanceID {
    InstanceID(name: instance.name + "/rebuild", start: instance.start)
  }

  package func step(_ now: Instant) -> NextStep {
    guard let instance = leases.instance, !leases.isSuperseded else {
      current?.stop()
      current = nil
      return .at(now.monotonicNanoseconds + Self.lookNanoseconds)
    }
    if let current { return go(on: current, now) }
    guard now.monotonicNanoseconds >= lookAt else { return .at(lookAt) }
    for candidate in candidates where now.monotonicNanoseconds >= retryAt[candidate.name] ?? 0 {
      do throws(StoreError) {
        if try look(at: candidate, instance) { return .immediately }
        end(candidate.name)
      } catch {
        fail(candidate.name, error, now)
        candidate.store.reset()
      }
    }
    lookAt = now.monotonicNanoseconds + Self.lookNanoseconds
    return .at(lookAt)
  }

  /// Whether there was something to do.
  private func look(at candidate: Candidate, _ instance: InstanceID) throws(StoreError) -> Bool {
    guard let live = try candidate.store.liveGeneration() else { return false }
    if live.hasOld, try candidate.store.dropOld() { return true }
    guard rebuilds, candidate.takesThePlace(of: live) else { return false }
    current = Rebuild(
      name: candidate.name, store: candidate.store,
      settings: Rebuild.Settings(owner: Self.owner(of: instance), leaseSeconds: leaseSeconds, acceptLoss: false),
      folding: candidate.folding, reporter: reporter, make: candidate.make)
    return true
  }

  private func go(on rebuild: Rebuild, _ now: Instant) -> NextStep {
    do {
      let next = try rebuild.step(now)
      // From the switch on the generation is this instance's to fold.
      if rebuild.outcome != nil { leases.accept(LeaseResource.projection(rebuild.name)) }
      if rebuild.isDone {
        end(rebuild.name)
        current = nil
      }
      return next
    } catch {
      fail(rebuild.name, error as? StoreError ?? .refused("\(error)"), now)
      current = nil
      lookAt = now.monotonicNanoseconds + Self.lookNanoseconds
      return .at(lookAt)
    }
  }

  private func fail(_ name: String, _ error: StoreError, _ now: Instant) {
    var outage = outages[name] ?? Outage()
    if case .refused = error {
      outage.begin(reporter, "\(name) cannot be rebuilt, which is tried again: \(error.message)", .error)
    } else {
      let what =
        current == nil ? "the generations of \(name) cannot be looked at" : "the rebuild of \(name) waits"
      outage.begin(reporter, "\(what): \(error.message)", .info)
    }
    outages[name] = outage
    retryAt[name] = now.monotonicNanoseconds + Self.retryNanoseconds
  }

  private func end(_ name: String) {
    guard var outage = outages[name] else { return }
    outage.end(reporter, "what kept \(name) from being rebuilt is over")
    outages[name] = nil
  }

  package func stop(_ now: Instant) {
    current?.stop()
    current = nil
  }
}
