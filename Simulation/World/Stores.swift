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

final class SimulatedLeaseStore: LeaseStore {
  private let world: World
  private let process: Process
  private let connection: Connection

  init(_ world: World, _ process: Process) {
    (self.world, self.process) = (world, process)
    connection = Connection(world, process, "leases")
  }

  func register(name: String) throws(StoreError) -> InstanceID {
    let last = try connection.call("last start") { session throws(StoreError) in session.state.instances[name]?.start }
    let start = try connection.call("register") { session throws(StoreError) in
      try session.registerInstance(name, after: last)
    }
    let id = InstanceID(name: name, start: start)
    if world.instances.contains(where: { $0.isRunning && $0.process !== process && $0.leases.instance == id }) {
      world.violation("two run as \(name), start \(start)")
    }
    return id
  }
  func heartbeat(
    _ instance: InstanceID, seconds: Int, resources: [String], held: [String], renew: [String], release: [String]
  ) throws(StoreError) -> HeartbeatReply {
    try connection.call("heartbeat") { session throws(StoreError) in
      try session.heartbeat(
        instance, seconds: seconds, resources: resources, held: held, renew: renew, release: release)
    }
  }
  func acquire(_ instance: InstanceID, seconds: Int, resources: [String]) throws(StoreError) -> [String] {
    try connection.call("acquire") { session throws(StoreError) in
      try session.acquireLeases(instance, seconds: seconds, resources)
    }
  }
  func leave(_ instance: InstanceID) throws(StoreError) {
    try connection.call("leave") { session throws(StoreError) in try session.leave(instance) }
  }
}

final class SimulatedOutboxStore: OutboxStore {
  private let connection: Connection

  init(_ world: World, _ process: Process) { connection = Connection(world, process, "relay") }

  func takeOver(instance: InstanceID) throws(StoreError) -> RelayCursor {
    try connection.call("takeover of the relay") { session throws(StoreError) in try session.takeOverRelay(instance) }
  }
  func publishAfter() throws(StoreError) -> Int64? {
    try connection.call("publish after") { session throws(StoreError) in session.state.liveFrom }
  }
  func entries(_ projection: String, after place: RelayPlace, limit: Int) throws(StoreError) -> [OutboxEntry] {
    try connection.call("entries") { session throws(StoreError) in
      session.state.outbox[projection]?.entries(after: place, limit: limit) ?? []
    }
  }
  func journalHas(chain: [UInt8], at position: Int64) throws(StoreError) -> Bool {
    try connection.call("journal has") { session throws(StoreError) in session.state.journal.has(position, chain) }
  }
  func foldedPlaces() throws(StoreError) -> [String: ProjectionPlace] {
    try connection.call("folded places") { session throws(StoreError) in
      var places: [String: ProjectionPlace] = [:]
      for (projection, number) in session.state.live {
        places[projection] =
          session.state.generations[DatabaseState.GenerationKey(projection: projection, number: number)]?.place
      }
      return places
    }
  }
  func move(epoch: Int64, places: [String: RelayPlace], state: String, delivery: String) throws(StoreError) {
    try connection.call("move of the relay") { session throws(StoreError) in
      try session.moveRelay(epoch: epoch, places: places)
    }
  }
  func fail(epoch: Int64, delivery: String, reason: String) throws(StoreError) {
    try move(epoch: epoch, places: [:], state: "failed", delivery: delivery)
  }
  func reset() { connection.reset() }
}
