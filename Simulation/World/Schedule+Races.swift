import Engine

/// What needs two things to happen at once, and hardly does by itself.
extension Schedule {
  static let races: [Schedule] = [
    lateReply, lateSwitch, writingRebuilder, halfASegment, staleTarget, higherVersion, overtakingErasure,
    extendedErasure, lateRequest, unlistedSegments, awaitedLetter,
  ]

  /// Of the instance that ingests and folds; the other one appends to the same positions meanwhile.
  private static let lateReply = Schedule(
    "the reply to an append that comes after a restore and a takeover", partitions: 2
  ) { world in
    for partition in world.inputs { world.write(10, to: partition) }
    world.wait("everything is folded") { world.isFolded }
    let owners = world.inputs.map { world.owner(of: LeaseResource.partition($0))?.name }
    guard let folder = world.owner(of: LeaseResource.projection("left"))?.name,
      let mine = owners.firstIndex(of: folder), let other = owners.indices.first(where: { $0 != mine })
    else { return world.violation("each instance should have a partition") }
    let backup = world.database.state
    var replyAt: Int64 = 0
    world.before("append", of: folder) { _ in
      (world.nextFate, world.nextDelay) = (.replySlow, 1_900_000_000)
      replyAt = world.scheduler.now + 1_900_000_000
    }
    // No turn flushes any of it before there is more.
    world.write(5, to: world.inputs[mine], secondsApart: 0)
    world.wait("it is appended") { world.database.state.head.position > backup.head.position }
    world.pass(seconds: 0.05)
    world.database.restart(awayFor: 50_000_000, with: backup)
    // The other one notices by this that its connection is gone.
    world.write(1, to: world.inputs[other], secondsApart: 0)
    world.wait("the other one appends again") { world.database.state.head.position > backup.head.position }
    let left = DatabaseState.GenerationKey(projection: "left", number: 1)
    world.wait("it is folded") {
      world.database.state.generations[left]?.place.position == world.database.state.head.position
    }
    // It appends just after the reply has come, before what came with that is flushed.
    world.before("append", of: owners[other] ?? "") { _ in
      world.nextSlowness = replyAt + 2_000_000 - world.scheduler.now
    }
    world.write(40, to: world.inputs[other], secondsApart: 0)
    world.expect(world.scheduler.now < replyAt, "there is time left")
    world.wait("the reply comes") { world.slowReplies == 1 }
  }

  private static let lateSwitch = Schedule("a switch that arrives when its rebuilder has begun again") { world in
    world.write(40)
    world.wait("everything is folded") { world.isFolded }
    world.before("swap", of: "rebuild1") { _ in (world.nextFate, world.nextDelay) = (.late, 6_000_000_000) }
    // So the live fold stays paused meanwhile.
    world.before("return of the live fold", of: "rebuild1") { _ in world.nextFate = .requestLost }
    world.before("seizure", of: "rebuild1", nth: 2) { world.stop($0, seconds: 6) }
    let rebuilder = Rebuilder.start("left", in: world)
    world.wait("it has begun again") { rebuilder.process.pausedUntil > 0 }
    world.wait("it has switched") { rebuilder.rebuild.isDone }
    world.expect(world.database.state.live["left"] == 2, "its generation is live")
  }

  private static let writingRebuilder = Schedule("a rebuilder that wakes up after its lease and writes") { world in
    world.write(40)
    world.wait("everything is folded") { world.isFolded }
    // The first is the beginning of the rebuild itself.
    world.before("begin", of: "rebuild1", nth: 2) { world.stop($0, seconds: 12) }
    let first = Rebuilder.start("left", in: world)
    world.wait("it sleeps") { first.process.pausedUntil > 0 }
    world.pass(seconds: 4)
    world.before("swap", of: "rebuild2") { world.stop($0, seconds: 20) }
    let second = Rebuilder.start("left", in: world)
    world.wait("another one has folded everything, and sleeps, too") { second.process.pausedUntil > 0 }
    let refused = world.times(.swapRefused)
    world.wait("the first one is refused") { world.times(.swapRefused) > refused }
    world.wait("it rebuilds what is left") { first.rebuild.isDone }
  }

