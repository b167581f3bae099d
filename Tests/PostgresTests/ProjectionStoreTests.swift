import Dispatch
import Engine
import Events
import Projections
import Testing

@testable import Postgres

@Suite("A projection in PostgreSQL")
struct ProjectionStoreTests {
  /// A database with 100 events in the journal, in ten segments, and a projection taken over.
  struct World {
    let database: TestDatabase
    let instance: InstanceID
    let store: PostgresProjectionStore
    let cursor: ProjectionCursor
    let segments: [AppendedSegment]

    init() throws {
      database = try TestDatabase()
      try database.makeSample()
      instance = try database.instance(holding: ["partition/events/0", "projection/p"])
      let journal = try database.journal()
      try journal.begin(instance)
      segments = try journal.append(
        [move(epoch: 1, from: 0, to: 100)],
        (0..<10).map { segment(from: $0 * 10, to: $0 * 10 + 10, payload: [UInt8](repeating: UInt8($0), count: 96)) })
      store = try database.projection()
      cursor = try store.takeOver(instance: instance)
    }

    /// The place after so many whole segments.
    func place(_ count: Int, lastDayTurn: Int64 = 0) -> ProjectionPlace {
      ProjectionPlace(
        position: Int64(count) * 10, chain: segments[count - 1].chain,
        greatestTime: Timestamp(microseconds: 1_700_000_000_000_000), lastDayTurn: lastDayTurn)
    }

    func cursor(at place: ProjectionPlace) -> ProjectionCursor {
      ProjectionCursor(generation: cursor.generation, epoch: cursor.epoch, place: place)
    }
  }

  private func row(_ team: String, _ technology: String, _ usage: Int64, at position: Int64) -> Sample.Row {
    Sample.Row(team: team, technology: technology, usage: usage, position: position)
  }

  @Test("inserts and updates of a flush are there, and the cursor with them")
  func flush() throws {
    let world = try World()
    let first = [row("a", "Go", 1, at: 3), row("a", "Swift", 2, at: 4), row("b", "Go", 3, at: 5)]
    try world.store.startFlush(world.cursor, to: world.place(1), state: .live, [Sample.changes(inserts: first)])
    try world.store.finishFlush()
    #expect(try world.database.sampleRows() == first)
    let inserted = row("b", "Zig", 9, at: 12)
    let updated = [row("a", "Swift", 20, at: 13), row("b", "Go", 30, at: 14)]
    try world.store.startFlush(
      world.cursor(at: world.place(1)), to: world.place(2), state: .live,
      [Sample.changes(inserts: [inserted], updates: updated)])
    try world.store.finishFlush()
    #expect(try world.database.sampleRows() == [first[0], updated[0], updated[1], inserted])
    var loaded: [Sample.Row] = []
    try world.store.load(Sample.statements, keys: Sample.keys([updated[0], row("c", "C", 0, at: 0), inserted])) {
      loaded.append(Sample.read(&$0))
    }
    #expect(Set(loaded) == [updated[0], inserted])
    let again = try world.database.projection().takeOver(instance: world.instance)
    #expect(again.place.position == 20 && again.place.chain == world.segments[1].chain && again.epoch == 2)
    #expect(again.place.greatestTime == Timestamp(microseconds: 1_700_000_000_000_000))
    #expect(try world.database.value("SELECT state FROM pleat.projection_cursors") == "live")
  }

  @Test("temporary tables do not live as long as a session: nobody freezes them")
  func stages() throws {
    let world = try World()
    let rows = [row("a", "Go", 1, at: 3)]
    try world.store.startFlush(world.cursor, to: world.place(1), state: .live, [Sample.changes(inserts: rows)])
    try world.store.finishFlush()
    func stage() throws -> String? {
      try world.database.value(
        "SELECT string_agg(oid::text, ',') FROM pg_class WHERE relname LIKE 'stage!_%' ESCAPE '!'")
    }
    var found: [String?] = []
    for step in 1...4 {
      if step == 3 { world.store.store.stageMilliseconds = 0 }
      try world.store.startFlush(
        world.cursor(at: world.place(step)), to: world.place(step + 1), state: .live,
        [Sample.changes(updates: [row("a", "Go", Int64(step), at: Int64(10 * step + 1))])])
      try world.store.finishFlush()
      found.append(try stage())
    }
    #expect(found[0] != nil && found[0] == found[1] && Set(found).count == 3, "\(found)")
    #expect(try world.database.sampleRows() == [row("a", "Go", 4, at: 41)])
  }

  enum Fault: CaseIterable {
    case staleEpoch, repeatedPlace, otherChainBefore, chainNotInJournal, positionBeyondJournal, missingRow, doubleInsert
  }

