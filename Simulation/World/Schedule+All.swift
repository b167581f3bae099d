import Engine

extension Schedule {
  static let rebuilds: [Schedule] = [
    Schedule("a rebuilder that wakes up after its lease and switches") { world in
      world.write(40)
      world.wait("everything is folded") { world.isFolded }
      // It has paused the live fold, and is about to switch.
      world.before("swap", of: "rebuild1") { world.stop($0, seconds: 40) }
      Rebuilder.start("left", in: world)
      world.wait("the rebuilder sleeps") { (world.commands.last?.pausedUntil ?? 0) > 0 }
      let refused = world.times(.swapRefused)
      world.write(20)
      world.wait("its lease ends, and the live fold goes on") { world.isFolded }
      let second = Rebuilder.start("left", in: world)
      world.wait("another one switches") { second.rebuild.isDone }
      let live = world.database.state.live["left"]
      world.write(5)
      world.wait("it wakes up") { world.times(.swapRefused) > refused }
      world.expect(live == 2 && world.database.state.live["left"] == live, "who slept has switched")
    },
    Schedule("a rebuilder that wakes up when the live fold has gone on, and switches") { world in
      world.write(40)
      world.wait("everything is folded") { world.isFolded }
      world.before("swap", of: "rebuild1") { world.stop($0, seconds: 40) }
      let rebuilder = Rebuilder.start("left", in: world)
      world.wait("the rebuilder sleeps") { (world.commands.last?.pausedUntil ?? 0) > 0 }
      let refused = world.times(.swapRefused)
      world.write(20)
      world.wait("its lease ends, and the live fold goes on") { world.isFolded }
      // Nobody else has begun: its generation is its own still, and stands behind the live one.
      world.wait("it wakes up, and is refused") { world.times(.swapRefused) > refused }
      world.wait("it folds the rest, and switches") { rebuilder.rebuild.isDone }
      world.expect(world.database.state.live["left"] == 2 && world.isFolded, "it has not switched")
    },
    Schedule("a takeover that waits for a switch to another generation", instances: 1) { world in
      world.write(40)
      world.wait("everything is folded") { world.isFolded }
      world.before("swap", of: "rebuild1") { _ in
        // The switch takes its time, and who has the lease back after it asks meanwhile.
        world.nextSlowness = 400_000_000
        guard let instance = world.instance("i0") else { return }
        let store = SimulatedProjectionStore(world, instance.process, "left", version: 1, role: " by hand")
        world.scheduler.spawn("takeover", instance.process, after: 100_000_000) {
          guard let me = instance.leases.instance else { return }
          do throws(StoreError) {
            let cursor = try store.takeOver(instance: me)
            world.expect(cursor.generation == 2, "the old generation is folded on")
          } catch {
            world.trace("the takeover is refused: \(error.message)")
          }
        }
      }
      let rebuilder = Rebuilder.start("left", in: world)
      world.wait("it switches") { rebuilder.rebuild.isDone }
      world.write(10)
    },
  ]

  static var crashes: [Schedule] {
    ["begin", "write", "versions", "rows", "outbox", "commit"].flatMap { statement -> [Schedule] in
      (1...3).map { nth -> Schedule in crashInTurn(statement, nth) }
    }
  }

  private static func crashInTurn(_ statement: String, _ nth: Int) -> Schedule {
    Schedule(
      "a crash between a turn and the event that turned: before \(statement), time \(nth)",
      cacheBytes: nth == 2 ? 1 : 600
    ) { world in
      var isDone = false
      world.before(statement, of: "i", nth: nth) { process in
        isDone = true
        world.kill(process)
      }
      for _ in 0..<12 where !isDone {
        world.write(10)
        world.pass(seconds: 0.3)
      }
      world.wait("a statement \(statement)") { isDone }
      world.pass(seconds: 1)
      for name in ["i0", "i1"] where world.instance(name) == nil { Instance.start(name, in: world) }
      world.write(10)
    }
  }

