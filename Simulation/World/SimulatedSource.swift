import Engine
import Events

/// An instance's consumer of the simulated topics, `read_committed`; what it has fetched may be older than what the topic is now.
final class SimulatedSource: Source {
  private struct Reading {
    var handle: Int
    var offset: Int64
    var fetched: [PartitionLog.Entry] = []
    var end: Int64?
    var isOutOfRange = false
    var saidMissing = false
  }

  /// How long a read waits for an open transaction to end.
  private static let patienceNanoseconds: Int64 = 8_000_000_000

  private let world: World
  private let process: Process
  private var reading = FewMap<TopicPartition, Reading>()
  private var checks = FewMap<TopicPartition, Int64>()
  var wake: (@Sendable () -> Void)?

  init(_ world: World, _ process: Process) { (self.world, self.process) = (world, process) }

  private func check() throws(SourceError) {
    if process.isDead || world.scheduler.isEnding { throw .unavailable("the instance is dead") }
    if let delay = world.latency() { world.scheduler.sleep(delay) }
    if process.isDead || world.scheduler.isEnding { throw .unavailable("the instance is dead") }
    let now = world.scheduler.now
    if max(world.broker.awayUntil, process.brokerAwayUntil) > now || world.fate(.broker) != .answered {
      world.scheduler.sleep(world.scheduler.random.nanoseconds(0.01...0.5))
      throw .unavailable("the broker is away")
    }
  }

  private func log(_ partition: TopicPartition) throws(SourceError) -> PartitionLog {
    try check()
    guard let log = world.broker.log(partition) else { throw .unknownTopic(partition.topic) }
    return log
  }

  func clusterID() throws(SourceError) -> String {
    try check()
    return world.broker.clusterID
  }

  func partitions(of topics: [String]) throws(SourceError) -> [TopicPartition] {
    try check()
    return world.inputs
  }

  func add(_ partition: TopicPartition, from offset: Int64, handle: Int) throws(SourceError) {
    reading[partition] = Reading(handle: handle, offset: offset)
  }
  func remove(_ partition: TopicPartition) throws(SourceError) { reading[partition] = nil }
  func setPaused(_ paused: Bool) {}
  func reads(_ partition: TopicPartition) -> Bool { reading[partition] != nil }

  /// What the client fetches by itself.
  private func fetch(_ partition: TopicPartition, _ state: inout Reading) -> SourceEvent? {
    guard max(world.broker.awayUntil, process.brokerAwayUntil) <= world.scheduler.now else { return nil }
    guard let log = world.broker.log(partition) else {
      if state.saidMissing { return nil }
      state.saidMissing = true
      return .partitionError(handle: state.handle, "unknown topic or partition")
    }
    guard state.offset >= log.low, state.offset <= log.high else {
      if !world.holds(.gapIsError) {
        state.offset = log.low
        return nil
      }
      state.isOutOfRange = true
      return .offsetOutOfRange(handle: state.handle)
    }
    let end = log.lastStable
    let from = log.index(from: state.offset)
    var index = from
    /// Records of one fetch.
    let limit = world.fetchRecords ?? world.profile.fetchRecords ?? world.scheduler.random.int(1...12)
    while index < log.entries.count, log.entries[index].offset < end, index - from < limit {
      let entry = log.entries[index]
      if !entry.isMarker, world.broker.ending(of: entry.transaction) == .committed { state.fetched.append(entry) }
      index += 1
    }
    let reached = index < log.entries.count && log.entries[index].offset < end
    if reached {
      state.offset = log.entries[index].offset
    } else {
      if end > state.offset { state.end = end }
      state.offset = max(state.offset, end)
    }
    return nil
  }

  func poll(limit: Int, _ body: (SourceEvent) -> Void) throws(SourceError) -> Int {
    if process.isDead { throw .unavailable("the instance is dead") }
    var count = 0
    for partition in reading.keys {
      guard var state = reading[partition], !state.isOutOfRange, count < limit else { continue }
      // Either what was fetched earlier is handed over, or something is fetched.
      if state.fetched.isEmpty, state.end == nil {
        if let event = fetch(partition, &state) {
          body(event)
          count += 1
        }
        if world.scheduler.random.chance(0.3) {
          reading[partition] = state
          continue
        }
      }
      for entry in state.fetched {
        deliver(entry, state.handle, body)
        count += 1
      }
      state.fetched = []
      if let end = state.end {
        body(.endReached(handle: state.handle, offset: end))
        count += 1
        state.end = nil
      }
      reading[partition] = state
    }
    return count
  }

  private func deliver(_ entry: PartitionLog.Entry, _ handle: Int, _ body: (SourceEvent) -> Void) {
    entry.key.withUnsafeBytes { key in
      entry.value.withUnsafeBytes { value in
        body(
          .record(
            handle: handle,
            SourceRecord(
              content: .init(value: value, headers: [], offset: entry.offset), key: key,
              timestampMilliseconds: entry.timestamp)))
        body(.released)
      }
    }
  }

  func watermarks(_ partition: TopicPartition) throws(SourceError) -> (low: Int64, high: Int64) {
    let log = try log(partition)
    // A check begins with these, and ends with the last record.
    checks[partition] = world.scheduler.now
    return (log.low, log.high)
  }
  func cachedEnd(_ partition: TopicPartition) -> Int64? { world.broker.log(partition)?.high }

  func lastRecords(of stretches: [LogStretch]) throws(SourceError) -> [RecordFingerprint?] {
    var found: [RecordFingerprint?] = []
    for stretch in stretches {
      let log = try log(stretch.partition)
      if stretch.offsets.count > 1, let began = checks[stretch.partition] {
        world.noteCheck(stretch.partition, begunAt: began)
      }
      let last = log.entries[..<log.index(from: stretch.offsets.upperBound)].last { !$0.isMarker }
      found.append(last.flatMap { $0.offset >= stretch.offsets.lowerBound ? $0.fingerprint : nil })
    }
    return found
  }

  /// Everything that is committed, to the end as it is now; nothing where there is no such topic.
  func readAll(_ partition: TopicPartition) throws(SourceError) -> [PartitionLog.Entry] {
    try check()
    guard let end = world.broker.log(partition)?.high else { return [] }
    let deadline = world.scheduler.now + Self.patienceNanoseconds
    while let log = world.broker.log(partition), log.lastStable < end {
      guard world.scheduler.now < deadline else { throw .unavailable("a transaction may be open") }
      world.scheduler.sleep(200_000_000)
      try check()
    }
    return world.broker.committed(partition)
  }

  func publish(offsets: [(TopicPartition, Int64)]) {}
  func close() { reading = FewMap() }
}