  @Test("a flush that fails leaves nothing", arguments: Fault.allCases)
  func failure(_ fault: Fault) throws {
    let world = try World()
    let rows = [row("a", "Go", 1, at: 3)]
    try world.store.startFlush(world.cursor, to: world.place(1), state: .live, [Sample.changes(inserts: rows)])
    try world.store.finishFlush()
    var cursor = world.cursor(at: world.place(1))
    var place = world.place(2)
    var changes = Sample.changes(inserts: [row("n", "New", 1, at: 11)], updates: [row("a", "Go", 5, at: 12)])
    var isLost = true
    switch fault {
    case .staleEpoch: cursor.epoch -= 1
    case .repeatedPlace: cursor.place = world.cursor.place
    case .otherChainBefore: cursor.place.chain = world.segments[5].chain
    case .chainNotInJournal: place.chain = [UInt8](repeating: 7, count: 32)
    case .positionBeyondJournal: place.position = 5000
    case .missingRow:
      isLost = false
      changes.updates = Sample.write([row("a", "Go", 5, at: 12), row("missing", "Go", 5, at: 12)])
    case .doubleInsert:
      isLost = false
      changes.inserts = Sample.write(rows)
    }
    try world.store.startFlush(cursor, to: place, state: .live, [changes])
    let error = #expect(throws: StoreError.self) { try world.store.finishFlush() }
    switch error {
    case .lost: #expect(isLost)
    case .refused: #expect(!isLost)
    default: Issue.record("\(String(describing: error))")
    }
    #expect(try world.database.sampleRows() == rows)
    #expect(try world.database.value("SELECT position FROM pleat.projection_cursors") == "10")
    // And the store goes on.
    let taken = try world.store.takeOver(instance: world.instance)
    try world.store.startFlush(
      taken, to: world.place(2), state: .live, [Sample.changes(updates: [row("a", "Go", 6, at: 15)])])
    try world.store.finishFlush()
    #expect(try world.database.sampleRows() == [row("a", "Go", 6, at: 15)])
  }

  @Test("nothing is written outside of a transaction that moves the cursor")
  func unfenced() throws {
    let world = try World()
    let changes = [Sample.changes(inserts: [row("a", "Go", 1, at: 3)])]
    #expect(throws: StoreError.self) { try world.store.write(changes) }
    #expect(throws: StoreError.self) { try world.store.appendOutbox([], at: 1, chain: []) }
    #expect(throws: StoreError.self) { try world.store.commit() }
    #expect(try world.database.sampleRows() == [])
  }

  @Test("a turn's transaction writes rows several times, versions, outbox, and streams what it wrote")
  func turn() throws {
    let world = try World()
    let before = [row("a", "Go", 1, at: 3), row("b", "Go", 1, at: 4)]
    let turn = Turn(
      position: 20, watermark: Timestamp(microseconds: 1_700_006_400_000_000),
      previousWatermark: Timestamp(microseconds: 1_700_000_000_000_000))
    try world.store.begin(world.cursor, to: world.place(2, lastDayTurn: 20), state: .live)
    try world.store.write([Sample.changes(inserts: before)])
    try world.store.makeVersions([Sample.statements], at: turn, since: 0)
    var streamed: [Sample.Row] = []
    try world.store.rows(
      """
      SELECT team_id, technology, usage_count, successes, failures, position FROM pleat.sample_current
      WHERE generation = $1 AND team_id > $2 ORDER BY team_id
      """, [.text("")]
    ) { reader in
      let read = Sample.read(&reader)
      streamed.append(read)
      // Written while the stream is open, twice the same table, and once each key.
      let doubled = row(read.team, read.technology, read.usage + 10, at: 20)
      try world.store.write([Sample.changes(updates: [doubled])])
    }
    let events = [OutputTopic.events, .teams].map {
      DerivedEvent(topic: $0, subject: "technology/Go", id: "\($0)", asOf: turn.hour, json: #"{"a":"ä"}"#)
    }
    try world.store.appendOutbox(events, at: 20, chain: world.segments[1].chain)
    try world.store.write([Sample.changes(updates: [row("a", "Go", 100, at: 20)])])
    try world.store.commit()

    #expect(streamed == before)
    #expect(try world.database.sampleRows() == [row("a", "Go", 100, at: 20), row("b", "Go", 11, at: 20)])
    #expect(
      try world.database.value(
        "SELECT string_agg(team_id || usage_count || '@' || position, ' ' ORDER BY team_id) FROM pleat.sample")
        == "a1@20 b1@20")
    #expect(try world.database.value("SELECT projection || position FROM pleat.turns") == "p20")
    let entries = try world.database.outbox().entries("p", after: .beginning, limit: 10)
    #expect(entries.map(\.ordinal) == [0, 1])
    #expect(entries.map(\.topic) == [.events, .teams])
    #expect(entries.map(\.id) == ["events", "teams"])
    #expect(entries[0].json == #"{"a":"ä"}"# && entries[0].asOf == turn.hour && entries[0].position == 20)
  }

  @Test("a stream of many rows comes whole and in order")
  func longStream() throws {
    let world = try World()
    let rows = (0..<4500).map { row("team", "\(10_000 + $0)", Int64($0), at: 5) }
    try world.store.begin(world.cursor, to: world.place(1), state: .live)
    try world.store.write([Sample.changes(inserts: rows)])
    var streamed: [Int64] = []
    try world.store.rows("SELECT usage_count FROM pleat.sample_current WHERE generation = $1 ORDER BY technology", []) {
      streamed.append($0.bigint() ?? -1)
    }
    try world.store.commit()
    #expect(streamed == (0..<4500).map { Int64($0) })
  }