  /// Where memory is full a fold flushes in the middle of a segment; a rebuild has memory of its own, and need not stop there.
  private static let halfASegment = Schedule(
    "a rebuild beside a live fold that stands in the middle of a segment", instances: 1, cacheBytes: 1, dirtyBytes: 1,
    flushEvents: 200
  ) { world in
    world.write(10)
    world.wait("everything is folded") { world.isFolded }
    world.fetchRecords = 200
    // So long that a flush is due once memory is looked at for the second time.
    world.before("begin", of: "i0") { _ in world.nextSlowness = 200_000_000 }
    world.write(200, secondsApart: 0)
    world.wait("it is appended at once") { world.database.state.journal.last?.draft.count == 200 }
    func middle() -> String? {
      World.projections.first {
        let key = DatabaseState.GenerationKey(projection: $0, number: 1)
        return (11..<210).contains(world.database.state.generations[key]?.place.position ?? 0)
      }
    }
    world.wait("a live fold stands in its middle") { middle() != nil }
    guard let projection = middle(), let instance = world.instance("i0") else { return }
    world.stop(instance.process, seconds: 8)
    let reached = world.database.state.generations[.init(projection: projection, number: 1)]?.place.position
    let rebuilder = Rebuilder.start(projection, folding: ProjectionSettings(cacheBytes: 1 << 20), in: world)
    world.wait("it switches") { rebuilder.rebuild.isDone }
    world.expect(world.database.state.reigns[projection]?.last?.since == reached, "it has come as far as the live fold")
    world.wait("everything is folded") { world.isFolded }
  }

  /// Nobody folds the live generation on meanwhile: an instance of a higher version would not, either.
  private static let staleTarget = Schedule(
    "a rebuild that hears late where the live fold stood, in a database that went back", instances: 1
  ) { world in
    world.write(10)
    world.wait("everything is folded") { world.isFolded }
    var backup = world.database.state
    var isAhead = false
    world.before("begin", of: "i0") {
      (backup, isAhead) = (world.database.state, true)
      world.kill($0)
    }
    world.write(20)
    world.wait("the journal is ahead of what is folded") { isAhead }
    world.pass(seconds: 0.2)
    Instance.start("i0", in: world)
    world.wait("everything is folded") { world.isFolded }
    if let instance = world.instance("i0") { world.kill(instance.process) }
    world.before("live generation", of: "rebuild1") { _ in
      (world.nextFate, world.nextDelay) = (.replySlow, 1_900_000_000)
    }
    let rebuilder = Rebuilder.start("left", in: world)
    world.pass(seconds: 0.5)
    world.database.restart(awayFor: 50_000_000, with: backup)
    world.wait("it switches") { rebuilder.rebuild.isDone }
    let live = DatabaseState.GenerationKey(projection: "left", number: 1)
    world.expect(
      world.database.state.reigns["left"]?.last?.since == backup.generations[live]?.place.position,
      "it has come as far as the live fold")
    Instance.start("i0", in: world)
    world.wait("everything is folded again") { world.isFolded }
  }

  /// All of it is in the backup's journal, and some of it not folded: what the lower version said of that is out.
  private static let higherVersion = Schedule(
    "a higher version that takes the place in a database that went back to before what is out", instances: 1
  ) { world in
    world.write(20)
    world.wait("everything is folded") { world.isFolded }
    for nth in 1...2 { world.before("begin", of: "i0", nth: nth) { _ in world.nextSlowness = 500_000_000 } }
    world.write(40)
    world.wait("all of it is journaled") { world.database.state.head.position == 60 }
    let backup = world.database.state
    world.expect(!world.isFolded, "it is not folded yet")
    let early = world.publishedCount
    world.wait("all is published") { world.isFolded && world.publishedCount > early }
    if let instance = world.instance("i0") { world.kill(instance.process) }
    world.database.restart(awayFor: 0, with: backup)
    world.version = 2
    Instance.start("i0", in: world)
    world.wait("it takes the place") { World.projections.allSatisfy { world.database.state.live[$0] == 2 } }
    world.wait("everything is folded, and published") { world.isFolded }
  }

