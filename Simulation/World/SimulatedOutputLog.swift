import Engine
import Projections

/// An instance's transactional producer on the simulated broker.
final class SimulatedOutputLog: OutputLog {
  static let transactionalID = "pleat-relay"
  static let cursorTopic = TopicPartition("pleat.cursors", 0)
  static let outputPartitions: Int32 = 2
  static let eventsTopic = "analytics.events"
  static let teamsTopic = "analytics.teams"

  private let world: World
  private let process: Process
  private var epoch: Int?
  /// Sent, and not with the broker yet: a commit sends them first.
  private var queued: [(partition: TopicPartition, key: [UInt8], value: [UInt8], id: String?)] = []

  /// How long a read waits for an open transaction to end.
  private static let patienceNanoseconds: Int64 = 8_000_000_000

  init(_ world: World, _ process: Process) { (self.world, self.process) = (world, process) }

  /// The request's way to the broker.
  private func request() throws(PublishError) -> Connection.Fate {
    if let delay = world.latency() { world.scheduler.sleep(delay) }
    try requireProcess()
    guard process.reaches(in: world) else {
      world.scheduler.sleep(world.scheduler.random.nanoseconds(0.01...0.5))
      throw .inDoubt("the broker is away")
    }
    let fate = world.fate(.broker)
    if fate == .requestLost {
      world.count(.brokerLost)
      world.scheduler.sleep(world.scheduler.random.nanoseconds(0.01...2))
      throw .inDoubt("timed out")
    }
    return fate
  }

  private func reply(_ fate: Connection.Fate) throws(PublishError) {
    if fate != .answered {
      world.count(.brokerReplyLost)
      world.scheduler.sleep(world.scheduler.random.nanoseconds(0.01...2))
      throw .inDoubt("timed out")
    }
    if let delay = world.latency() { world.scheduler.sleep(delay) }
    try requireProcess()
  }

  private func requireProcess() throws(PublishError) {
    if process.isDead || world.scheduler.isEnding { throw .inDoubt("the instance is dead") }
  }

  // MARK: Producing

  func connect() throws(PublishError) -> Bool {
    close()
    try reply(request())
    return true
  }

  func initializeTransactions() throws(PublishError) {
    let fate = try request()
    let given = world.broker.initializeProducer(Self.transactionalID)
    try reply(fate)
    epoch = given
  }

  func beginTransaction() throws(PublishError) {
    guard epoch != nil else { throw .inDoubt("the producer is closed") }
    queued = []
  }

  func send(to topic: RelayTopic, key: String, value: String) throws(PublishError) {
    guard epoch != nil else { throw .inDoubt("the producer is closed") }
    let id = World.id(in: value)
    queued.append((Self.partition(topic, key), Array(key.utf8), Array(value.utf8), id))
    if topic == .cursor, !world.holds(.cursorInTransaction) {
      // The events first, in a transaction of their own.
      let cursor = queued.removeLast()
      try commitTransaction()
      queued = [cursor]
    }
    // Part of it may be with the broker when the instance ends.
    if world.scheduler.random.chance(0.1) { try produce(request()) }
  }

  private static func partition(_ topic: RelayTopic, _ key: String) -> TopicPartition {
    switch topic {
    case .cursor: return cursorTopic
    case .output(.teams): return TopicPartition(teamsTopic, 0)
    case .output(.events):
      let hash = key.utf8.reduce(UInt32(17)) { $0 &* 31 &+ UInt32($1) }
      return TopicPartition(eventsTopic, Int32(hash % UInt32(outputPartitions)))
    }
  }

  private func produce(_ fate: Connection.Fate) throws(PublishError) {
    guard let epoch else { throw .inDoubt("the producer is closed") }
    let records = queued
    queued = []
    func arrive() -> Bool {
      records.allSatisfy {
        world.broker.produce(
          Self.transactionalID, epoch: epoch, $0.partition, key: $0.key, value: $0.value, event: $0.id)
      }
    }
    if fate == .late {
      world.scheduler.spawn("late records", after: world.scheduler.random.nanoseconds(0...3)) { _ = arrive() }
    } else {
      guard arrive() else { throw fenced() }
    }
    try reply(fate)
  }

  func commitTransaction() throws(PublishError) {
    guard let epoch else { throw .inDoubt("the producer is closed") }
    if !queued.isEmpty { try produce(request()) }
    world.reach(process, "relay commit")
    let fate = try request()
    let id = Self.transactionalID
    if fate == .replyLost { world.count(.relayCommitLost) }
    if fate == .late {
      world.count(.relayCommitLate)
      world.scheduler.spawn("late commit", after: world.scheduler.random.nanoseconds(0...3)) { [world] in
        let happened = world.broker.endTransaction(id, epoch: epoch, .committed)
        world.trace("a late commit of the relay \(happened ? "has happened" : "was fenced")")
      }
    } else {
      guard world.broker.endTransaction(id, epoch: epoch, .committed) else { throw fenced() }
    }
    try reply(fate)
  }

  private func fenced() -> PublishError {
    world.count(.fenced)
    return .inDoubt("fenced")
  }

  func flush() throws(PublishError) {}

  func close() {
    epoch = nil
    queued = []
  }

  // MARK: Reading

  func hasCursorTopic() throws(PublishError) -> Bool {
    try reply(request())
    return world.broker.log(Self.cursorTopic) != nil
  }

  func createCursorTopic() throws(PublishError) -> Bool {
    try reply(request())
    if world.broker.log(Self.cursorTopic) != nil { return false }
    world.broker.makeTopic(Self.cursorTopic.topic, partitions: 1)
    return true
  }

  func partitionCount(of topic: RelayTopic) throws(PublishError) -> Int32 {
    try reply(request())
    return topic == .output(.events) ? Self.outputPartitions : 1
  }

  private static func partition(_ topic: RelayTopic, number: Int32) -> TopicPartition {
    switch topic {
    case .cursor: cursorTopic
    case .output(.events): TopicPartition(eventsTopic, number)
    case .output(.teams): TopicPartition(teamsTopic, number)
    }
  }

  func bounds(of topic: RelayTopic, partition: Int32) throws(PublishError) -> (low: Int64, high: Int64) {
    try reply(request())
    guard let log = world.broker.log(Self.partition(topic, number: partition)) else { throw .alarm("no such topic") }
    return (log.low, world.holds(.uncommittedEnd) ? log.high : log.lastStable)
  }

  func readCommitted(
    _ topic: RelayTopic, partition: Int32, from low: Int64, to high: Int64, _ body: (RelayRecord) -> Bool
  ) throws(PublishError) {
    let partition = Self.partition(topic, number: partition)
    world.reach(process, "read back of \(partition.topic)")
    try reply(request())
    let deadline = world.scheduler.now + Self.patienceNanoseconds
    while let log = world.broker.log(partition), log.lastStable < high {
      guard world.scheduler.now < deadline else { throw .inDoubt("a transaction may be open") }
      world.scheduler.sleep(200_000_000)
      try requireProcess()
    }
    for entry in world.broker.committed(partition) {
      let goesOn = entry.key.withUnsafeBytes { key in
        entry.value.withUnsafeBytes { value in body(RelayRecord(offset: entry.offset, key: key, value: value)) }
      }
      if !goesOn { return }
    }
  }
}
