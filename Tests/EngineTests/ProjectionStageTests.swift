import Projections
import Randomness
import Testing

@testable import Engine
@testable import Events

@Suite("The fold of the journal")
struct ProjectionStageTests {
  final class Instance {
    let stage: ProjectionStage
    let store: FakeProjectionStore
    let leases = Leases()
    let tail = JournalTail(capacity: 1 << 20) {}
    let reporter = SilentReporter()
    private var nanoseconds: Int64 = 0

    /// `pages` of each event that fans out.
    init(_ database: FakeProjectionStore.Database, _ journal: FakeJournal, pages: Int = 1) {
      store = FakeProjectionStore(database, journal)
      stage = ProjectionStage(
        name: "fake", store: store, leases: leases, tail: tail, settings: ProjectionSettings(cacheBytes: 1 << 20),
        reporter: reporter, make: { () throws(StoreError) in FakeProjection(pages: pages) }, onOutbox: {})
      leases.register(InstanceID(name: "a", start: 1))
      leases.set(held: [LeaseResource.projection("fake")], instances: ["a"], at: now)
    }

    var now: Instant { Instant(monotonicNanoseconds: nanoseconds, wall: Timestamp(microseconds: 0)) }
    func steps(_ count: Int) {
      for _ in 0..<count {
        nanoseconds += 30_000_000
        _ = stage.step(now)
      }
    }
  }

  private func append(_ hours: [Int], to journal: FakeJournal) throws { try journal.appendHours(hours) }

  private func row(_ database: FakeProjectionStore.Database) -> [Int64] {
    (database.content.row ?? []).withUnsafeBytes {
      if $0.isEmpty { return [0, 0] }
      var reader = RowReader($0)
      return [reader.bigint()!, reader.bigint()!]
    }
  }

  private func expected(_ count: Int64) -> [Int64] { [count, count * (count + 1) / 2] }

