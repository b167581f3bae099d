import Engine
import Events
import Projections

/// What must hold of a world, computed from what the broker has seen and from the journal alone.
final class Checks {
  let world: World
  /// What a snapshot shows; nil: the newest.
  private let snapshot: DatabaseState?
  var state: DatabaseState {
    _read {
      if let snapshot { yield snapshot } else { yield world.database.state }
    }
  }

  init(_ world: World, of snapshot: DatabaseState? = nil) { (self.world, self.snapshot) = (world, snapshot) }

  // MARK: Liveness

  /// How long after a topic was disturbed at the latest it is noticed: the check of every minute, and a retry.
  private static let noticeNanoseconds: Int64 = 70_000_000_000

  var isCaughtUp: Bool { behind == nil }

  var whatIsBehind: String { behind?() ?? "" }

  /// What it is, in words; nil where nothing is.
  private var behind: (() -> String)? {
    for partition in world.inputs {
      guard let log = world.broker.log(partition) else { return { "\(partition) is missing" } }
      guard let row = state.partitions[partition] else { return { "\(partition) was never read" } }
      if row.state != .running { return { "\(partition) is \(row.state)" } }
      if row.nextOffset != log.high { return { "\(partition) stands at \(row.nextOffset) of \(log.high)" } }
    }
    for (partition, times) in world.replacedAt {
      guard let last = times.last else { continue }
      let isChecked = world.checkedAt[partition] ?? 0 > max(last, world.database.restoredAt)
      if !isChecked, world.scheduler.now < last + Self.noticeNanoseconds {
        return { "\(partition) may not have been checked yet" }
      }
    }
    for projection in World.projections {
      guard let live = live(projection) else { return { "\(projection) was never folded" } }
      if live.version != world.version { return { "\(projection) is of version \(live.version)" } }
      let place = live.place
      if place.position != state.head.position {
        return { "\(projection) stands at \(place.position) of \(self.state.head.position)" }
      }
      // In a database that went back to before its first start, that is stored again with the first append.
      if state.isPublishing == nil, state.head.position == 0 { continue }
      guard let floor = state.liveFrom else { return { "live_from is not settled" } }
      let last = state.outbox[projection]?.entries.last { $0.position > floor }
      let relayed = state.relayPlaces[projection] ?? .beginning
      if let last, (relayed.position, relayed.ordinal) != (last.position, last.ordinal) {
        return { "\(projection) is relayed to \(relayed.position) of \(last.position)" }
      }
    }
    for erasure in state.erasures.values where erasure.position == nil && isReachable(erasure) {
      return { "\(erasure.record.id) is open" }
    }
    for erasure in world.newestErasures
    where erasure.at < world.database.restoredAt && state.erasure(knownAs: erasure.record.id) == nil {
      return { "\(erasure.record.id) is forgotten" }
    }
    return nil
  }

  /// Whether the input still goes as far as the erasure's ends: what a topic has lost comes again when producers write more.
  private func isReachable(_ erasure: DatabaseState.Erasure) -> Bool {
    erasure.record.ends.allSatisfy { end in
      guard let log = world.broker.log(end.partition), let row = state.partitions[end.partition] else { return false }
      return row.incarnation > end.incarnation || row.incarnation == end.incarnation && log.high >= end.offset
    }
  }

  func live(_ projection: String) -> DatabaseState.Generation? {
    guard let number = state.live[projection] else { return nil }
    return state.generations[DatabaseState.GenerationKey(projection: projection, number: number)]
  }

  // MARK: Safety

  func check(isAtEnd: Bool) {
    checkChain()
    checkJournal()
    checkErasures()
    for key in state.generations.keys { checkGeneration(key) }
    for projection in World.projections { checkOutbox(projection) }
    checkOutput(isAtEnd: isAtEnd)
  }

  /// Positions without a gap, times that only grow, and a chain over all of it.
  private func checkChain() {
    var chain = SHA256.digest(of: withUnsafeBytes(of: world.seed) { Array($0) })
    var position: Int64 = 0
    var appendedAt: Int64 = 0
    var greatest: Timestamp?
    for segment in state.journal {
      if segment.firstPosition != position + 1 {
        return world.violation("position \(segment.firstPosition) follows on \(position)")
      }
      let so = max(greatest ?? segment.draft.greatestTime, segment.draft.greatestTime)
      if segment.greatestSoFar != so { return world.violation("greatest_so_far at \(segment.firstPosition)") }
      if segment.appendedAt < appendedAt { return world.violation("appended_at goes back at \(segment.firstPosition)") }
      var chained = segment.draft
      (chained.payloadDigest, chained.identitiesDigest) = segment.chainedDigests
      if segment.chain != Segment.chainValue(chain, segment.firstPosition, chained, so, segment.appendedAt) {
        return world.violation("the chain breaks at \(segment.firstPosition)")
      }
      if SHA256.digest(of: segment.draft.payload) != segment.draft.payloadDigest {
        return world.violation("the payload at \(segment.firstPosition) is another")
      }
      (chain, position, appendedAt, greatest) = (segment.chain, segment.lastPosition, segment.appendedAt, so)
    }
    if state.head.position != position || state.head.chain != chain {
      world.violation("the head is not the journal's end")
    }
  }

  /// A `read_committed` reader of the output topics sees every derived event once, in its projection's order where nothing went
  /// back.
  private func checkOutput(isAtEnd: Bool) {
    var seen: [String: Int] = [:]
    let topics =
      (0..<SimulatedOutputLog.outputPartitions).map { TopicPartition(SimulatedOutputLog.eventsTopic, $0) }
      + [TopicPartition(SimulatedOutputLog.teamsTopic, 0)]
    for topic in topics {
      for entry in world.broker.committed(topic, inTheEnd: true) {
        guard let id = entry.id else { continue }
        seen[id, default: 0] += 1
        if seen[id] == 2 { world.violation("published twice: \(id)") }
      }
    }
    guard isAtEnd, world.violations.isEmpty else { return }
    let floor = state.liveFrom ?? .max
    var due: Set<String> = []
    for projection in World.projections {
      for entry in state.outbox[projection]?.entries ?? [] where entry.position > floor {
        due.insert(entry.id)
        if seen[entry.id] == nil {
          world.violation("never published: \(entry.id) at \(entry.position)")
        }
      }
    }
    // Where the database went back, what followed from events that are gone stays out there.
    if world.database.restores == 0 {
      for id in seen.keys.sorted() where !due.contains(id) { world.violation("published and not due: \(id)") }
    }
  }
}
