import Engine
import Events

/// Ingest's side of the simulated database.
final class SimulatedJournalStore: JournalStore {
  private let world: World
  private let process: Process
  private let connection: Connection
  private var append: Job<[AppendedSegment]>?
  /// Tells the stage that an append is over.
  var onDone: (() -> Void)?

  init(_ world: World, _ process: Process) {
    (self.world, self.process) = (world, process)
    connection = Connection(world, process, "ingest")
  }

  func hashKey() throws(StoreError) -> HashKey {
    try connection.call("hash_key") { _ throws(StoreError) in World.hashKey }
  }
  func isInitialized() throws(StoreError) -> Bool {
    try connection.call("initialized") { session throws(StoreError) in session.state.isPublishing != nil }
  }
  func initialize(publishAll: Bool, ends: [(TopicPartition, Int64)]) throws(StoreError) {
    try connection.call("initialize") { session throws(StoreError) in
      try session.initialize(publishAll: publishAll, ends: ends)
    }
  }
  func cursor(_ partition: TopicPartition) throws(StoreError) -> PartitionCursor? {
    try connection.call("cursor") { session throws(StoreError) in session.cursor(partition) }
  }
  func takeOver(_ partition: TopicPartition, instance: InstanceID, firstOffset: Int64, clusterID: String)
    throws(StoreError) -> PartitionCursor
  {
    try connection.call("takeover of \(partition)") { session throws(StoreError) in
      try session.takeOverPartition(partition, instance, firstOffset: firstOffset, clusterID: clusterID)
    }
  }
  func identities(_ partition: TopicPartition, incarnation: Int32, from offset: Int64) throws(StoreError) -> [[UInt8]] {
    try connection.call("identities") { session throws(StoreError) in
      session.state.journal.map(\.draft).filter {
        $0.partition == partition && $0.incarnation == incarnation && $0.nextOffset > offset
      }.map(\.identities)
    }
  }
  func startAppend(_ make: @escaping () -> JournalFlush) throws(StoreError) {
    try connection.requireProcess()
    let flush = make()
    let job = Job(world, "\(process.name)/append", nil) { [connection] () throws(StoreError) in
      try connection.call("append") { session throws(StoreError) in try session.append(flush) }
    }
    job.onDone = onDone
    append = job
  }
  func appendIsDone() -> Bool { append?.isDone ?? true }
  func finishAppend() throws(StoreError) -> [AppendedSegment] {
    guard let job = append else { throw .refused("no append is under way") }
    append = nil
    return try job.wait(process)
  }
  func note(
    _ partition: TopicPartition, epoch: Int64, state: PartitionState, reason: String?, clusterID: String?,
    checked: RecordFingerprint?
  ) throws(StoreError) {
    try connection.call("note of \(partition)") { session throws(StoreError) in
      try session.notePartition(
        partition, epoch: epoch, state: state, reason: reason, clusterID: clusterID, checked: checked)
    }
  }
  /// The model has no ends: nothing but what people see depends on them.
  func note(end: Int64, of partition: TopicPartition, epoch: Int64) throws(StoreError) {}
  func reset() {
    append = nil
    connection.reset()
  }
}
