import Engine

/// Bad luck, kind by kind, as the profile says.
final class Chaos {
  private let world: World
  private var snapshots: [DatabaseState] = []
  /// What a standby had a moment ago.
  private var standby: [DatabaseState] = []
  private static let standbyLimit = 5
  private var newcomers = 0

  /// Backups that a restore may choose from.
  private static let snapshotLimit = 8
  /// Between two backups of worlds that are restored at a breakpoint at most.
  private static let backupSeconds = 2.0
  /// A topic that was read further than that is not filled again.
  private static let refillLimit: Int64 = 80

  init(_ world: World) { self.world = world }

  func start() {
    let profile = world.profile
    every(profile.crash, "crash") { chaos in
      if let instance = chaos.anybody() { chaos.crash(instance) }
    }
    every(profile.pause, "pause") { $0.pause() }
    every(profile.databaseRestart, "restart") { chaos in
      chaos.world.count(.databaseRestart)
      chaos.world.trace("-- the database restarts")
      chaos.world.database.restart(awayFor: chaos.duration(0.01...2))
    }
    // Some have a backup of before the first start.
    if profile.restore != nil, world.scheduler.random.chance(0.15) { snapshot() }
    every(profile.restore.map { $0 / 8 } ?? (profile.breakpoints > 0 ? Self.backupSeconds : nil), "snapshot") {
      $0.snapshot()
    }
    every(profile.restore, "restore") { $0.goBack() }
    if profile.failover != nil || profile.restoresAtEnd { every(0.2, "standby") { $0.replicate() } }
    every(profile.failover, "failover") { $0.failOver() }
    every(profile.brokerAway, "broker") { chaos in
      chaos.world.count(.brokerAway)
      chaos.world.trace("-- the broker is away")
      chaos.world.broker.awayUntil = chaos.world.scheduler.now + chaos.duration(0.05...4)
    }
    every(profile.leaderAway, "leader") { chaos in
      let partition = chaos.world.scheduler.random.pick(chaos.world.inputs)
      chaos.world.count(.leaderAway)
      chaos.world.trace("-- the broker of \(partition) is away")
      chaos.world.broker.leaderAwayUntil[partition] = chaos.world.scheduler.now + chaos.duration(0.05...6)
    }
    every(profile.partition, "partition") { $0.partition() }
    every(profile.diskFull, "disk") { chaos in
      chaos.world.trace("-- the database's disk is full")
      chaos.world.database.diskFullUntil = chaos.world.scheduler.now + chaos.duration(0.2...4)
    }
    every(profile.slowDisk, "slow disk") { chaos in
      chaos.world.count(.slowDisk)
      chaos.world.trace("-- the database's disk is slow")
      chaos.world.database.slowUntil = chaos.world.scheduler.now + chaos.duration(0.2...4)
    }
    every(profile.clockStep, "clocks") { $0.clockStep() }
    every(profile.newcomer, "newcomer") { $0.newcomer() }
    every(profile.namesake, "namesake") { chaos in
      if let instance = chaos.anybody() { chaos.startNamesake(of: instance) }
    }
    every(profile.truncate, "truncate") { $0.truncate() }
    every(profile.recreate, "recreate") { $0.recreate() }
    every(profile.retention, "retention") { $0.retention() }
    every(profile.foreignTransaction, "foreign") { $0.foreignTransaction() }
    every(profile.compaction, "compaction") { chaos in
      chaos.world.count(.compaction)
      chaos.world.broker.compact(SimulatedOutputLog.cursorTopic)
    }
    every(profile.rebuild, "rebuild") { chaos in
      chaos.rebuild(chaos.world.scheduler.random.pick(World.projections))
    }
    every(profile.discard, "discard") { $0.discard() }
    every(profile.erasure, "erasure") { chaos in
      chaos.forget(chaos.anyPerson)
      // Somebody else asks at the same time, maybe for the same person.
      guard chaos.world.scheduler.random.chance(0.3) else { return }
      chaos.world.scheduler.spawn("second erasure", after: chaos.duration(0...0.3)) {
        if chaos.world.isTroubled, !chaos.world.scheduler.isEnding { chaos.forget(chaos.anyPerson) }
      }
    }
    every(profile.retry, "retry") { LetterRetry.start(in: $0.world) }
    if let moment = profile.upgradeAt {
      world.scheduler.spawn("upgrade", after: Int64(moment * 1e9)) { [self] in upgrade() }
    }
    // Transactions of the dead time out.
    world.scheduler.spawn("transaction timeouts") { [world] in
      while !world.scheduler.isEnding {
        world.scheduler.sleep(1_000_000_000)
        world.broker.expireTransactions(olderThan: 4_000_000_000)
      }
    }
  }

  private func every(_ mean: Double?, _ name: String, _ act: @escaping (Chaos) -> Void) {
    guard let mean else { return }
    world.scheduler.spawn(name) { [self] in
      while true {
        world.scheduler.sleep(duration(0...2 * mean))
        if world.scheduler.isEnding || !world.isTroubled { return }
        act(self)
      }
    }
  }

