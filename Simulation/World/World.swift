import Engine
import Events

/// One simulated installation: a broker, a database, instances with the real stages in them, producers, and bad luck, all from one
/// seed; and what was seen to be wrong.
package final class World {
  /// 2026-03-01T00:00:00Z, in microseconds.
  static let beginning: Int64 = 1_772_323_200_000_000
  static let hashKey = HashKey(k0: 1, k1: 2)
  static let projections = ["left", "right"]
  static let inputTopic = "pleat.events"

  package let seed: UInt64
  package let profile: Profile
  let scheduler: Scheduler
  private(set) var broker: Broker!
  private(set) var database: Database!
  let inputs: [TopicPartition]

  var instances: [Instance] = []
  /// Faults happen; set to false for the quiet end.
  private(set) var isTroubled = true
  /// Partitions whose records were deleted, truncated or made anew: only there an alarm may be raised.
  private(set) var disturbed: [TopicPartition: Int64] = [:]
  private(set) var replacedAt: [TopicPartition: [Int64]] = [:]
  private(set) var alarms = 0
  private(set) var commits = 0

  package private(set) var violations: [String] = []
  private let log: ((String) -> Void)?

  private let removed: Safeguard?

  /// - Parameter log: takes the trace's lines.
  package init(
    seed: UInt64, profile: Profile? = nil, without removed: Safeguard? = nil, stacks: FiberStacks,
    log: ((String) -> Void)? = nil
  ) {
    self.seed = seed
    var random = Random(seed: seed)
    let drawn = Profile(&random)
    self.profile = profile ?? drawn
    self.removed = removed
    self.log = log
    scheduler = Scheduler(random: random, stacks: stacks)
    inputs = (0..<self.profile.partitions).map { TopicPartition(Self.inputTopic, Int32($0)) }
    broker = Broker(self)
    database = Database(self, installation: SHA256.digest(of: withUnsafeBytes(of: seed) { Array($0) }))
    broker.makeTopic(Self.inputTopic, partitions: self.profile.partitions)
    broker.makeTopic(SimulatedOutputLog.eventsTopic, partitions: Int(SimulatedOutputLog.outputPartitions))
    broker.makeTopic(SimulatedOutputLog.teamsTopic, partitions: 1)
  }

  @inline(__always) func holds(_ safeguard: Safeguard) -> Bool { safeguard != removed }

  static func watermark(_ greatest: Timestamp) -> Timestamp {
    Timestamp(microseconds: greatest.microseconds - 300_000_000)
  }

  /// The id in an event's JSON, as the simulator writes it.
  static func id(in json: String) -> String? {
    let parts = json.split(separator: "\"id\":\"", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    return parts[1].split(separator: "\"", maxSplits: 1).first.map(String.init)
  }

  // MARK: Luck

  enum Service { case database, broker }

  func fate(_ service: Service) -> Connection.Fate {
    guard isTroubled else { return .answered }
    let doubt = service == .database ? profile.databaseDoubt : profile.brokerDoubt
    guard doubt > 0, scheduler.random.chance(doubt) else { return .answered }
    return scheduler.random.pick([.requestLost, .replyLost, .late])
  }

  /// How long a message is on its way; nil for no time worth speaking of.
  func latency() -> Int64? {
    guard scheduler.random.chance(profile.latency) else { return nil }
    return scheduler.random.nanoseconds(5e-5...2e-3)
  }

  /// How much longer a statement takes.
  func slowness() -> Int64 {
    guard isTroubled, profile.slow > 0, scheduler.random.chance(profile.slow) else { return 0 }
    return scheduler.random.nanoseconds(0.05...Double(profile.leaseSeconds) * 2)
  }

  func refuseWrites(_ isReading: Bool) throws(StoreError) {
    if !isReading, database.diskFullUntil > scheduler.now { throw .unavailable("No space left on device") }
  }

  /// The server notices sooner or later that a client is gone.
  func endLater(_ session: Session) {
    if scheduler.random.chance(0.6) { return session.terminate() }
    scheduler.spawn("end of \(session.owner)", after: scheduler.random.nanoseconds(0...4)) { session.terminate() }
  }

  // MARK: What is seen

  func violation(_ what: String) {
    trace("VIOLATION: \(what)")
    // One is enough, and a broken world repeats itself.
    if violations.count < 5 { violations.append(what) }
  }

  func constraint(_ what: String) -> StoreError {
    violation("the database refuses: \(what)")
    return .refused(what)
  }

  func trace(_ message: @autoclosure () -> String) {
    guard let log else { return }
    let now = scheduler.now / 1_000
    let micros = String(now % 1_000_000)
    log("\(now / 1_000_000).\(String(repeating: "0", count: 6 - micros.count))\(micros) \(message())")
  }

  /// - Parameter replaced: offsets may hold other records from now on.
  func disturb(_ partition: TopicPartition, replaced: Bool) {
    disturbed[partition] = scheduler.now
    if replaced { replacedAt[partition, default: []].append(scheduler.now) }
  }

  func noteAlarm(_ partition: TopicPartition, _ reason: String) {
    alarms += 1
    if disturbed[partition] == nil { violation("an alarm for nothing: \(partition): \(reason)") }
  }

  func committed() { commits += 1 }

  /// The database's NOTIFY.
  func notifyAppend() {
    for instance in instances where instance.isRunning && instance.leases.liveInstances.count != 1 {
      if scheduler.random.chance(0.2) { continue }
      instance.tail.noteRemoteAppend()
    }
  }

  func noteRecord(_ partition: TopicPartition) {
    for instance in instances where instance.isRunning && instance.source.reads(partition) { instance.source.wake?() }
  }

  // MARK: Running

  /// The longest a world may take to catch up once nothing goes wrong any more, in virtual seconds: leases, transactions of the
  /// dead, the longest retry, and a check of every topic.
  static let quietSeconds: Int64 = 150

  /// Lives through the seed's bad luck, waits until everything has caught up, and checks.
  package func run() {
    for number in 0..<profile.instances { Instance.start("i\(number)", in: self) }
    Producers(self).start()
    Chaos(self).start()
    Operator(self).start()
    scheduler.run(until: Int64(profile.seconds * 1e9))
    heal()
    let checks = Checks(self)
    let deadline = scheduler.now + Self.quietSeconds * 1_000_000_000
    var caughtUp = false
    while !caughtUp, scheduler.now < deadline, violations.isEmpty {
      if scheduler.switches >= Scheduler.switchLimit { return endRestless() }
      scheduler.run(until: scheduler.now + 500_000_000)
      caughtUp = checks.isCaughtUp
    }
    if !caughtUp, violations.isEmpty {
      violation("nothing goes wrong any more, and still: \(checks.whatIsBehind)")
      for instance in instances { trace(instance.whereabouts) }
    }
    checks.check(isAtEnd: true)
    end()
  }

  private func endRestless() {
    violation("the stages do not come to rest")
    end()
  }

  private func end() {
    for instance in instances { instance.process.die(scheduler) }
    scheduler.end()
    // They hold the world, as it holds them.
    instances = []
    for (resource, _) in database.state.leases { database.state.leases[resource]?.backend = nil }
  }

  /// Nothing goes wrong any more, and whoever should run runs.
  private func heal() {
    trace("-- nothing goes wrong any more")
    isTroubled = false
    database.awayUntil = 0
    database.diskFullUntil = 0
    broker.awayUntil = 0
    for partition in inputs { broker.recreate(partition) }
    for instance in instances {
      instance.process.pausedUntil = 0
      instance.process.databaseAwayUntil = 0
      instance.process.brokerAwayUntil = 0
      instance.wakeAll()
    }
    if !instances.contains(where: { $0.isRunning && !$0.isStopping }) { Instance.start("i0", in: self) }
  }
}
