import Events
import Randomness
import Testing

@testable import Projections

private let minute: Int64 = 60_000_000
private let hour = Timestamp.microsecondsPerHour

@Suite("The projection of activity")
struct ActivityProjectionTests {
  private func fold(_ facts: [ActivityFact], _ borders: Borders = .oneGo, seed: UInt64 = 0) throws -> ActivityStore {
    var projection = ActivityProjection(key: ActivityStore.key)
    let store = ActivityStore(projection.tables)
    var random = SeededRandom(seed: seed)
    var batches: [EventBatch] = []
    var first = 0
    while first < facts.count {
      let end = borders.batch == .max ? facts.count : min(first + 1 + random.below(borders.batch), facts.count)
      batches.append(EventBatch(activity: facts[first..<end]))
      first = end
    }
    let derived = try run(batches, &projection, store, borders)
    #expect(derived.isEmpty)
    return store
  }

  private func hash(_ session: String) -> Int64 {
    Array(session.utf8).withUnsafeBufferPointer { storedHash(sipHash24(ActivityStore.key, $0)) }
  }

  @Test("a step adds to its hour, a look-up to its day, an error to its hour, each at its event time")
  func rows() throws {
    let store = try fold([
      ActivityFact(25 * hour, .step(3, session: "s", durationMicroseconds: 1500)),
      ActivityFact(25 * hour + 1, .step(3, session: "t")),
      ActivityFact(25 * hour + 2, .step(3, session: "s", durationMicroseconds: 100)),
      ActivityFact(25 * hour + 3, .lookup(cache: "c", isHit: true, tokens: 7, nanodollars: 5)),
      ActivityFact(24 * hour, .lookup(cache: "c", isHit: false, nanodollars: 2)),
      ActivityFact(24 * hour - 1, .error(component: "x", .critical)),
      ActivityFact(25 * hour, .other),
    ])
    let steps = store.rows(of: "wizard_activity")
    #expect(steps.map { $0.integer(0) } == [3] && steps.map { $0.time(1) } == [25 * hour])
    #expect(steps.map { [$0.integer(2), $0.integer(3)] } == [[3, 2]])
    #expect(steps[0].ints(4) == [100, LatencyHistogram.bucket(of: 1500)] && steps[0].integers(5) == [1, 2])
    let sketches = store.rows(of: "wizard_sketches")
    #expect(sketches.map { $0.integers(2) } == [[hash("s"), hash("t")].sorted()])
    let caches = store.rows(of: "cache_stats")
    #expect(caches.map { $0.text(0) } == ["c"] && caches.map { $0.day(1) } == [1])
    #expect(caches.map { [$0.integer(2), $0.integer(3)] } == [[1, 1]])
    let errors = store.rows(of: "errors")
    #expect(
      errors.map { [$0.text(0), $0.text(1)] } == [["x", "critical"]] && errors.map { $0.time(2) } == [23 * hour])
    #expect(errors.map { [$0.integer(3), $0.integer(4)] } == [[1, 6]])
  }

  @Test("a session stands at its newest step, by event time and then by position")
  func newestStep() throws {
    let store = try fold([
      ActivityFact(100, .step(2, session: "s")),
      ActivityFact(50, .step(9, session: "s")),
      ActivityFact(100, .step(4, session: "s")),
      ActivityFact(99, .step(5, session: "s")),
    ])
    let sessions = store.rows(of: "wizard_sessions")
    #expect(sessions.map { [$0.integer(0), $0.integer(1), $0.time(2), $0.integer(3)] } == [[hash("s"), 4, 100, 3]])
  }

  @Test("a turn of the hour takes the sessions that can never count again, and no other")
  func endedSessions() throws {
    // The watermark reaches 2:00 with the event of 2:05.
    let store = try fold([
      ActivityFact(90 * minute - 1, .step(1, session: "ended")),
      ActivityFact(90 * minute, .step(1, session: "still there")),
      ActivityFact(125 * minute, .step(1, session: "new")),
      ActivityFact(10 * minute, .step(1, session: "late, and ended before it came")),
    ])
    let left = Set(store.rows(of: "wizard_sessions").map { $0.integer(0) })
    #expect(left == [hash("still there"), hash("new"), hash("late, and ended before it came")])
  }

  /// What memory forgot comes back as partial rows, and sessions end at whatever turns there are.
  @Test("the rows are the same whatever the borders, the flushes and what memory forgets", arguments: 0..<20)
  func anyBorders(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let facts = (0..<500).map { ActivityFact.random(&random, around: 100 * hour + Int64($0) * minute) }
    let expected = try fold(facts)
    var borders = Borders(random: SeededRandom(seed: seed &+ 1000))
    borders.assumesEmpty = seed.isMultiple(of: 2)
    let store = try fold(facts, borders, seed: seed)
    for table in ["wizard_activity", "wizard_sketches", "wizard_sessions", "cache_stats", "errors"] {
      #expect(store.rows(of: table) == expected.rows(of: table), "\(table), seed \(seed)")
    }

    // What counts at the end is what going through all events once more says.
    let watermark = facts.map(\.time).max()! - 5 * minute
    var newest: [String: (time: Int64, position: Int, step: UInt8)] = [:]
    for (position, fact) in facts.enumerated() {
      guard case .step(let step, let session, _) = fact.what else { continue }
      if let known = newest[session], (known.time, known.position) > (fact.time, position) { continue }
      newest[session] = (fact.time, position, step)
    }
    let counting = newest.values.filter { $0.time >= watermark - 30 * minute }.map { Int64($0.step) }
    let found = store.rows(of: "wizard_sessions").filter { $0.time(2)! >= watermark - 30 * minute }
    #expect(found.map { $0.integer(1)! }.sorted() == counting.sorted(), "seed \(seed)")
  }
}
