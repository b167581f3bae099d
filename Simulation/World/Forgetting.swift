import Engine
import Events

/// `pleat forget`, as `ForgetRun` does it, but for the tables that are written anew: called again when it fails, until somebody
/// gives it up.
final class Forgetting {
  private let world: World
  private let process: Process
  private let person: String
  private let store: SimulatedErasureStore
  private let connection: Connection
  private static let keys = ErasureKeys(people: World.hashKey, identities: identityKey(of: World.hashKey))
  private static let attempts = 40
  private static let busySeconds: Int32 = 10
  private static let pollNanoseconds: Int64 = 300_000_000

  static func start(_ person: String, in world: World) {
    let forgetting = Forgetting(person, world)
    world.trace("\(forgetting.process.name): forget \(person)")
    world.scheduler.spawn(forgetting.process.name, forgetting.process) { forgetting.live() }
  }

  private init(_ person: String, _ world: World) {
    (self.world, self.person) = (world, person)
    process = world.nextCommand("forget")
    process.subject = person
    store = SimulatedErasureStore(world, process, isIngests: false)
    connection = Connection(world, process, "forget")
  }

  private func live() {
    for _ in 0..<Self.attempts where !process.isDead && !world.scheduler.isEnding {
      do throws(StoreError) {
        return try run()
      } catch {
        world.trace("\(process.name): \(error.message)")
        store.reset()
        connection.reset()
        if world.isTroubled, world.scheduler.random.chance(0.1) { return }
        world.scheduler.sleep(world.scheduler.random.nanoseconds(0.2...1.5))
      }
    }
  }

  private func run() throws(StoreError) {
    let hash = Self.keys.hash(of: Array(person.utf8))
    let highs = try ends()
    let incarnations = try connection.call("incarnations") { session throws(StoreError) in
      session.state.partitions.mapValues(\.incarnation)
    }
    let record = ErasureRecord(
      id: "\(process.name)-\(world.scheduler.random.int(0...0xFFFF))", hash: hash,
      requestedAt: Timestamp(microseconds: World.beginning + world.scheduler.now / 1_000),
      ends: highs.map { .init(partition: $0.0, incarnation: incarnations[$0.0] ?? 0, offset: $0.1) })
    try add(record)
    let begun = try store.begin(record, busySeconds: Self.busySeconds)
    guard let erasure = try store.open().first(where: { $0.id == begun }) else {
      throw .lost("the erasure was ended by somebody else")
    }
    try erase(erasure)
  }

  private func requireBroker() throws(StoreError) -> Connection.Fate {
    if let delay = world.latency() { world.scheduler.sleep(delay) }
    try connection.requireProcess()
    guard process.reaches(in: world) else {
      throw .unavailable("the broker is away")
    }
    return world.fate(.broker)
  }

  private func ends() throws(StoreError) -> [(TopicPartition, Int64)] {
    guard try requireBroker() == .answered else { throw .unavailable("the broker does not answer") }
    var ends: [(TopicPartition, Int64)] = []
    for partition in world.inputs {
      guard let log = world.broker.log(partition) else { throw .unavailable("\(partition) is missing") }
      ends.append((partition, log.high))
    }
    return ends
  }

  /// Into the cursor topic, outside of any transaction.
  private func add(_ record: ErasureRecord) throws(StoreError) {
    let (world, person) = (world, person)
    func arrive() {
      let topic = SimulatedOutputLog.cursorTopic
      if world.broker.log(topic) == nil { world.broker.makeTopic(topic.topic, partitions: 1) }
      world.broker.append(
        topic, key: Array(ErasureRecordForm.key(of: record).utf8), value: Array(ErasureRecordForm.write(record).utf8),
        id: nil)
      world.noteErasure(record, of: person)
    }
    switch try requireBroker() {
    case .answered, .replySlow: return arrive()
    case .requestLost: break
    case .replyLost: arrive()
    case .late: world.scheduler.spawn("late erasure", after: world.scheduler.random.nanoseconds(0...3)) { arrive() }
    }
    throw .unavailable("the erasure could not be recorded")
  }

  private func erase(_ erasure: OpenErasure) throws(StoreError) {
    let eraser = JournalEraser(
      erasure, id: Array(person.utf8), keys: Self.keys, store: store, busySeconds: Self.busySeconds)
    try search(eraser)
    let deadline = world.scheduler.now + world.scheduler.random.nanoseconds(0.5...20)
    while try !store.lags(erasure.id).isEmpty {
      // The daemon ends it.
      if world.scheduler.now >= deadline { return }
      try store.rewrite(erasure.id, searchedTo: 0, busySeconds: Self.busySeconds, [])
      world.scheduler.sleep(Self.pollNanoseconds)
      try connection.requireProcess()
    }
    eraser.searchLettersAgain()
    try search(eraser)
    let position = try store.appendEvent(of: erasure, isRequester: true)
    world.trace("\(process.name): \(person) is erased at position \(position)")
  }

  private func search(_ eraser: JournalEraser) throws(StoreError) {
    let end = try store.head().position
    for _ in 0..<Self.attempts {
      do throws(StoreError) {
        while try !eraser.step(until: end) {}
        return
      } catch {
        guard case .lost = error else { throw error }
        world.trace("\(process.name): \(error.message)")
      }
    }
    throw .lost("others rewrite the same again and again")
  }
}
