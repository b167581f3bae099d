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
    var hasFailed = false
  }

  private let world: World
  private let process: Process
  private var reading = FewMap<TopicPartition, Reading>()
  var wake: (@Sendable () -> Void)?
  var onAdd: ((TopicPartition) -> Void)?

  init(_ world: World, _ process: Process) { (self.world, self.process) = (world, process) }

  func add(_ partition: TopicPartition, from offset: Int64, handle: Int) throws(SourceError) {
    onAdd?(partition)
    reading[partition] = Reading(handle: handle, offset: offset)
  }
  func remove(_ partition: TopicPartition) throws(SourceError) { reading[partition] = nil }
  func renew() {}
  func reads(_ partition: TopicPartition) -> Bool { reading[partition] != nil }
  func handle(of partition: TopicPartition) -> Int? { reading[partition]?.handle }

  /// What the client fetches by itself.
  private func fetch(_ partition: TopicPartition, _ state: inout Reading) -> SourceEvent? {
    guard process.reaches(partition, in: world) else { return nil }
    if state.hasFailed { return nil }
    if world.isTroubled, world.profile.brokerDoubt > 0, world.scheduler.random.chance(world.profile.brokerDoubt) {
      world.count(.partitionFails)
      state.hasFailed = true
      return .partitionError(handle: state.handle, "a fetch fails")
    }
    guard let log = world.broker.log(partition) else {
      state.hasFailed = true
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

  /// Its records are few and small, whatever `bytes` says.
  func poll(limit: Int, bytes: Int, _ body: (SourceEvent) -> Void) throws(SourceError) -> Polled {
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
    return Polled(events: count, isDry: count < limit)
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

  func cachedEnd(_ partition: TopicPartition) -> Int64? { world.broker.log(partition)?.high }

  func close() { reading = FewMap() }
}