  static let restored: [Schedule] = [
    Schedule(
      "a restored database with its events already out, twice in a row, with crashes while ids are read back",
      instances: 1
    ) { world in
      world.write(20)
      world.wait("something is published") { world.isFolded && world.publishedCount > 2 }
      let early = world.database.state
      world.write(20)
      world.wait("more is published") { world.isFolded }
      let later = world.database.state
      world.write(40)
      world.wait("all is published") { world.isFolded }
      for backup in [later, early] {
        world.database.restart(awayFor: 100_000_000, with: backup)
        for crash in 1...3 {
          var isDone = false
          world.before("read back of analytics", of: "i", nth: crash) { process in
            isDone = true
            world.kill(process)
          }
          world.wait("ids are read back, time \(crash)") { isDone }
          world.pass(seconds: 0.2)
          Instance.start("i0", in: world)
        }
        world.write(5)
        world.wait("ids are read back, and it goes on") { world.isFolded }
      }
    },
    Schedule(
      "a database that goes back twice to one moment, and in between comes past what is out without saying it again",
      instances: 1, partitions: 2
    ) { world in
      // Nobody else is of this source: it turns the hour, and nothing is due then but what was before.
      func turn(_ partition: TopicPartition) { world.write(1, to: partition, secondsApart: 5 * 3_600, source: 7) }
      world.write(20)
      turn(world.inputs[0])
      world.wait("something is published") { world.isFolded && world.publishedCount > 2 }
      let (backup, early) = (world.database.state, world.publishedCount)
      world.write(20, secondsApart: 60)
      world.write(1)
      world.wait("more is published") { world.isFolded && world.publishedCount > early }
      turn(world.inputs[1])
      world.wait("that is folded") { world.isFolded }
      let published = world.publishedCount
      func goBack(skipping skipped: TopicPartition) {
        if let instance = world.instance("i0") { world.kill(instance.process) }
        world.database.restart(awayFor: 0, with: backup)
        if let end = world.broker.log(skipped)?.high {
          let session = world.database.open(for: "operator")
          do throws(StoreError) {
            try session.execute { session throws(StoreError) in try session.skip(skipped, to: end, end: end) }
          } catch { world.violation("the skip fails: \(error.message)") }
          session.terminate()
        }
        Instance.start("i0", in: world)
      }
      goBack(skipping: world.inputs[0])
      world.wait("another branch is folded") { world.isFolded }
      world.pass(seconds: 2)
      world.expect(world.publishedCount == published, "nothing new is said")
      let marks = world.database.state.relayPlaces.values.compactMap(\.checkedUntil)
      world.expect(marks.isEmpty, "nothing is read back any more")
      goBack(skipping: world.inputs[1])
      world.wait("it says again what it said first") { world.isFolded }
    },
    Schedule(
      "a database that went back to before its first start, with its events already out, and a fold that comes late",
      instances: 0
    ) { world in
      let empty = world.database.state
      Instance.start("i0", in: world)
      world.write(40)
      world.wait("something is published") { world.isFolded && world.publishedCount > 4 }
      if let instance = world.instance("i0") { world.kill(instance.process) }
      world.database.restart(awayFor: 100_000_000, with: empty)
      // Meanwhile the other fold passes everything that is out.
      for nth in 1...4 { world.before("takeover of right", of: "i0", nth: nth) { _ in world.nextFate = .requestLost } }
      Instance.start("i0", in: world)
      world.wait("everything is folded again") { world.isFolded }
    },
    Schedule("an erasure before a restore") { world in
      world.write(20, of: "ann")
      world.write(10, of: "bob")
      world.producers.writeBad(to: world.inputs[0], of: "ann")
      world.wait("everything is folded") { world.isFolded && !world.database.state.letters.isEmpty }
      let backup = world.database.state
      Forgetting.start("ann", in: world)
      world.wait("ann is erased") { world.times(.erased) == 1 }
      world.write(5, of: "ann")
      world.wait("everything is folded") { world.isFolded }
      world.database.restart(awayFor: 500_000_000, with: backup)
      world.wait("ann is erased again") { world.times(.erased) == 2 }
      world.expect(world.times(.erasureAgain) >= 1, "ingest has begun it")
    },
  ]
  static var restores: [Schedule] {
    restored + [askedTwice] + ["rewriting", "emptying", "append of an erasure"].map(killedErasure)
  }

