import Engine
import Events
import Projections

/// What must hold of a world, computed from what the broker has seen and from the journal alone.
final class Checks {
  private let world: World
  private var state: DatabaseState { world.database.state }

  init(_ world: World) { self.world = world }

  // MARK: Liveness

  /// How long after a topic was disturbed at the latest it is noticed: the check of every minute, and a retry.
  private static let noticeNanoseconds: Int64 = 70_000_000_000

  var isCaughtUp: Bool { whatIsBehind.isEmpty }

  var whatIsBehind: String {
    let state = state
    for partition in world.inputs {
      guard let log = world.broker.log(partition) else { return "\(partition) is missing" }
      guard let row = state.partitions[partition] else { return "\(partition) was never read" }
      if row.state != .running { return "\(partition) is \(row.state)" }
      if row.nextOffset != log.high { return "\(partition) stands at \(row.nextOffset) of \(log.high)" }
    }
    for (partition, times) in world.replacedAt {
      if let last = times.last, world.scheduler.now < last + Self.noticeNanoseconds {
        return "\(partition) may not have been checked yet"
      }
    }
    for projection in World.projections {
      guard let place = place(projection) else { return "\(projection) was never folded" }
      if place.position != state.head.position {
        return "\(projection) stands at \(place.position) of \(state.head.position)"
      }
      guard let floor = state.liveFrom else { return "live_from is not settled" }
      let last = state.outbox[projection]?.entries.last { $0.position > floor }
      let relayed = state.relayPlaces[projection] ?? .beginning
      if let last, (relayed.position, relayed.ordinal) != (last.position, last.ordinal) {
        return "\(projection) is relayed to \(relayed.position) of \(last.position)"
      }
    }
    return ""
  }

  private func place(_ projection: String) -> ProjectionPlace? {
    guard let number = state.live[projection] else { return nil }
    return state.generations[DatabaseState.GenerationKey(projection: projection, number: number)]?.place
  }

  // MARK: Safety