  @Test(
    "what stands behind a turn or a fan-out in the last batch is written, also when nothing more comes",
    arguments: [[1, 1, 1], [1, 9, 9, 9], [1, 1, -1, 1, 1], [1, 9, -9, 9, 30, 30, -60, 60]])
  func idle(hours: [Int]) throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try append(hours, to: journal)
    let instance = Instance(database, journal)
    instance.steps(60)
    #expect(database.content.place.position == Int64(hours.count))
    #expect(row(database) == expected(Int64(hours.count)))
  }

  @Test("each turn speaks once, and each turn of the day makes its versions once")
  func turns() throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try append([1, 2, 2, 3], to: journal)
    try append([3, 30, 1, 31], to: journal)
    let instance = Instance(database, journal)
    instance.steps(60)
    #expect(database.content.outbox == ["2", "4", "6", "8"])
    #expect(database.content.versions == 1)
    #expect(database.content.place.lastDayTurn == 6)
  }

  @Test("what another journal has behind the same position is not folded")
  func anotherJournal() throws {
    let (database, journal, left) = (FakeProjectionStore.Database(), FakeJournal(), FakeJournal())
    try append([1, 1, 1], to: journal)
    try append([1, 1, 2], to: left)
    let instance = Instance(database, journal)
    instance.steps(60)
    let epoch = database.content.epoch
    try append([2, 2], to: journal)
    try append([2, 2], to: left)
    // Of the time before the database went back; the reply to it has only just come.
    let late = left.segments[1]
    instance.tail.publish([
      try JournalBatch(
        StoredSegment(
          firstPosition: late.firstPosition, count: late.draft.count, partition: late.draft.partition,
          payload: late.draft.payload, identities: late.draft.identities, previousChain: left.segments[0].chain,
          chain: late.chain))
    ])
    instance.steps(60)
    #expect(database.content.epoch == epoch + 1)
    #expect(database.content.place.position == 5)
    #expect(database.content.place.chain == journal.segments[1].chain)
  }

  @Test("who begins where there is nothing to fold says once that it is live")
  func nothingToFold() throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try append([1, 2, 3], to: journal)
    Instance(database, journal).steps(60)
    let next = Instance(database, journal)
    next.steps(60)
    #expect(next.store.notedStates == [.live])
    #expect(database.content.place.position == 3)
  }

  @Test("a journal without the next event stops the projection, which says so, and nothing else", arguments: [0, 20])
  func gap(folded: Int) throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    let instance = Instance(database, journal)
    if folded > 0 { try append(Array(repeating: 1, count: folded), to: journal) }
    instance.steps(30)
    try append([1, 1, 1], to: journal)
    try append([1, 1], to: journal)
    let lost = journal.segments.remove(at: journal.segments.count - 2)
    instance.steps(30)
    #expect(database.content.place.position == Int64(folded))
    let reason = try #require(instance.store.noted)
    #expect(reason.contains("no event at position \(folded + 1): its next segment begins at \(folded + 4)"))
    #expect(reason.contains("pleat rebuild fake --accept-loss") == (folded == 0))
    journal.segments.insert(lost, at: journal.segments.count - 1)
    instance.steps(2_000)
    #expect(database.content.place.position == Int64(folded) + 5)
  }

  @Test("what only waits is said once in the log, and in the state too where it goes on; a commit ends it")
  func lastingWait() throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try append([1, 1], to: journal)
    let instance = Instance(database, journal)
    instance.store.fate = { .isLost }
    // Half a second after each failure, 30 ms a step.
    instance.steps(18 * (ProjectionSettings.waitsUntilShown - 2))
    #expect(instance.store.noted == nil)
    instance.steps(18 * 10)
    #expect(instance.store.noted == "the connection broke before")
    #expect(instance.store.notedStates.first == .failed)
    #expect(instance.reporter.messages.filter { $0.contains("waits") } == ["fake waits: the connection broke before"])
    #expect(!instance.reporter.messages.contains("fake goes on"))
    instance.store.fate = { .happens }
    instance.steps(60)
    #expect(database.content.place.position == 2)
    #expect(instance.reporter.messages.last == "fake goes on")
  }

  @Test(
    "what follows from what has just happened is committed at once, rows soon after, and both within seconds however much there is to fold"
  )
  func derivedUnderLoad() throws {
    func committedAfter(_ nanoseconds: Int64, _ state: ProjectionState) throws -> Committed {
      let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
      let store = FakeProjectionStore(database, journal)
      let run = FoldRun(
        FakeProjection(), at: try store.takeOver(instance: InstanceID(name: "a", start: 1)), in: store,
        settings: ProjectionSettings(cacheBytes: 1 << 20), publishes: true)
      run.state = state
      // The second turns the hour; then more of the same hour comes.
      for hours in [[1, 2], [2], [2]] { try append(hours, to: journal) }
      var walk = JournalWalk(store)
      for at in [0, 0, nanoseconds] {
        let now = Instant(monotonicNanoseconds: at, wall: Timestamp(microseconds: 0))
        while run.place.position < Int64(at == 0 ? 3 : 4), let batch = try walk.batch(after: run.place.position) {
          try run.fold(batch, now)
          try run.flushUnderLoad(now)
        }
      }
      try run.finishFlush()
      return Committed(derived: database.content.outbox, position: database.content.place.position)
    }
    struct Committed: Equatable {
      var derived: [String]
      var position: Int64
    }
    #expect(try committedAfter(49_000_000, .live) == Committed(derived: ["2"], position: 2))
    #expect(try committedAfter(50_000_000, .live) == Committed(derived: ["2"], position: 4))
    #expect(try committedAfter(9_999_000_000, .catchingUp) == Committed(derived: [], position: 0))
    #expect(try committedAfter(10_000_000_000, .catchingUp) == Committed(derived: ["2"], position: 4))
  }

  @Test("a batch that changes far more than others is folded in pieces")
  func pieces() throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    let hours = Array(repeating: 1, count: 70) + [2] + Array(repeating: 1, count: 70)
    try append(hours, to: journal)
    let store = FakeProjectionStore(database, journal)
    let run = FoldRun(
      FakeProjection(), at: try store.takeOver(instance: InstanceID(name: "a", start: 1)), in: store,
      settings: ProjectionSettings(cacheBytes: 1, dirtyBytes: 1), publishes: true)
    var walk = JournalWalk(store)
    let now = Instant(monotonicNanoseconds: 0, wall: Timestamp(microseconds: 0))
    let batch = try #require(try walk.batch(after: 0))
    var places: [Int64] = []
    while run.place.position < Int64(hours.count) {
      try run.fold(batch, now)
      try run.flushUnderLoad(now)
      places.append(run.place.position)
    }
    try run.flush()
    #expect(places == [64, 71, 135, 141])
    #expect(row(database) == expected(Int64(hours.count)))
    #expect(database.content.outbox == ["71"])
  }

  @Test(
    "an event that fans out is folded a page a step, in one transaction", arguments: [[1, 1, -1, 1], [1, 1, -9, 9]])
  func pagesOfFanOut(hours: [Int]) throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try append(Array(hours.prefix(2)), to: journal)
    let instance = Instance(database, journal, pages: 100)
    instance.steps(20)
    #expect(database.content.place.position == 2)
    try append(Array(hours.dropFirst(2)), to: journal)
    instance.steps(90)
    #expect(database.content.place.position == 2 && row(database) == expected(2))
    #expect(instance.leases.progressing(since: instance.now.monotonicNanoseconds) == [LeaseResource.projection("fake")])
    instance.steps(60)
    #expect(database.content.place.position == 4 && row(database) == expected(4))
    #expect(database.content.outbox == (hours.contains(-9) ? ["3"] : []))
  }

  @Test("who is stopped while an event fans out leaves nothing of it, and the next folds it again")
  func stoppedFanOut() throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try append([1, 9, -9, 9], to: journal)
    let stopped = Instance(database, journal, pages: 100)
    stopped.steps(60)
    stopped.stage.stop(stopped.now)
    #expect(database.content.place.position < 3)
    #expect(stopped.store.notedStates.last == .stopped)
    let next = Instance(database, journal, pages: 100)
    next.steps(200)
    #expect(database.content.place.position == 4 && row(database) == expected(4))
    #expect(database.content.outbox == ["2"])
  }

  @Test("partial rows that are large once they are whole are loaded and written in pieces")
  func largeRows() throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try append([1, 2], to: journal)
    let store = FakeProjectionStore(database, journal)
    let table = LargeRows(partial: 10)
    let run = FoldRun(
      FakeProjection(large: table), at: try store.takeOver(instance: InstanceID(name: "a", start: 1)), in: store,
      settings: ProjectionSettings(cacheBytes: LargeRows.rowBytes * 2, dirtyBytes: LargeRows.rowBytes),
      publishes: true)
    var walk = JournalWalk(store)
    let now = Instant(monotonicNanoseconds: 0, wall: Timestamp(microseconds: 0))
    while run.place.position < 2, let batch = try walk.batch(after: run.place.position) { try run.fold(batch, now) }
    try run.flush()
    #expect(database.content.place.position == 2)
    #expect(table.mostBytes == 4 * LargeRows.rowBytes)
    // What is left once all are whole is written with everything else.
    #expect(table.written == [4, 4, 2])
  }

  @Test("rows that no journal leads to fail the projection, and nothing is written")
  func fault() throws {
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    try append([1, 1], to: journal)
    let store = FakeProjectionStore(database, journal)
    let run = FoldRun(
      FakeProjection(), at: try store.takeOver(instance: InstanceID(name: "a", start: 1)), in: store,
      settings: ProjectionSettings(cacheBytes: 1 << 20), publishes: true)
    var walk = JournalWalk(store)
    let now = Instant(monotonicNanoseconds: 0, wall: Timestamp(microseconds: 0))
    try run.fold(try #require(try walk.batch(after: 0)), now)
    var sketch = PeopleSketch()
    let changed = sketch.remove(7)
    #expect(!changed)
    let error = #expect(throws: StoreError.self) { try run.flush() }
    #expect(error?.message.contains("somebody leaves who never came") == true)
    #expect(database.content.place.position == 0 && database.content.row == nil)
  }

  @Test("whatever becomes of commits and replies, every event counts once", arguments: 1...40 as ClosedRange<UInt64>)
  func once(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let (database, journal) = (FakeProjectionStore.Database(), FakeJournal())
    let pages = Int(1 + seed % 3)
    var instances = [Instance(database, journal, pages: pages)]
    var hour = 1
    for round in 0..<40 {
      try append(
        (0..<Int(1 + random.next() % 20)).map { _ in
          if random.next() % 9 == 0 { hour += Int(random.next() % 12) }
          return random.next() % 15 == 0 ? -hour : hour
        }, to: journal)
      var fates = random
      instances.last!.store.fate = {
        [.happens, .happens, .happens, .isLost, .happensAndTheReplyIsLost].randomElement(using: &fates)!
      }
      instances.last!.steps(Int(random.next() % 25))
      _ = random.next()
      if round % 9 == 4 { instances.append(Instance(database, journal, pages: pages)) }
      if round % 9 == 8, instances.count > 1 {
        // A zombie wakes up, takes over again for a moment, and is fenced by the next.
        instances.removeFirst().steps(2)
      }
    }
    instances.last!.store.fate = { .happens }
    instances.last!.steps(600)
    #expect(row(database) == expected(journal.position))
    #expect(database.content.outbox.count == Set(database.content.outbox).count)
  }
}
