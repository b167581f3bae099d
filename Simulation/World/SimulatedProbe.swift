import Engine
import Events

/// An instance's questions to the simulated brokers.
final class SimulatedProbe: Probe {
  /// How long a read waits for an open transaction to end.
  private static let patienceNanoseconds: Int64 = 8_000_000_000
  /// After so long, where nothing goes wrong, who asked has heard, and read on or stopped.
  private static let hearingNanoseconds: Int64 = 1_000_000_000

  private let world: World
  private let process: Process
  private let source: SimulatedSource

  private struct Shown {
    /// Another topic than the one that was read: nothing more may be read of it.
    var isAnother: Bool
    /// Under which it was read when it was asked about; nil where it was not.
    var handle: Int?
  }

  /// The last answers.
  private var shown = FewMap<TopicPartition, Shown>()

  init(_ world: World, _ process: Process, _ source: SimulatedSource) {
    (self.world, self.process, self.source) = (world, process, source)
    source.onAdd = { [unowned self] partition in
      if shown[partition]?.isAnother == true { isReadOn(partition) }
    }
  }

  private func isReadOn(_ partition: TopicPartition) {
    world.violation("\(process.name) was shown that \(partition) is another one, and reads on")
  }

  private func wait(_ partition: TopicPartition? = nil) throws(SourceError) {
    if process.isDead || world.scheduler.isEnding { throw .unavailable("the instance is dead") }
    if let delay = world.latency() { world.scheduler.sleep(delay) }
    if process.isDead || world.scheduler.isEnding { throw .unavailable("the instance is dead") }
    if !process.reaches(partition, in: world) || world.fate(.broker) != .answered {
      // A connection that is refused, or a question that nobody answers.
      let patience = world.scheduler.random.chance(0.5) ? 0.01...0.5 : 2...5
      world.scheduler.sleep(world.scheduler.random.nanoseconds(patience))
      throw .unavailable("the broker is away")
    }
  }

  func clusterID() throws(SourceError) -> String {
    try wait()
    return world.broker.clusterID
  }

  func partitions(of topic: String) throws(SourceError) -> [TopicPartition] {
    try wait()
    return world.inputs.filter { $0.topic == topic }
  }

  func ask(_ questions: [PartitionQuestion], _ body: (Int, Result<PartitionAnswer, SourceError>) -> Void) {
    for (index, question) in questions.enumerated() {
      // Others took their time.
      if index > 0, world.scheduler.random.chance(0.1) { return }
      do throws(SourceError) { body(index, .success(try answer(question))) } catch { body(index, .failure(error)) }
    }
  }

  private func answer(_ question: PartitionQuestion) throws(SourceError) -> PartitionAnswer {
    let partition = question.partition
    func found() throws(SourceError) -> PartitionLog {
      try wait(partition)
      guard let log = world.broker.log(partition) else { throw .unknownTopic(partition.topic) }
      return log
    }
    // Who asks again has heard the answer before.
    if let last = shown[partition], last.isAnother, let handle = last.handle, handle == source.handle(of: partition) {
      isReadOn(partition)
    }
    let began = world.scheduler.now
    let log = try found()
    var answer = PartitionAnswer(low: log.low, high: log.high)
    for offset in question.offsets ?? [] {
      let log = try found()
      if let record = record(log, offset..<offset + 1) { answer.records.append(record) }
    }
    answer.last = record(try found(), answer.high - 16..<answer.high)
    let handle = source.handle(of: partition)
    shown[partition] = Shown(
      isAnother: world.isAnother(partition, at: began, journaled: handle == nil ? nil : question.offsets),
      handle: handle)
    world.scheduler.spawn("check of \(partition)", after: Self.hearingNanoseconds) { [self] in
      if !process.isDead, source.handle(of: partition) != nil { world.noteCheck(partition, begunAt: began) }
    }
    return answer
  }

  private func record(_ log: PartitionLog, _ offsets: Range<Int64>) -> RecordFingerprint? {
    guard let last = log.entries[..<log.index(from: offsets.upperBound)].last(where: { !$0.isMarker }) else {
      return nil
    }
    return last.offset >= offsets.lowerBound ? last.fingerprint : nil
  }

  /// Everything that is committed, to the end as it is now; nothing where there is no such topic.
  func erasureRecords() throws(SourceError) -> [ErasureRecord] {
    let topic = SimulatedOutputLog.cursorTopic
    try wait()
    guard let end = world.broker.log(topic)?.high else { return [] }
    let deadline = world.scheduler.now + Self.patienceNanoseconds
    while let log = world.broker.log(topic), log.lastStable < end {
      guard world.scheduler.now < deadline else { throw .unavailable("a transaction may be open") }
      world.scheduler.sleep(200_000_000)
      try wait()
    }
    var records: [UInt64: ErasureRecord] = [:]
    for entry in world.broker.committed(topic) {
      let record = entry.key.withUnsafeBytes { key in
        entry.value.withUnsafeBytes { ErasureRecordForm.read(key: key, value: $0) }
      }
      if let record { records[record.hash] = record }
    }
    return records.values.sorted { ($0.requestedAt, $0.hash) < ($1.requestedAt, $1.hash) }
  }

  func publish(offsets: [(TopicPartition, Int64)]) {}
  func rest() {}
  func close() {}
}