  private func duration(_ seconds: ClosedRange<Double>) -> Int64 { world.scheduler.random.nanoseconds(seconds) }

  func anybody() -> Instance? {
    let running = world.instances.filter { $0.isRunning && !$0.isStopping }
    return running.isEmpty ? nil : world.scheduler.random.pick(running)
  }

  // MARK: Instances

  /// Most of them are started again.
  func crash(_ instance: Instance) {
    instance.crash()
    let name = instance.name
    guard world.scheduler.random.chance(0.9) else { return }
    world.scheduler.spawn("restart of \(name)", after: duration(0.01...2)) { [world] in
      if world.scheduler.isEnding { return }
      Instance.start(name, in: world)
    }
  }

  private func pause() { anybody()?.pause(for: duration(0.2...Double(world.profile.leaseSeconds) * 3)) }

  func startNamesake(of instance: Instance) {
    world.count(.namesake)
    world.trace("-- somebody starts a second \(instance.name)")
    Instance.start(instance.name, in: world)
  }

  func newcomer() {
    let running = world.instances.filter { $0.isRunning && !$0.isStopping }
    if running.count > 1, world.scheduler.random.chance(0.6) {
      let leaving = world.scheduler.random.pick(running)
      world.trace("-- \(leaving.name) is to stop")
      world.count(.departure)
      leaving.stop()
    } else if running.count < 4 {
      newcomers += 1
      world.count(.arrival)
      Instance.start("n\(newcomers)", in: world)
    }
  }

  private func partition() {
    guard let instance = anybody() else { return }
    let until = world.scheduler.now + duration(0.2...5)
    if world.scheduler.random.chance(0.6) {
      world.count(.databaseUnreachable)
      world.trace("-- \(instance.name) does not reach the database")
      instance.process.databaseAwayUntil = until
      for session in instance.process.sessions where !session.isTerminated { world.endLater(session) }
    } else {
      world.count(.brokerUnreachable)
      world.trace("-- \(instance.name) does not reach the broker")
      instance.process.brokerAwayUntil = until
    }
  }

  private func clockStep() {
    let step = Int64(world.scheduler.random.int(-3_600_000_000...3_600_000_000))
    if world.scheduler.random.chance(0.4) {
      // Small: a clock that leaps ends every lease, as it should.
      world.database.skew += step / 3_600
      world.count(.databaseClock)
    } else {
      world.count(.instanceClock)
      anybody()?.process.wallSkew = step
    }
  }

  // MARK: The database

  private func snapshot() {
    snapshots.append(world.database.state)
    if snapshots.count > Self.snapshotLimit {
      snapshots.remove(at: world.scheduler.random.int(0...snapshots.count - 1))
    }
  }

  /// What a standby or a backup has.
  var recentMoment: DatabaseState? {
    let moments = standby + snapshots.suffix(1)
    return moments.isEmpty ? nil : world.scheduler.random.pick(moments)
  }

  private func replicate() {
    standby.append(world.database.state)
    if standby.count > Self.standbyLimit { standby.removeFirst() }
  }

  private func failOver() {
    if standby.isEmpty { return }
    failOver(to: world.scheduler.random.pick(standby), within: 0.01...2)
  }

  func failOver(to state: DatabaseState, within seconds: ClosedRange<Double>) {
    guard world.database.awayUntil <= world.scheduler.now else { return }
    world.count(.failover)
    standby = []
    world.trace("-- a standby takes over that stands at position \(state.head.position)")
    world.database.restart(awayFor: duration(seconds), with: state)
  }

  /// To a backup, or to another moment.
  func goBack(to moment: DatabaseState? = nil) {
    guard let state = moment ?? (snapshots.isEmpty ? nil : world.scheduler.random.pick(snapshots)) else { return }
    world.count(.restore)
    standby = []
    world.trace("-- the database goes back to position \(state.head.position)")
    world.database.restart(awayFor: duration(0.01...2), with: state)
  }

  func discard() {
    let projection = world.scheduler.random.pick(World.projections)
    let session = world.database.open(for: "operator")
    defer { session.terminate() }
    guard world.database.awayUntil <= world.scheduler.now else { return }
    do throws(StoreError) {
      try session.execute { session throws(StoreError) in try session.discardRebuild(projection) }
      world.count(.discard)
      world.trace("-- what is being rebuilt of \(projection) is given up")
    } catch {
      world.trace("-- discard: \(error.message)")
    }
  }

  // MARK: Commands and versions

  private var anyPerson: String { world.scheduler.random.pick(World.people) }

  func forget(_ person: String) {
    let command = world.commands.count
    Forgetting.start(person, in: world)
    haunt(world.commands[command], killed: .forgetGone, paused: nil)
  }

