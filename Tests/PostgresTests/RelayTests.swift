import Engine
import Events
import Postgres
import Testing

@Suite("The outbox in PostgreSQL")
struct RelayTests {
  @Test("the relay's places are kept, and moved by its newest epoch alone")
  func places() throws {
    let database = try TestDatabase()
    let instance = try database.instance(holding: ["relay"])
    let store = try database.outbox()
    let first = try store.takeOver(instance: instance)
    #expect(first.epoch == 1 && first.places.isEmpty && first.publishAfter == nil)
    let places = [
      "projects": RelayPlace(
        position: 5, ordinal: .max, chain: [], passed: RelayPlace.Passed(position: 9, chain: [])),
      "models": RelayPlace(position: 7, ordinal: 0, chain: [], checkedUntil: Timestamp(microseconds: 3_600_000_000)),
    ]
    try store.move(epoch: 1, places: places, state: "running", delivery: "exactly once")
    let second = try database.outbox().takeOver(instance: instance)
    #expect(second.epoch == 2 && second.places == places)
    let error = #expect(throws: StoreError.self) {
      try store.move(epoch: 1, places: ["projects": .beginning], state: "running", delivery: "")
    }
    guard case .lost = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try database.value("SELECT position FROM pleat.relay_places WHERE projection = 'projects'") == "5")
    #expect(try database.value("SELECT state || ', ' || delivery FROM pleat.relay_cursor") == "running, exactly once")
  }

  @Test("places of another journal are not taken, whatever the epoch")
  func anotherJournal() throws {
    let database = try TestDatabase()
    let store = try database.outbox()
    let epoch = try store.takeOver(instance: try database.instance(holding: ["relay"])).epoch
    let error = #expect(throws: StoreError.self) {
      let elsewhere = RelayPlace(position: 5, ordinal: 0, chain: [1, 2])
      try store.move(epoch: epoch, places: ["projects": elsewhere], state: "running", delivery: "")
    }
    guard case .lost = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try database.value("SELECT count(*) FROM pleat.relay_places") == "0")
  }

  @Test("entries come behind a place, in order")
  func entries() throws {
    let database = try TestDatabase()
    try database.connect().execute(
      """
      INSERT INTO pleat.outbox
      SELECT p, n / 2, n % 2, sha256(''), 0, 's', p || n, '2026-01-01Z', '{}'
      FROM generate_series(2, 9) n, unnest(ARRAY['p', 'q']) p
      """)
    let store = try database.outbox()
    func ids(after position: Int64, _ ordinal: Int32, limit: Int = 100) throws -> [String] {
      try store.entries("p", after: RelayPlace(position: position, ordinal: ordinal, chain: []), limit: limit).map(\.id)
    }
    #expect(try ids(after: 0, -1) == ["p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"])
    #expect(try ids(after: 2, 0) == ["p5", "p6", "p7", "p8", "p9"])
    #expect(try ids(after: 2, 1, limit: 2) == ["p6", "p7"])
    #expect(try ids(after: 4, 1) == [])
  }

  @Test("the journal knows its chain values, each at its own positions")
  func chain() throws {
    let database = try TestDatabase()
    let journal = try database.journal()
    let instance = try database.instance(holding: ["partition/events/0", "projection/p"])
    try journal.begin(instance)
    let segments = try journal.append(
      [move(epoch: 1, from: 0, to: 20)], [segment(from: 0, to: 10), segment(from: 10, to: 20)])
    let store = try database.outbox()
    let cases: [(position: Int64, chain: [UInt8], has: Bool)] = [
      (1, segments[0].chain, true), (10, segments[0].chain, true), (11, segments[0].chain, false),
      (11, segments[1].chain, true), (20, segments[1].chain, true), (21, segments[1].chain, false), (0, [], true),
      (0, segments[0].chain, false), (500, [], true),
    ]
    for each in cases {
      #expect(try store.journalHas(chain: each.chain, at: each.position) == each.has, "\(each.position)")
    }
    let projection = try database.projection()
    let cursor = try projection.takeOver(instance: instance)
    #expect(try store.foldedPlaces().mapValues(\.position) == ["p": 0])
    let place = ProjectionPlace(
      position: 20, chain: segments[1].chain, greatestTime: Timestamp(microseconds: 1_700_000_300_000_000),
      lastDayTurn: 0)
    try projection.startFlush(cursor, to: place, state: .live, [])
    try projection.finishFlush()
    let folded = try #require(try store.foldedPlaces()["p"])
    #expect(folded.position == 20 && folded.chain == segments[1].chain)
    #expect(folded.watermark == Timestamp(microseconds: 1_700_000_000_000_000))
  }

  @Test("an append wakes a listener; a stopped one waits no more")
  func listener() throws {
    let database = try TestDatabase()
    let journal = try database.journal()
    try journal.begin(try database.instance(holding: ["partition/events/0"]))
    let listener = JournalListener(try database.target())
    // A new connection cannot know what came before it.
    #expect(try listener.wait(milliseconds: 0) == .appended)
    #expect(try listener.wait(milliseconds: 0) == .timedOut)
    _ = try journal.append([move(epoch: 1, from: 0, to: 10)], [segment(from: 0, to: 10)])
    #expect(try listener.wait(milliseconds: 30_000) == .appended)
    _ = try journal.append([move(epoch: 1, from: 10, to: 20)], [])
    #expect(try listener.wait(milliseconds: 0) == .timedOut)
    listener.stop()
    #expect(try listener.wait(milliseconds: 30_000) == .stopped)
    #expect(try listener.wait(milliseconds: 30_000) == .stopped)
  }
}