  private static let overtakingErasure = Schedule(
    "an erasure that begins while a partition is taken over", instances: 1
  ) { world in
    world.write(20)
    world.wait("everything is folded") { world.isFolded }
    if let instance = world.instance("i0") { world.kill(instance.process) }
    world.write(5, of: "ann")
    var isStopped = false
    // It has looked for erasures already.
    world.before("takeover of \(world.inputs[0])", of: "i0") {
      isStopped = true
      world.stop($0, seconds: 1)
    }
    Instance.start("i0", in: world)
    world.wait("it is about to take the partition over") { isStopped }
    Forgetting.start("ann", in: world)
    world.wait("ann is erased") { world.times(.erased) == 1 }
    world.expect(world.times(.erasedOnArrival) > 0, "what is read of ann is erased")
  }

  /// Whoever forgets ann has reached every end and searched the journal, and sleeps for eight seconds before the event is appended.
  private static func sleepBeforeTheEvent(_ world: World) {
    world.write(10, of: "ann")
    world.wait("everything is folded") { world.isFolded }
    world.before("append of an erasure", of: "forget1") { world.stop($0, seconds: 8) }
    Forgetting.start("ann", in: world)
    world.wait("its event is about to be appended") { (world.commands.last?.pausedUntil ?? 0) > 0 }
  }

  /// What ann does meanwhile is journaled as it is.
  private static func journalMore(_ world: World) {
    let partition = world.inputs[0]
    world.write(5, of: "ann")
    world.wait("it is journaled") {
      world.database.state.partitions[partition]?.nextOffset == world.broker.log(partition)?.high
    }
  }

  private static let extendedErasure = Schedule("an erasure asked for again just before its event") { world in
    sleepBeforeTheEvent(world)
    for name in ["i0", "i1"] { if let instance = world.instance(name) { world.kill(instance.process) } }
    world.write(5, of: "ann")
    let end = world.broker.log(world.inputs[0])?.high
    Forgetting.start("ann", in: world)
    world.wait("it reaches further, and the journal is searched again") {
      world.database.state.erasures.values.contains { $0.isSearched && $0.record.ends.first?.offset == end }
    }
    world.pass(seconds: 8)
    for name in ["i0", "i1"] { Instance.start(name, in: world) }
    world.wait("ann is erased") { world.times(.erased) == 1 && world.isFolded }
  }

  /// What came behind the ends of the first request was journaled as it is, and is behind the ends of the second.
  private static let lateRequest = Schedule("an erasure extended before its event, over what stands in the journal") {
    world in
    sleepBeforeTheEvent(world)
    journalMore(world)
    var isKilled = false
    world.before("rewriting", of: "forget2") {
      isKilled = true
      world.kill($0)
    }
    Forgetting.start("ann", in: world)
    world.wait("whoever has asked again is gone") { isKilled }
    world.wait("ann is erased") { world.times(.erased) == 1 }
    Checks(world).checkErasures()
  }

  /// Who asked again has rewritten what the first request knows nothing of, and has not appended the event.
  private static let unlistedSegments = Schedule(
    "an erasure asked for again, and searched, just before its first event"
  ) {
    world in
    sleepBeforeTheEvent(world)
    journalMore(world)
    world.before("append of an erasure", of: "forget2") { world.stop($0, seconds: 60) }
    Forgetting.start("ann", in: world)
    world.wait("whoever has asked again has rewritten them") { (world.commands.last?.pausedUntil ?? 0) > 0 }
    world.wait("ann is erased") { world.times(.erased) == 1 }
    Checks(world).checkErasures()
  }

  private static let awaitedLetter = Schedule("a dead letter retried before an erasure has looked at it") { world in
    world.write(10, of: "ann")
    world.producers.writeBad(to: world.inputs[0], of: "ann")
    world.wait("it is a dead letter") { !world.database.state.letters.isEmpty && world.isFolded }
    // The journal is searched, the dead letters are not.
    world.before("emptying of letters", of: "forget1") { world.stop($0, seconds: 5) }
    Forgetting.start("ann", in: world)
    world.wait("it is about to look") { (world.commands.last?.pausedUntil ?? 0) > 0 }
    LetterRetry.start(in: world)
    world.pass(seconds: 6)
    world.wait("ann is erased") { world.times(.erased) == 1 && world.isFolded }
    world.expect(world.times(.retried) == 0, "it is not journaled any more")
  }
}