  @Test("segments are read from the one that holds the next position, up to a size, at least one")
  func segments() throws {
    let world = try World()
    func read(after position: Int64, bytes: Int) throws -> [Int64] {
      try world.store.segments(after: position, bytes: bytes).map(\.firstPosition)
    }
    #expect(try read(after: 0, bytes: 1) == [1])
    #expect(try read(after: 0, bytes: 250) == [1, 11, 21])
    #expect(try read(after: 9, bytes: 101) == [1, 11])
    #expect(try read(after: 10, bytes: 1) == [11])
    #expect(try read(after: 85, bytes: 1 << 20) == [81, 91])
    #expect(try read(after: 100, bytes: 1 << 20) == [])
    let segment = try world.store.segments(after: 20, bytes: 1)[0]
    #expect(segment.count == 10 && segment.partition == partition)
    #expect(segment.payload == [UInt8](repeating: 2, count: 96) && segment.identities == [20, 20, 20, 20])
    #expect(segment.chain == world.segments[2].chain)
    // Also where it is read from within a segment on, but for the first segment there is.
    let chains = try world.store.segments(after: 15, bytes: 1 << 20).map(\.previousChain)
    #expect(chains[1...] == ArraySlice(world.segments[1...8].map { $0.chain }))
    #expect(try world.store.segments(after: 20, bytes: 1)[0].previousChain == world.segments[1].chain)
    #expect(try world.store.segments(after: 0, bytes: 1)[0].previousChain == nil)
  }

  @Test("a transaction that is open while the journal gets further tables moves on to what stands in them")
  func journalGrows() throws {
    let world = try World()
    try world.store.begin(world.cursor, to: world.place(1), state: .catchingUp)
    // As if a million events a table had come meanwhile.
    try world.database.connect().execute("UPDATE pleat.journal_head SET position = partitioned_until - 1")
    let journal = try world.database.journal()
    try journal.begin(world.instance)
    let segment = try journal.append([move(epoch: 2, from: 100, to: 110)], [segment(from: 100, to: 110)])[0]
    let place = ProjectionPlace(
      position: segment.firstPosition, chain: segment.chain, greatestTime: world.place(1).greatestTime, lastDayTurn: 0)
    try world.store.begin(world.cursor(at: world.place(1)), to: place, state: .live)
    try world.store.commit()
    #expect(try world.store.takeOver(instance: world.instance).place.position == segment.firstPosition)
  }

  @Test("a reset does not wait for a flush that is blocked")
  func resetInFlight() throws {
    let world = try World()
    let blocker = try world.database.connect()
    try blocker.execute("BEGIN; LOCK TABLE pleat.sample_current IN ACCESS EXCLUSIVE MODE")
    try world.store.startFlush(
      world.cursor, to: world.place(1), state: .live, [Sample.changes(inserts: [row("a", "Go", 1, at: 1)])])
    try world.database.waitUntil(
      "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
    #expect(!world.store.flushIsDone())
    world.store.reset()
    #expect(world.store.flushIsDone())
    try blocker.execute("COMMIT")
    let taken = try world.store.takeOver(instance: world.instance)
    #expect(taken.epoch == 2 && taken.place.position == 0)
    #expect(try world.database.sampleRows() == [])
  }

  @Test("the end of a flush is told from its own thread")
  func told() throws {
    let world = try World()
    let told = DispatchSemaphore(value: 0)
    world.store.onFlushDone = { told.signal() }
    try world.store.startFlush(world.cursor, to: world.place(1), state: .live, [])
    try world.store.finishFlush()
    // Maybe after whoever waited for the end.
    #expect(told.wait(timeout: .now() + 60) == .success)
  }

  @Test("a generation of other versions or another key is refused")
  func versions() throws {
    let world = try World()
    for (fold, catalog) in [(2, 1), (1, 2)] {
      let other = PostgresProjectionStore(
        try world.database.target(), projection: "p", foldVersion: fold, catalogVersion: catalog)
      let error = #expect(throws: StoreError.self) { try other.takeOver(instance: world.instance) }
      guard case .foreign = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
    try world.database.connect().execute("UPDATE pleat.secrets SET hash_key = '\\x000102030405060708090a0b0c0d0e0f'")
    #expect(throws: StoreError.self) { try world.store.takeOver(instance: world.instance) }
    #expect(try world.database.value("SELECT epoch FROM pleat.projection_cursors") == "1")
  }

  @Test("why a projection does not go on is kept, and gone with its next commit")
  func noted() throws {
    let world = try World()
    try world.store.noteState(.failed, reason: "a constraint")
    #expect(
      try world.database.value("SELECT state || ' ' || reason FROM pleat.projection_cursors") == "failed a constraint")
    try world.store.startFlush(world.cursor, to: world.place(1), state: .catchingUp, [])
    try world.store.finishFlush()
    #expect(
      try world.database.value("SELECT state || coalesce(reason, '') FROM pleat.projection_cursors") == "catching_up")
  }
}
