import Events
import Projections
import Testing

@testable import Engine

@Suite("A rebuild beside the live fold")
struct RebuildTests {
  /// A journal, the live fold of an instance, and whoever rebuilds.
  final class World {
    let journal = FakeJournal()
    let database: FakeGenerations
    let leases = Leases()
    let tail = JournalTail(capacity: 1 << 20) {}
    let reporter = SilentReporter()
    let instance = InstanceID(name: "one", start: 1)
    let liveStore: FakeGenerationStore
    let live: ProjectionStage
    private var nanoseconds: Int64 = 0
    private var hour = 1

    init(events: Int = 300) throws {
      database = FakeGenerations(journal)
      liveStore = FakeGenerationStore(database)
      live = ProjectionStage(
        name: "fake", store: liveStore, leases: leases, tail: tail, settings: ProjectionSettings(cacheBytes: 1 << 20),
        reporter: reporter, make: { () throws(StoreError) in FakeProjection() }, onOutbox: {})
      leases.register(instance)
      database.content.owners[LeaseResource.projection("fake")] = instance
      try append(events)
    }

    var now: Instant { Instant(monotonicNanoseconds: nanoseconds, wall: Timestamp(microseconds: 0)) }

    /// Segments of twenty events, some of which turn the hour or fan out.
    func append(_ count: Int) throws {
      for first in stride(from: 0, to: count, by: 20) {
        try journal.appendHours(
          (first..<min(first + 20, count)).map { index in
            if index % 7 == 3 { hour += index % 5 == 0 ? 25 : 1 }
            return index % 31 == 17 ? -hour : hour
          })
      }
    }

    /// What the keeper of leases would say, then so many steps.
    func liveSteps(_ count: Int) {
      for _ in 0..<count {
        nanoseconds += 600_000_000
        let resource = LeaseResource.projection("fake")
        leases.set(
          held: database.content.owners[resource] == instance ? [resource] : [], instances: ["one"], at: now)
        if database.content.owners[resource] == nil { database.content.owners[resource] = instance }
        _ = live.step(now)
      }
    }

    /// - Parameter pages: of each event that fans out.
    func rebuild(_ owner: String = "r", version: Int = 1, pages: Int = 1) -> (Rebuild, FakeGenerationStore) {
      let store = FakeGenerationStore(database, version: version)
      let rebuild = Rebuild(
        name: "fake", store: store,
        settings: Rebuild.Settings(
          owner: InstanceID(name: owner, start: 1), leaseSeconds: 10, acceptLoss: false),
        folding: ProjectionSettings(cacheBytes: 1 << 20), reporter: reporter,
        make: { () throws(StoreError) in FakeProjection(pages: pages) })
      return (rebuild, store)
    }

    /// Steps, trying again after errors; false if it is not done by then.
    @discardableResult
    func drive(_ rebuild: Rebuild, steps: Int) -> Bool {
      for _ in 0..<steps where !rebuild.isDone {
        nanoseconds += 30_000_000
        // What fails is tried again, as the command does.
        _ = try? rebuild.step(now)
      }
      return rebuild.isDone
    }

    func pass(seconds: Int64) { nanoseconds += seconds * 1_000_000_000 }

    /// The live row is the sum over the whole journal, and each turn has spoken once.
    func expectRight(_ comment: Comment? = nil) {
      liveSteps(250)
      let position = journal.position
      let row: [Int64] = (database.liveRow ?? []).withUnsafeBytes {
        if $0.isEmpty { return [0, 0] }
        var reader = RowReader($0)
        return [reader.bigint()!, reader.bigint()!]
      }
      #expect(row == [position, position * (position + 1) / 2], comment)
      #expect(database.livePlace.position == position, comment)
      let outbox = database.content.outbox
      #expect(outbox == turns(), comment)
    }