  func check(isAtEnd: Bool) {
    checkChain()
    checkJournal()
    for projection in World.projections { checkRows(projection) }
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
      if segment.chain != Segment.chainValue(chain, segment.firstPosition, segment.draft, so, segment.appendedAt) {
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

  /// What ingest did with an offset.
  private enum Fate: Equatable {
    case journaled(String)
    case letter
  }

  private struct Place: Hashable {
    var partition: TopicPartition
    var incarnation: Int32
    var offset: Int64
  }

  /// Every record that was there for readers while the cursor passed it: once in the journal, or in the dead letters, or it is a
  /// duplicate. And nothing else.
  private func checkJournal() {
    var fates: [Place: Fate] = [:]
    for segment in state.journal {
      guard let batch = try? segment.events() else {
        return world.violation("the segment at \(segment.firstPosition) cannot be read")
      }
      for event in batch.events {
        let place = Place(
          partition: segment.draft.partition, incarnation: segment.draft.incarnation, offset: event.offset)
        if fates[place] != nil { return world.violation("journaled twice: \(place)") }
        fates[place] = .journaled(batch.strings.string(event.id))
      }
    }
    for letter in state.letters.values {
      let place = Place(partition: letter.partition, incarnation: letter.incarnation, offset: letter.offset)
      if fates[place] != nil { return world.violation("journaled and refused: \(place)") }
      fates[place] = .letter
    }
    for partition in world.inputs { check(partition, &fates) }
    if let (place, fate) = fates.first { world.violation("from nowhere: \(place) \(fate)") }
  }

  private func check(_ partition: TopicPartition, _ fates: inout [Place: Fate]) {
    guard let row = state.partitions[partition] else { return }
    var from = row.firstOffset
    var incarnation: Int32 = 0
    var since: Int64 = 0
    var journaled: [String: Int64] = [:]
    for skip in state.skips.filter({ $0.partition == partition }) + [
      DatabaseState.Skip(
        partition: partition, from: row.nextOffset, to: 0, fromIncarnation: row.incarnation, incarnation: 0,
        at: world.scheduler.now)
    ] {
      if skip.fromIncarnation != incarnation { return world.violation("\(partition): incarnations do not follow") }
      passed(partition, incarnation, from..<max(from, skip.from), since...skip.at, &journaled, &fates)
      if skip.incarnation != incarnation { journaled = [:] }
      (from, incarnation, since) = (skip.to, skip.incarnation, skip.at)
    }
  }

  /// The cursor went over these offsets between these moments.
  private func passed(
    _ partition: TopicPartition, _ incarnation: Int32, _ offsets: Range<Int64>, _ when: ClosedRange<Int64>,
    _ journaled: inout [String: Int64], _ fates: inout [Place: Fate]
  ) {
    let history = world.broker.history[partition] ?? [:]
    for offset in history.keys.filter({ offsets.contains($0) }).sorted() {
      let all = (history[offset] ?? []).filter { $0.bornAt <= when.upperBound && $0.diedAt >= when.lowerBound }
      guard let first = all.first else { continue }
      let place = Place(partition: partition, incarnation: incarnation, offset: offset)
      let fate = fates.removeValue(forKey: place)
      // Born behind a cursor that did not know yet that the topic is another one.
      let isUncertain = (world.replacedAt[partition] ?? []).contains { when.contains($0) && $0 <= first.bornAt }
      let isReplaced = world.replacedAt[partition] != nil
      if all.count > 1 || first.diedAt <= when.upperBound && isReplaced || isUncertain {
        // The topic was another one meanwhile: any of its records, or none, if it is gone. (What retention took is not passed over:
        // that is a gap, an alarm, and a skip.)
        if case .journaled(let id) = fate {
          if !all.contains(where: { $0.id == id }) { world.violation("\(place) holds \(id), which never stood there") }
          journaled[id] = offset
        }
        continue
      }
      guard let id = first.id else {
        if fate != .letter { world.violation("no dead letter for the bad record at \(place)") }
        continue
      }
      if let before = journaled[id], offset - before <= DuplicateWindow.span {
        if fate != nil { world.violation("the duplicate \(id) at \(place) counts: \(String(describing: fate))") }
      } else if fate != .journaled(id) {
        world.violation("\(id) at \(place) is \(fate.map { "\($0)" } ?? "lost")")
      } else {
        journaled[id] = offset
      }
    }
  }

  /// Rows, memory, versions, turns and outbox are what a plain fold of the journal up to the cursor gives.
  private func checkRows(_ projection: String) {
    guard let number = state.live[projection], let place = place(projection) else { return }
    var fold = PlainFold(projection)
    for segment in state.journal where segment.firstPosition <= place.position {
      guard let batch = try? segment.events() else { return }
      for (index, event) in batch.events.enumerated() where segment.firstPosition + Int64(index) <= place.position {
        fold.fold(event, of: batch, at: segment.firstPosition + Int64(index))
      }
    }
    let tally = state.tables[TableKey(projection: projection, generation: number, table: "tally")] ?? TableRows()
    let seen = state.tables[TableKey(projection: projection, generation: number, table: "seen")] ?? TableRows()
    let name = "\(projection) at \(place.position)"
    if place.greatestTime != fold.greatestTime { world.violation("\(name): greatest time") }
    if place.lastDayTurn != fold.lastDayTurn { world.violation("\(name): last turn of the day") }
    for key in Set(tally.current.keys).union(fold.tally.keys).sorted() {
      let found = tally.current[key].map(Self.tally)
      if found != fold.tally[key] {
        world.violation(
          "\(name): row \(key) is \(String(describing: found)), and should be \(String(describing: fold.tally[key]))")
      }
    }
    for key in Set(seen.current.keys).union(fold.seen.keys).sorted() {
      let found = seen.current[key].map(Self.seen)
      if found != fold.seen[key] {
        world.violation(
          "\(name): seen \(key) is \(String(describing: found)), and should be \(String(describing: fold.seen[key]))")
      }
    }
    let versions = tally.versions.map { PlainFold.Version(key: $0.key, position: $0.position, row: Self.tally($0.row)) }
    let sorted = versions.sorted { ($0.position, $0.key) < ($1.position, $1.key) }
    if sorted != fold.versions {
      world.violation("\(name): \(sorted.count) versions, and should be \(fold.versions.count)")
    }
    let turns = state.turns[DatabaseState.GenerationKey(projection: projection, number: number)] ?? []
    if turns.sorted() != fold.turns { world.violation("\(name): turns \(turns), and should be \(fold.turns)") }
    let outbox = state.outbox[projection]?.entries ?? []
    let same =
      outbox.count == fold.outbox.count
      && zip(outbox, fold.outbox).allSatisfy {
        $0.position == $1.position && $0.id == $1.event.id && $0.json == $1.event.json
      }
    if !same {
      world.violation("\(name): the outbox holds \(outbox.map(\.id)), and should hold \(fold.outbox.map(\.event.id))")
    }
  }

  private static func tally(_ row: [UInt8]) -> PlainFold.Row {
    row.withUnsafeBytes {
      var reader = RowReader($0)
      _ = reader.bigint()
      let row = TallyRow(&reader)
      return PlainFold.Row(
        count: row.count, firsts: row.firsts, sum: row.sum, bonus: row.bonus, announced: row.announced,
        position: row.position)
    }
  }

  private static func seen(_ row: [UInt8]) -> PlainFold.Seen {
    row.withUnsafeBytes {
      var reader = RowReader($0)
      _ = reader.bigint()
      let count = reader.bigint() ?? 0
      return PlainFold.Seen(count: count, position: reader.bigint() ?? 0)
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
        if seen[entry.id] == nil { world.violation("never published: \(entry.id) at \(entry.position)") }
      }
    }
    // Where the database went back, what followed from events that are gone stays out there.
    if world.database.restores == 0 {
      for id in seen.keys.sorted() where !due.contains(id) { world.violation("published and not due: \(id)") }
    }
  }
}