  /// Where instances were upgraded, some commands are still of the version before.
  func rebuild(_ projection: String) {
    let isOld = world.version > 1 && world.scheduler.random.chance(0.3)
    let rebuilder = Rebuilder.start(projection, version: isOld ? 1 : nil, in: world)
    haunt(rebuilder.process, killed: .rebuilderGone, paused: .rebuilderPause) { [world] in
      // Somebody takes it for dead once its lease is over.
      guard world.scheduler.random.chance(0.5) else { return }
      world.scheduler.spawn(
        "another rebuild", after: world.scheduler.random.nanoseconds(0.5...1.5) * Int64(world.profile.leaseSeconds)
      ) {
        if world.isTroubled, !world.scheduler.isEnding { Rebuilder.start(projection, in: world) }
      }
    }
  }

  /// Some commands are killed, others stopped until their leases are gone.
  private func haunt(
    _ process: Process, killed: FaultKind, paused: FaultKind?, onPause: @escaping () -> Void = {}
  ) {
    let luck = world.scheduler.random.int(0...9)
    guard luck < 5 else { return }
    world.scheduler.spawn("fate of \(process.name)", after: duration(0...1.5)) { [world] in
      guard world.isTroubled, !world.scheduler.isEnding, !process.fibers.isEmpty else { return }
      if luck < 2 {
        world.count(killed)
        world.trace("\(process.name) is killed")
        process.die(world.scheduler)
        for session in process.sessions where !session.isTerminated { world.endLater(session) }
      } else if let paused {
        world.count(paused)
        let length = world.scheduler.random.nanoseconds(0.2...Double(world.profile.leaseSeconds) * 3)
        world.trace("\(process.name) is stopped for \(length / 1_000_000) ms")
        process.pausedUntil = world.scheduler.now + length
        onPause()
      }
    }
  }

  /// Most instances are replaced one after the other; some stay as they are.
  private func upgrade() {
    if world.scheduler.isEnding || !world.isTroubled { return }
    world.count(.upgrade)
    world.version = 2
    world.trace("-- version 2 is rolled out")
    for instance in world.instances where world.scheduler.random.chance(0.7) {
      world.scheduler.sleep(duration(0...1))
      if world.scheduler.isEnding || !world.isTroubled { return }
      guard instance.isRunning, !instance.isStopping else { continue }
      if world.scheduler.random.chance(0.5) { instance.crash() } else { instance.stop() }
      world.scheduler.spawn("restart of \(instance.name)", after: duration(0.3...2)) { [world] in
        if world.scheduler.isEnding { return }
        Instance.start(instance.name, in: world)
      }
    }
  }

  // MARK: Topics

  private func truncate() {
    let partition = world.scheduler.random.pick(world.inputs)
    guard let log = world.broker.log(partition), log.high > log.low else { return }
    world.count(.truncate)
    let lost = Int64(world.scheduler.random.int(1...6))
    world.trace("-- \(partition) loses its last \(lost) offsets")
    world.disturb(partition, replaced: true)
    world.broker.truncate(partition, at: log.high - lost)
  }

  func recreate() {
    let partition = world.scheduler.random.pick(world.inputs)
    guard world.broker.log(partition) != nil else { return }
    let read = world.database.state.partitions[partition]?.nextOffset ?? 0
    world.count(.recreate)
    world.trace("-- \(partition) is deleted")
    world.disturb(partition, replaced: true)
    world.broker.delete(partition)
    world.scheduler.spawn("recreation", after: duration(0...2)) { [world] in
      world.trace("-- \(partition) is made anew")
      world.broker.recreate(partition)
      guard read <= Self.refillLimit, world.isTroubled, world.scheduler.random.chance(0.5) else { return }
      world.count(.refill)
      world.write(Int(read) + world.scheduler.random.int(1...10), to: partition, secondsApart: 0)
    }
  }

  private func retention() {
    let partition = world.scheduler.random.pick(world.inputs)
    guard let log = world.broker.log(partition), log.high > log.low else { return }
    // Mostly what was read long ago, sometimes what nobody has read yet.
    let read = world.database.state.partitions[partition]?.nextOffset ?? log.low
    let before = world.scheduler.random.chance(0.7) ? (log.low + read) / 2 : log.high - 1
    world.count(.retention)
    world.trace("-- \(partition) keeps nothing before \(before)")
    world.disturb(partition, replaced: false)
    world.broker.deleteRecords(partition, before: before)
  }

  /// Somebody else's transaction over the topics that the relay reads.
  private func foreignTransaction() {
    let topic = world.scheduler.random.pick([
      SimulatedOutputLog.cursorTopic, TopicPartition(SimulatedOutputLog.eventsTopic, 0),
    ])
    guard world.broker.log(topic) != nil else { return }
    world.count(.foreignTransaction)
    let transaction = world.broker.beginTransaction()
    world.broker.append(topic, key: Array("x".utf8), value: Array("{}".utf8), id: nil, transaction: transaction)
    world.trace("-- somebody has a transaction open over \(topic)")
    world.scheduler.spawn("foreign", after: duration(0.1...6)) { [world] in world.broker.end(transaction, .aborted) }
  }
}
