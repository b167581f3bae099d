import Events
import Glibc

@testable import Engine

/// Topics in memory, delivered in small polls: a source as the engine sees it.
final class FakeSource: Source {
  struct Record {
    var key: String
    var value: String
    /// A transaction's marker: takes an offset and is never delivered.
    var isMarker = false
    var hasTooManyHeaders = false
  }

  var wake: (@Sendable () -> Void)?
  /// Those that several instances read.
  final class Topics { var all: [TopicPartition: (low: Int64, records: [Record])] = [:] }
  private let shared: Topics
  var topics: [TopicPartition: (low: Int64, records: [Record])] {
    get { shared.all }
    set { shared.all = newValue }
  }
  var cluster = "cluster"
  /// Thrown by every call while set.
  var outage: SourceError?
  /// Says once that this partition's offset is not there, and from then on does not answer: a broker that has just begun again.
  var disturbed: TopicPartition?
  /// Says once that the one failed and that the other's offset is not there, delivers what the first holds, and does not answer then.
  var broken: (failed: TopicPartition, outOfRange: TopicPartition)?
  private var reading: [TopicPartition: (handle: Int, offset: Int64, saidEnd: Bool)] = [:]
  private var delivered: [UnsafeMutableRawBufferPointer] = []
  private var turn = 0
  /// Where a partition fails each time it is read up to there.
  var corrupt: [TopicPartition: Int64] = [:]
  private(set) var failures = 0
  /// Said once of everything that is read.
  var gone: String?
  /// Partitions whose broker does not answer.
  var away: Set<TopicPartition> = []
  /// Nothing is handed over of them, and nothing is said.
  enum Stall { case untilAddedAnew, untilRenewed }
  var stalled: [TopicPartition: Stall] = [:]
  private(set) var renewals = 0
  /// So many polls after it was added the first record comes: there is much before it that nobody is to see.
  var slow: [TopicPartition: Int] = [:]
  private var polls: [TopicPartition: Int] = [:]
  /// Where an open transaction begins.
  var open: [TopicPartition: Int64] = [:]
  var erasuresAreAway = false
  var topicsAreAway = false
  /// Nothing is told of them.
  var refused: Set<String> = []
  /// So many records are handed over at once.
  var atOnce = 7
  /// So many questions are answered at once.
  var comesTo = Int.max
  /// Questions about partitions so far.
  private(set) var asked = 0
  private(set) var published: [TopicPartition: Int64] = [:]

  init(_ topics: Topics = Topics()) { shared = topics }

  /// That of another instance.
  func another() -> FakeSource { FakeSource(shared) }

  func append(_ partition: TopicPartition, _ records: [Record]) {
    topics[partition, default: (0, [])].records += records
  }

  private func high(_ partition: TopicPartition) -> Int64 {
    let topic = topics[partition] ?? (0, [])
    return topic.low + Int64(topic.records.count)
  }

  private func check() throws(SourceError) { if let outage { throw outage } }

  func add(_ partition: TopicPartition, from offset: Int64, handle: Int) throws(SourceError) {
    try check()
    if stalled[partition] == .untilAddedAnew { stalled[partition] = nil }
    reading[partition] = (handle, offset, false)
    polls[partition] = 0
  }
  func renew() {
    renewals += 1
    stalled = [:]
  }
  func remove(_ partition: TopicPartition) throws(SourceError) { reading[partition] = nil }

  func poll(limit: Int, bytes: Int, _ body: (SourceEvent) -> Void) throws(SourceError) -> Polled {
    let count = try deliver(limit, bytes, body)
    return Polled(events: count, isDry: count < limit)
  }