  private static let askedTwice = Schedule("an erasure asked for twice, and a restore to when only the first was known")
  { world in
    world.write(20, of: "ann")
    world.wait("everything is folded") { world.isFolded }
    // Whoever takes partitions over looks into the cursor topic: it extends what the database has, and it is done once.
    func startAnew() {
      for name in ["i0", "i1"] {
        if let instance = world.instance(name) { world.kill(instance.process) }
        Instance.start(name, in: world)
      }
    }
    // The request is recorded, and nothing more: ingest does the rest.
    var backup: DatabaseState?
    world.before("begin of an erasure", of: "forget1") { world.kill($0) }
    world.before("append of an erasure", of: "i") { _ in backup = world.database.state }
    Forgetting.start("ann", in: world)
    world.wait("it is recorded") { !world.recorded.isEmpty }
    world.pass(seconds: 1)
    startAnew()
    world.wait("ingest ends it") { world.times(.erased) == 1 }
    world.write(5, of: "ann")
    world.wait("everything is folded") { world.isFolded }
    Forgetting.start("ann", in: world)
    world.wait("ann is erased again") { world.times(.erased) == 2 }
    if let backup { world.database.restart(awayFor: 500_000_000, with: backup) }
    startAnew()
    world.wait("what the database has forgotten is done again") { world.times(.erased) == 3 && world.isFolded }
    startAnew()
    world.write(5, of: "ann")
    world.pass(seconds: 15)
    world.wait("everything is folded") { world.isFolded }
    world.expect(world.times(.erased) == 3, "nothing is erased that is done")
  }

  private static func killedErasure(_ statement: String) -> Schedule {
    Schedule("an erasure killed before its \(statement), and a restore to before it") { world in
      world.write(20, of: "ann")
      world.producers.writeBad(to: world.inputs[0], of: "ann")
      world.wait("everything is folded") { world.isFolded && !world.database.state.letters.isEmpty }
      let backup = world.database.state
      var isDone = false
      world.before(statement, of: "forget") { process in
        isDone = true
        world.kill(process)
      }
      Forgetting.start("ann", in: world)
      world.wait("it is at its \(statement)") { isDone }
      world.database.restart(awayFor: 500_000_000, with: backup)
      world.write(5, of: "ann")
      world.wait("ann is erased") { world.times(.erased) == 1 }
    }
  }

  static let recreated: [Schedule] = [
    Schedule("a topic recreated and filled past the cursor") { world in
      let partition = world.inputs[0]
      world.write(20)
      world.wait("everything is folded") { world.isFolded }
      world.disturb(partition, replaced: true)
      world.broker.delete(partition)
      world.broker.recreate(partition)
      world.write(60)
      world.wait("it is noticed") { world.times(.alarm) == 1 }
      world.wait("somebody decides") { world.times(.skip) == 1 }
      let row = world.database.state.partitions[partition]
      world.expect(row?.incarnation == 1, "a new incarnation has begun")
    }
  ]
  static var topics: [Schedule] {
    recreated + [leaderAway] + [true, false].map(retried) + [3.0, 30].map(foreignTransaction)
  }

  private static let leaderAway = Schedule(
    "the broker of one partition does not answer for minutes: the others are read, and taken over", instances: 1,
    partitions: 2
  ) { world in
    let (away, there) = (world.inputs[0], world.inputs[1])
    func isRead() -> Bool { world.database.state.partitions[there]?.nextOffset == world.broker.log(there)?.high }
    world.write(20)
    world.wait("everything is folded") { world.isFolded }
    world.broker.leaderAwayUntil[away] = .max
    for round in 0..<4 {
      // Over the minute of a check, too.
      let until = world.scheduler.now + 25_000_000_000
      world.wait("time goes by") { world.scheduler.now > until }
      if round == 2, let instance = world.instance("i0") {
        world.kill(instance.process)
        Instance.start("i0", in: world)
      }
      for partition in [away, there] { world.write(10, to: partition) }
      let written = world.scheduler.now
      world.wait("the other is read") { isRead() }
      // A new instance waits for the leases of the one before.
      let seconds = Double(world.scheduler.now - written) / 1e9
      world.expect(seconds < (round == 2 ? 15 : 0.5), "the other is read within moments, and not after \(seconds) s")
    }
    world.expect(!world.isFolded, "it was away")
    world.broker.leaderAwayUntil = [:]
  }