    /// The positions at which the hour turns, by going through the journal.
    private func turns() -> [String] {
      var finder = TurnFinder(greatestTime: nil)
      var found: [String] = []
      for segment in journal.segments {
        guard let batch = try? EventBatch(payload: segment.draft.payload, identities: segment.draft.identities) else {
          continue
        }
        var index = 0
        while index < batch.count {
          index = finder.advance(through: batch.events, in: index..<batch.count)
          guard index < batch.count else { break }
          let position = segment.firstPosition + Int64(index)
          _ = finder.turn(with: batch.events[index], at: position)
          found.append("\(position)")
          index += 1
        }
      }
      return found
    }
  }

  @Test("it takes the place of the live one, which goes on, and what was is deleted")
  func switches() throws {
    let world = try World()
    world.liveSteps(40)
    let (rebuild, _) = world.rebuild()
    #expect(world.drive(rebuild, steps: 400))
    #expect(world.database.content.live == 2 && Array(world.database.content.generations.keys) == [2])
    try world.append(100)
    world.expectRight()
  }

  @Test("killed before any statement, it leaves the live one right, and the next one finishes", arguments: 1...40)
  func killed(before statement: Int) throws {
    let world = try World(events: 160)
    world.liveSteps(8)
    let (rebuild, store) = world.rebuild("first")
    var count = 0
    var isDead = false
    store.onStatement = { _ in
      count += 1
      if count == statement { isDead = true }
    }
    store.fate = { isDead ? .isLost : .happens }
    for _ in 0..<400 where !rebuild.isDone && !isDead { world.drive(rebuild, steps: 1) }
    try world.append(60)
    world.liveSteps(3)
    world.database.expire("first")
    let (second, _) = world.rebuild("second")
    #expect(world.drive(second, steps: 600))
    #expect(world.database.content.generations.count == 1)
    world.expectRight("killed before statement \(statement)")
  }

  @Test("a reply that is lost is no switch twice", arguments: 1...40)
  func lostReply(at statement: Int) throws {
    let world = try World(events: 160)
    world.liveSteps(20)
    let (rebuild, store) = world.rebuild()
    var count = 0
    store.fate = {
      count += 1
      return count == statement ? .happensAndTheReplyIsLost : .happens
    }
    #expect(world.drive(rebuild, steps: 600))
    #expect(world.database.content.live == 2, "the journal was folded a second time after its switch")
    world.expectRight("reply \(statement) lost")
  }

  @Test("a switch whose reply is lost is reported at the place where it happened")
  func lostSwitch() throws {
    let world = try World(events: 160)
    world.liveSteps(40)
    let (rebuild, store) = world.rebuild()
    store.onStatement = { what in
      store.fate = { what == "swap" ? .happensAndTheReplyIsLost : .happens }
    }
    for _ in 0..<400 where world.database.content.live == 1 { world.drive(rebuild, steps: 1) }
    try world.append(60)
    world.pass(seconds: 20)
    world.liveSteps(40)
    #expect(world.database.livePlace.position == 220)
    #expect(world.drive(rebuild, steps: 400))
    #expect(rebuild.outcome?.generation == 2 && rebuild.outcome?.position == 160)
    world.expectRight()
  }

  @Test("a zombie that wakes up writes nothing and switches nothing", arguments: ["commit", "seize", "swap", "drop"])
  func zombie(asleepBefore statement: String) throws {
    let world = try World(events: 160)
    world.liveSteps(8)
    let (zombie, store) = world.rebuild("zombie")
    var hasSlept = false
    store.onStatement = { what in
      guard what == statement, !hasSlept else { return }
      hasSlept = true
      // While it sleeps its leases end, the live fold goes on, and another rebuilds.
      world.database.expire("zombie")
      world.liveSteps(4)
      let (second, _) = world.rebuild("second")
      #expect(world.drive(second, steps: 600))
      world.liveSteps(4)
    }
    for _ in 0..<600 where !hasSlept { world.drive(zombie, steps: 1) }
    #expect(hasSlept)
    let live = world.database.content.live
    world.drive(zombie, steps: 1)
    #expect(world.database.content.live == live)
    world.expectRight("asleep before \(statement)")
  }

