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
  /// Of segments that no flush of ingest brings.
  static let ownTopic = TopicPartition("", 0)
  static let people = ["ann", "bob", "eve", "kim"]

  package let seed: UInt64
  package let profile: Profile
  let scheduler: Scheduler
  private(set) var broker: Broker!
  private(set) var database: Database!
  private(set) var producers: Producers!
  let inputs: [TopicPartition]

  var instances: [Instance] = []
  /// Commands that people call.
  var commands: [Process] = []
  /// Of instances and commands that start now.
  var version = 1
  private var commandCount = 0
  /// Erasures in the cursor topic, in their order, with the ids that only the producers know, and since when.
  private(set) var recorded: [RecordedErasure] = []
  /// Faults happen; set to false for the quiet end.
  private(set) var isTroubled = true
  /// Partitions whose records were deleted, truncated or made anew: only there an alarm may be raised.
  private(set) var disturbed: [TopicPartition: Int64] = [:]
  private(set) var replacedAt: [TopicPartition: [Int64]] = [:]
  /// When the last check of a partition began that found it to be what it was.
  private(set) var checkedAt: [TopicPartition: Int64] = [:]
  private(set) var alarms = 0

  package private(set) var violations: [String] = []
  private let log: ((String) -> Void)?

  private let removed: Set<Safeguard>
  private let isWhole: Bool
  private var counts = [Int](repeating: 0, count: FaultKind.allCases.count)
  /// Of the next statement that could be slow: for schedules that are written out.
  var nextSlowness: Int64?
  /// Of the next call to the database: for schedules that are written out.
  var nextFate: Connection.Fate?
  /// How much later happens what is late next, or how long the next slow reply takes: for schedules that are written out.
  var nextDelay: Int64?
  /// What is late or slow next goes on earlier, when somebody makes this call.
  var nextUntil: String?
  private(set) var breakpoints: Breakpoints?
  /// Records of one fetch, where it is not drawn: for schedules that are written out.
  var fetchRecords: Int?
  /// Slow replies that have come.
  var slowReplies = 0
  /// Told of every call that a process makes, before it happens.
  var onCall: ((Process, String) -> Void)?
  /// Every call goes into the trace as well.
  private var tellsCalls = false

  /// - Parameter log: takes the trace's lines.
  package init(
    seed: UInt64, profile: Profile? = nil, without removed: Set<Safeguard> = [], stacks: FiberStacks,
    log: ((String) -> Void)? = nil
  ) {
    self.seed = seed
    var random = Random(seed: seed)
    // What seeds draw changes no schedule.
    self.profile = profile ?? Profile(&random)
    (self.removed, isWhole) = (removed, removed.isEmpty)
    self.log = log
    scheduler = Scheduler(random: random, stacks: stacks)
    inputs = (0..<self.profile.partitions).map { TopicPartition(Self.inputTopic, Int32($0)) }
    broker = Broker(self)
    database = Database(self, installation: SHA256.digest(of: withUnsafeBytes(of: seed) { Array($0) }))
    producers = Producers(self)
    broker.makeTopic(Self.inputTopic, partitions: self.profile.partitions)
    broker.makeTopic(SimulatedOutputLog.eventsTopic, partitions: Int(SimulatedOutputLog.outputPartitions))
    broker.makeTopic(SimulatedOutputLog.teamsTopic, partitions: 1)
  }

  @inline(__always) func holds(_ safeguard: Safeguard) -> Bool { isWhole || !removed.contains(safeguard) }

  /// How often everything that is counted has happened.
  package var faults: [(kind: FaultKind, count: Int)] { zip(FaultKind.allCases, counts).map { ($0, $1) } }
  func count(_ kind: FaultKind) { counts[kind.rawValue] += 1 }

  /// A compare-and-swap that finds something else.
  func lost(_ message: String) -> StoreError {
    count(.swapRefused)
    return .lost(message)
  }

  static func watermark(_ greatest: Timestamp) -> Timestamp {
    Timestamp(microseconds: greatest.microseconds - 300_000_000)
  }

  /// The id in an event's JSON, as the simulator writes it.
  static func id(in json: String) -> String? { member("id", in: json) }

  /// The string that a member has, where it stands first in the text.
  static func member(_ name: String, in json: String) -> String? {
    var json = json
    return json.withUTF8 { bytes in
      var start = 0
      while start < bytes.count {
        guard let quote = bytes[start...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        let begin = quote + 1
        guard let end = bytes[begin...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        start = end + 1
        guard end + 3 <= bytes.count, bytes[end + 1] == UInt8(ascii: ":"), bytes[end + 2] == UInt8(ascii: "\""),
          bytes[begin..<end].elementsEqual(name.utf8)
        else { continue }
        let value = end + 3
        guard let close = bytes[value...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        return String(decoding: bytes[value..<close], as: UTF8.self)
      }
      return nil
    }
  }

  // MARK: Luck

  enum Service { case database, broker }

  func fate(_ service: Service) -> Connection.Fate {
    guard isTroubled else { return .answered }
    if let fate = nextFate {
      nextFate = nil
      return fate
    }
    let doubt = service == .database ? profile.databaseDoubt : profile.brokerDoubt
    guard doubt > 0, scheduler.random.chance(doubt) else { return .answered }
    if service == .database, scheduler.random.chance(0.2) { return .replySlow }
    return scheduler.random.pick([.requestLost, .replyLost, .late])
  }

  /// How long a message is on its way; nil for no time worth speaking of.
  func latency() -> Int64? {
    guard scheduler.random.chance(profile.latency) else { return nil }
    return scheduler.random.nanoseconds(5e-5...2e-3)
  }

  /// How much longer a statement takes.
  func slowness() -> Int64 {
    guard isTroubled else { return 0 }
    if let length = nextSlowness {
      nextSlowness = nil
      count(length > Int64(profile.leaseSeconds) * 1_000_000_000 ? .overlongStatement : .slowStatement)
      return length
    }
    if database.slowUntil > scheduler.now { return scheduler.random.nanoseconds(0.02...0.4) }
    guard profile.slow > 0, scheduler.random.chance(profile.slow) else { return 0 }
    let length = scheduler.random.nanoseconds(0.05...Double(profile.leaseSeconds) * 2)
    count(length > Int64(profile.leaseSeconds) * 1_000_000_000 ? .overlongStatement : .slowStatement)
    return length
  }

  func refuseWrites(_ isReading: Bool) throws(StoreError) {
    guard !isReading, database.diskFullUntil > scheduler.now else { return }
    count(.diskFull)
    throw .unavailable("No space left on device")
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

  /// Every call to the database goes into the trace as well.
  package func tellCalls() { tellsCalls = true }

  /// A process is about to make a call.
  @inline(__always) func reach(_ process: Process, _ call: String) {
    if tellsCalls { trace("\(process.name) calls: \(call)") }
    onCall?(process, call)
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

  /// A check that began then is over, and the partition is read.
  func noteCheck(_ partition: TopicPartition, begunAt moment: Int64) { checkedAt[partition] = moment }

  /// Whether another record stands where one was read or seen last, to who has asked since then. While it is read on it cannot be asked
  /// about what is journaled meanwhile: only the record at one of these offsets counts then.
  func isAnother(_ partition: TopicPartition, at moment: Int64, journaled offsets: [Int64]?) -> Bool {
    guard replacedAt[partition] != nil, database.restoredAt < moment, let log = broker.log(partition),
      let row = database.state.partitions[partition], row.state == .running
    else { return false }
    let journaled = row.journaled.flatMap { offsets?.contains($0.offset) ?? true ? $0 : nil }
    return [journaled, row.checked].compactMap { $0 }.contains { known in
      let index = log.index(from: known.offset)
      guard index < log.entries.count else { return false }
      let entry = log.entries[index]
      // What has come since the check began may be another one again.
      let isOlder = entry.timestamp < moment / 1_000_000
      return entry.offset == known.offset && !entry.isMarker && isOlder && entry.fingerprint != known
    }
  }

  func noteAlarm(_ partition: TopicPartition, _ reason: String) {
    alarms += 1
    count(.alarm)
    if disturbed[partition] == nil { violation("an alarm for nothing: \(partition): \(reason)") }
  }

  func nextCommand(_ name: String) -> Process {
    commandCount += 1
    let process = Process("\(name)\(commandCount)")
    process.monotonicOffset = scheduler.random.nanoseconds(1...1_000_000)
    commands.append(process)
    return process
  }

  func noteErasure(_ record: ErasureRecord, of person: String) {
    recorded.append(RecordedErasure(record: record, person: person, at: scheduler.now))
  }

  /// The newest record of each person: those before are of the same, and reach no further.
  var newestErasures: [RecordedErasure] {
    var newest: [UInt64: RecordedErasure] = [:]
    for erasure in recorded { newest[erasure.record.hash] = erasure }
    return newest.values.sorted { $0.person < $1.person }
  }

  /// What is appended, of people whose erasure is known: to the database, or in the cursor topic since before it went back.
  ///
  /// - Parameter isOfDatabase: it was in a dead letter, and not read: the journal is erased again in any case.
  func checkErased(_ segments: [Segment], isOfDatabase: Bool) {
    if recorded.isEmpty { return }
    for segment in segments where segment.draft.partition != Self.ownTopic {
      guard let batch = try? segment.events() else { continue }
      if !batch.erasedPeople.isEmpty { count(.erasedOnArrival) }
      // Where nobody who knows the id was at work when the backup was made.
      let isAwaited = database.state.erasures.values.contains {
        $0.position == nil && $0.isIngests && $0.busyUntil == .min && !$0.isSearched
      }
      if isAwaited, !isOfDatabase {
        violation("\(segment.draft.partition) is read on before the journal is erased again")
      }
      for erasure in newestErasures {
        let isKnown =
          database.state.erasure(knownAs: erasure.record.id) != nil
          || erasure.at < database.restoredAt && !isOfDatabase
        guard isKnown, let offset = erasure.standsIn(batch, of: segment, in: database) else { continue }
        violation("\(erasure.person) is journaled at \(segment.draft.partition)@\(offset), below the erasure's end")
      }
    }
  }

  func noteSwap(
    _ projection: String, from old: DatabaseState.GenerationKey, to new: DatabaseState.GenerationKey, isHigher: Bool
  ) {
    count(.swap)
    if isHigher { count(.higherSwap) }
    trace("-- generation \(new.number) takes the place of \(old.number) of \(projection)")
    let places = [old, new].map { database.state.generations[$0]?.place.position ?? 0 }
    if places[1] < places[0] {
      violation("with the switch of \(projection) readers go back from \(places[0]) to \(places[1])")
    }
    let checks = Checks(self)
    checks.checkGeneration(old, evenOld: true)
    checks.checkGeneration(new)
  }

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
    begin()
    let chaos = Chaos(self)
    chaos.start()
    if profile.breakpoints > 0 {
      let breakpoints = Breakpoints(
        (0..<profile.breakpoints).map { _ in Breakpoint(profile.subject, in: self) }, chaos, in: self)
      self.breakpoints = breakpoints
      breakpoints.begin()
      onCall = { process, call in breakpoints.reach(process, call) }
    }
    scheduler.run(until: Int64(profile.seconds * 1e9))
    finish(goingBackTo: profile.restoresAtEnd ? chaos.recentMoment : nil)
  }

  /// The same with a schedule instead of bad luck.
  func run(_ schedule: @escaping (World) -> Void) {
    begin()
    var isOver = false
    scheduler.spawn("schedule") { [self] in
      schedule(self)
      isOver = true
    }
    while !isOver, scheduler.switches < Scheduler.switchLimit { scheduler.run(until: scheduler.now + 100_000_000) }
    finish()
  }

  private func begin() {
    for number in 0..<profile.instances { Instance.start("i\(number)", in: self) }
    producers.start()
    Operator(self).start()
  }

  private func finish(goingBackTo moment: DatabaseState? = nil) {
    heal()
    catchUp()
    // Twice to one moment: what was said since may be said otherwise, or not at all, and then again.
    if let moment {
      for _ in 1...2 {
        Checks(self).check(isAtEnd: true)
        if !violations.isEmpty { break }
        count(.restoreAtEnd)
        trace("-- the database goes back to position \(moment.head.position)")
        database.restart(awayFor: 0, with: moment)
        catchUp()
      }
    }
    Checks(self).check(isAtEnd: true)
    end()
  }

  private func catchUp() {
    let checks = Checks(self)
    let deadline = scheduler.now + Self.quietSeconds * 1_000_000_000
    while scheduler.now < deadline, violations.isEmpty {
      if scheduler.switches >= Scheduler.switchLimit { return violation("the stages do not come to rest") }
      scheduler.run(until: scheduler.now + 500_000_000)
      if checks.isCaughtUp { return }
    }
    guard violations.isEmpty else { return }
    violation("nothing goes wrong any more, and still: \(checks.whatIsBehind)")
    for instance in instances { trace(instance.whereabouts) }
  }

  private func end() {
    for instance in instances { instance.process.die(scheduler) }
    for command in commands { command.die(scheduler) }
    scheduler.end()
    // They hold the world, as it holds them.
    (instances, commands, onCall, breakpoints) = ([], [], nil, nil)
    for (resource, _) in database.state.leases { database.state.leases[resource]?.backend = nil }
  }

  /// Nothing goes wrong any more, and whoever should run runs.
  private func heal() {
    trace("-- nothing goes wrong any more")
    isTroubled = false
    (nextFate, nextDelay, nextUntil, nextSlowness) = (nil, nil, nil, nil)
    database.awayUntil = 0
    database.diskFullUntil = 0
    database.slowUntil = 0
    broker.awayUntil = 0
    broker.leaderAwayUntil = [:]
    for partition in inputs { broker.recreate(partition) }
    for instance in instances {
      instance.process.goOn(scheduler)
      instance.process.databaseAwayUntil = 0
      instance.process.brokerAwayUntil = 0
      instance.wakeAll()
    }
    for command in commands { command.goOn(scheduler) }
    // Somebody of the version that is to be, also where the last one finds later that its name is taken. Under a name of its own: who
    // starts under a taken one may register before the one it is to replace does.
    scheduler.spawn("supervisor") { [self] in
      while !scheduler.isEnding {
        let rests = instances.contains { $0.isRunning && !$0.isStopping && $0.version == version }
        if !rests { Instance.start("rest", in: self) }
        scheduler.sleep(1_000_000_000)
      }
    }
    Operator(self).watchErasures()
  }
}