  private static func retried(_ afterResend: Bool) -> Schedule {
    Schedule("a dead letter retried \(afterResend ? "after" : "before") its resend") { world in
      let partition = world.inputs[0]
      world.write(5)
      let id = world.producers.writeBad(to: partition, of: nil)
      world.write(5)
      world.wait("it is a dead letter") { !world.database.state.letters.isEmpty }
      world.wait("everything is folded") { world.isFolded }
      if afterResend {
        world.producers.resend(id, to: partition)
        world.wait("everything is folded") { world.isFolded }
      }
      LetterRetry.start(in: world)
      world.wait("it is gone") { world.database.state.letters.isEmpty }
      let journaled = world.database.state.head.position
      world.expect(world.times(afterResend ? .retriedDuplicate : .retried) == 1, "it is tried again")
      world.producers.resend(id, to: partition)
      world.wait("everything is folded") { world.isFolded }
      world.expect(world.database.state.head.position == journaled, "what is sent again is a duplicate")
    }
  }

  private static func foreignTransaction(_ seconds: Double) -> Schedule {
    Schedule("somebody else's open transaction over the cursor topic, for \(Int(seconds)) s") { world in
      world.write(40)
      world.wait("something is published") { world.isFolded && world.publishedCount > 3 }
      let foreign = world.broker.beginTransaction()
      world.broker.append(
        SimulatedOutputLog.cursorTopic, key: Array("x".utf8), value: Array("{}".utf8), id: nil, transaction: foreign)
      world.write(40)
      world.wait("more is published behind it") { world.isFolded }
      // What is committed behind the open transaction is hidden from who comes now.
      let owner = world.owner(of: LeaseResource.relay)
      if let instance = world.instance(owner?.name ?? "") { world.kill(instance.process) }
      world.write(20)
      world.pass(seconds: seconds)
      world.broker.end(foreign, .aborted)
    }
  }

  static let copied: [Schedule] = [
    Schedule("a configuration copied to a second machine with the name in it") { world in
      world.write(20)
      world.wait("everything is folded") { world.isFolded }
      let first = world.instance("i0")
      let second = Instance.start("i0", in: world)
      world.write(20)
      world.wait("the first one finds its name taken, and ends") { first?.isRunning == false }
      world.wait("everything is folded") { world.isFolded }
      world.expect(second.isRunning, "the younger start has the name")
    }
  ]
  private static let lateRegistration = Schedule("a registration that arrives after the same start has registered") {
    world in
    world.write(20)
    world.wait("everything is folded") { world.isFolded }
    if let instance = world.instance("i0") { world.kill(instance.process) }
    world.before("register", of: "i0") { _ in (world.nextFate, world.nextDelay) = (.late, 5_000_000_000) }
    let again = Instance.start("i0", in: world)
    world.write(20)
    world.pass(seconds: 8)
    world.wait("everything is folded") { world.isFolded }
    world.expect(again.isRunning, "it has not taken its own name over")
  }
  static var leases: [Schedule] {
    copied + [lateRegistration] + [overlong("append", 1), overlong("begin", 1), overlong("begin", 3), heldSnapshot]
  }

  private static func overlong(_ statement: String, _ times: Int) -> Schedule {
    Schedule("\(times == 1 ? "a statement" : "a flush of several statements") longer than a lease: \(statement)") {
      world in
      world.write(20)
      world.wait("everything is folded") { world.isFolded }
      let left = DatabaseState.GenerationKey(projection: "left", number: 1)
      let state = world.database.state
      let epochs = (state.partitions[world.inputs[0]]?.epoch, state.generations[left]?.epoch)
      for nth in 1...times {
        world.before(statement, of: "i", nth: nth) { _ in world.nextSlowness = 9_000_000_000 }
      }
      world.write(30)
      world.wait("it takes long") { world.times(.overlongStatement) == times }
      world.wait("everything is folded") { world.isFolded }
      let after = world.database.state
      world.expect(after.partitions[world.inputs[0]]?.epoch == epochs.0, "ingest has kept its lease")
      world.expect(after.generations[left]?.epoch == epochs.1, "the fold has kept its lease")
    }
  }
}