  @Test("the live fold that is killed while it is paused goes on when the lease ends")
  func liveKilled() throws {
    let world = try World(events: 160)
    world.liveSteps(8)
    let (rebuild, store) = world.rebuild("dead")
    store.onStatement = { if $0 == "swap" { store.fate = { .isLost } } }
    for _ in 0..<400 where world.database.content.owners["projection/fake"]?.name != "dead" {
      world.drive(rebuild, steps: 1)
    }
    try world.append(60)
    world.liveSteps(5)
    #expect(world.database.livePlace.position <= 160, "the live fold went on while it was paused")
    world.database.expire("dead")
    world.expectRight()
  }

  @Test("where the rest takes longer than 10 seconds it lets go, and tries later")
  func letsGo() throws {
    let world = try World(events: 160)
    world.liveSteps(30)
    let (rebuild, store) = world.rebuild()
    var seizures = 0
    var returns = 0
    store.onStatement = { what in
      if what == "seize" {
        seizures += 1
        if seizures == 1 {
          // Much comes at the last moment, and then the rebuilder is slow.
          try? world.append(400)
          world.liveSteps(40)
          world.pass(seconds: 1)
        }
      }
      if what == "return" { returns += 1 }
      if what == "commit", seizures == 1, returns == 0 { world.pass(seconds: 11) }
    }
    #expect(world.drive(rebuild, steps: 2_000))
    #expect(seizures == 2 && returns == 1)
    world.expectRight()
  }

  @Test("where an event of the rest fans out for longer than 10 seconds it lets go, and folds that event to its end")
  func letsGoInFanOut() throws {
    let world = try World(events: 20)
    world.liveSteps(30)
    let (rebuild, store) = world.rebuild(pages: 12)
    var seizures = 0
    var returns = 0
    store.onStatement = { what in
      if what == "seize" {
        seizures += 1
        if seizures == 1 {
          // The live fold commits once more before it is paused, behind an event that fans out.
          try? world.append(20)
          world.liveSteps(40)
        }
      }
      if what == "return" { returns += 1 }
    }
    for _ in 0..<400 where !rebuild.isDone {
      world.pass(seconds: 1)
      _ = try rebuild.step(world.now)
    }
    #expect(rebuild.isDone && seizures == 2 && returns == 1)
    world.expectRight()
  }

  @Test("a lower version never takes the place of a higher one, and an instance folds only its own")
  func versions() throws {
    let world = try World(events: 160)
    world.liveSteps(20)
    let (higher, _) = world.rebuild(version: 2)
    #expect(world.drive(higher, steps: 400))
    #expect(world.database.content.generations[world.database.content.live]!.version == 2)
    let before = world.database.livePlace.position
    try world.append(40)
    world.liveSteps(20)
    #expect(world.database.livePlace.position == before, "a lower version has folded a higher one's generation")
    let (lower, _) = world.rebuild("lower", version: 1)
    let error = #expect(throws: StoreError.self) { try lower.step(world.now) }
    guard case .foreign = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("only a version that is higher, or not lower with another key, begins by itself")
  func needs() throws {
    func candidate(_ fold: Int, _ catalog: Int) throws -> RebuildStage.Candidate {
      RebuildStage.Candidate(
        name: "fake", store: FakeGenerationStore(FakeGenerations(FakeJournal())), foldVersion: fold,
        catalogVersion: catalog, folding: ProjectionSettings(cacheBytes: 0),
        make: { () throws(StoreError) in FakeProjection() })
    }
    func live(_ fold: Int, _ catalog: Int, key: Bool = true) -> LiveGeneration {
      LiveGeneration(
        generation: 1, position: 0, foldVersion: fold, catalogVersion: catalog, hasCurrentKey: key, hasOld: false)
    }
    let cases: [(Int, Int, LiveGeneration, Bool)] = [
      (2, 2, live(2, 2), false), (3, 2, live(2, 2), true), (2, 3, live(2, 2), true), (1, 2, live(2, 2), false),
      (3, 1, live(2, 2), false), (1, 3, live(2, 2), false), (2, 2, live(2, 2, key: false), true),
      (1, 2, live(2, 2, key: false), false),
    ]
    for (fold, catalog, live, expected) in cases {
      #expect(try candidate(fold, catalog).takesThePlace(of: live) == expected, "\(fold) \(catalog) \(live)")
    }
  }
}