  private func deliver(_ limit: Int, _ bytes: Int, _ body: (SourceEvent) -> Void) throws(SourceError) -> Int {
    try check()
    let partitions = reading.keys.filter { !away.contains($0) && stalled[$0] == nil }.sorted()
    guard !partitions.isEmpty else { return 0 }
    if let (failed, lost) = broken, var state = reading[failed], let handle = reading[lost]?.handle {
      broken = nil
      outage = .unavailable("the broker is gone")
      body(.partitionError(handle: state.handle, "no leader"))
      while state.offset < high(failed) {
        deliver(topics[failed]!.records[Int(state.offset)], at: state.offset, handle: state.handle, body)
        state.offset += 1
      }
      giveBack(body)
      reading[failed] = state
      body(.offsetOutOfRange(handle: handle))
      reading[lost] = nil
      return 2
    }
    if let text = gone {
      gone = nil
      let failed = reading.sorted { $0.key < $1.key }
      for (_, state) in failed { body(.partitionError(handle: state.handle, text)) }
      reading = [:]
      return failed.count
    }
    turn += 1
    let partition = partitions[turn % partitions.count]
    polls[partition, default: 0] += 1
    if let wanted = slow[partition], polls[partition]! < wanted { return 0 }
    var state = reading[partition]!
    let topic = topics[partition] ?? (0, [])
    if disturbed == partition {
      disturbed = nil
      outage = .unavailable("the broker is gone")
      body(.offsetOutOfRange(handle: state.handle))
      reading[partition] = nil
      return 1
    }
    if state.offset < topic.low || state.offset > high(partition) {
      body(.offsetOutOfRange(handle: state.handle))
      reading[partition] = nil
      return 1
    }
    var count = 0
    let end = min(high(partition), open[partition] ?? .max)
    var left = bytes
    while count < min(limit, atOnce), left > 0, state.offset < min(end, corrupt[partition] ?? .max) {
      let record = topic.records[Int(state.offset - topic.low)]
      if !record.isMarker {
        left -= record.value.utf8.count
        deliver(record, at: state.offset, handle: state.handle, body)
        count += 1
      }
      state.offset += 1
      state.saidEnd = false
    }
    giveBack(body)
    if corrupt[partition] == state.offset {
      failures += 1
      body(.partitionError(handle: state.handle, "a wrong checksum"))
      reading[partition] = nil
      return count + 1
    }
    if state.offset == end, !state.saidEnd {
      state.saidEnd = true
      body(.endReached(handle: state.handle, offset: state.offset))
      count += 1
    }
    reading[partition] = state
    return count
  }

  /// Its memory is somebody else's after `giveBack`.
  private func deliver(_ record: Record, at offset: Int64, handle: Int, _ body: (SourceEvent) -> Void) {
    func copied(_ text: String) -> UnsafeRawBufferPointer {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
      var text = text
      text.withUTF8 { memory.copyMemory(from: UnsafeRawBufferPointer($0)) }
      delivered.append(memory)
      return UnsafeRawBufferPointer(memory)
    }
    body(
      .record(
        handle: handle,
        SourceRecord(
          content: RecordContent(
            value: copied(record.value), headers: [], offset: offset, hasTooManyHeaders: record.hasTooManyHeaders),
          key: copied(record.key), timestampMilliseconds: offset)))
  }

  private func giveBack(_ body: (SourceEvent) -> Void) {
    body(.released)
    for memory in delivered {
      memset(memory.baseAddress!, 0, memory.count)
      memory.deallocate()
    }
    delivered = []
  }

  func cachedEnd(_ partition: TopicPartition) -> Int64? { high(partition) }
  func close() { reading = [:] }
}

/// The brokers as the probe asks them.
extension FakeSource: Probe {
  func clusterID() throws(SourceError) -> String {
    try check()
    return cluster
  }
  func partitions(of topic: String) throws(SourceError) -> [TopicPartition] {
    try check()
    if topicsAreAway { throw .unavailable("nobody tells of the topics") }
    if refused.contains(topic) { throw .refusedTopic(topic, "not for you") }
    let partitions = topics.keys.filter { $0.topic == topic }.sorted()
    if partitions.isEmpty { throw .unknownTopic(topic) }
    return partitions
  }
  func ask(_ questions: [PartitionQuestion], _ body: (Int, Result<PartitionAnswer, SourceError>) -> Void) {
    for (index, question) in questions.enumerated().prefix(comesTo) {
      asked += 1
      do throws(SourceError) {
        try check()
        if away.contains(question.partition) { throw .unavailable("\(question.partition) is away") }
        body(index, .success(answer(question)))
      } catch {
        body(index, .failure(error))
      }
    }
  }
  private func answer(_ question: PartitionQuestion) -> PartitionAnswer {
    let topic = topics[question.partition] ?? (0, [])
    let there = topic.low..<high(question.partition)
    func fingerprint(_ offset: Int64) -> RecordFingerprint? {
      guard there.contains(offset), !topic.records[Int(offset - topic.low)].isMarker else { return nil }
      let record = topic.records[Int(offset - topic.low)]
      return RecordFingerprint(
        offset: offset,
        digest: recordDigest(
          timestampMilliseconds: offset, key: Array(record.key.utf8), value: Array(record.value.utf8)))
    }
    return PartitionAnswer(
      low: topic.low, high: high(question.partition), records: (question.offsets ?? []).compactMap(fingerprint),
      last: there.reversed().lazy.compactMap(fingerprint).first)
  }
  func erasureRecords() throws(SourceError) -> [ErasureRecord] {
    try check()
    if erasuresAreAway { throw .unavailable("the cursor topic is away") }
    return []
  }
  func publish(offsets: [(TopicPartition, Int64)]) {
    for (partition, offset) in offsets { published[partition] = offset }
  }
  func rest() {}
}
