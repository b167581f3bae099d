import Engine
import Events
import Postgres
import Projections
import Testing

@Suite("Erasures and retention in PostgreSQL")
struct ErasureStoreTests {
  /// A database with the migrations of both, and a journal of so many segments.
  static func database(segments: Int = 3, count: Int32? = nil) throws -> TestDatabase {
    let database = try TestDatabase()
    try database.migrate(7, 8, 16, 19)
    let journal = try database.journal()
    try journal.begin(try database.instance(holding: ["partition/events/0"]))
    for index in 0..<segments {
      let from = Int64(index) * 10
      _ = try journal.append(
        [move(epoch: 1, from: from, to: from + 10)], [segment(from: from, to: from + 10, count: count)])
    }
    return database
  }

  static func record(_ id: Int, hash: UInt64 = 7, end: Int64 = 30) -> ErasureRecord {
    ErasureRecord(
      id: "00000000-0000-0000-0000-00000000000\(id)", hash: hash,
      requestedAt: Timestamp(microseconds: 1_700_000_000_000_000),
      ends: [.init(partition: partition, incarnation: 0, offset: end)])
  }

  private func expectLost(_ body: () throws -> Void) {
    let error = #expect(throws: StoreError.self) { try body() }
    if case .lost = error {} else { Issue.record("\(String(describing: error))") }
  }

  @Test("an erasure raises every epoch, and one of the same person extends it")
  func begin() throws {
    let database = try Self.database()
    let store = PostgresErasureStore(try database.target())
    #expect(try store.begin(Self.record(1), busySeconds: 0) == Self.record(1).id)
    #expect(try database.value("SELECT epoch FROM pleat.partitions") == "2")
    #expect(try store.begin(Self.record(2, end: 20), busySeconds: 0) == Self.record(1).id)
    #expect(try database.value("SELECT epoch FROM pleat.partitions") == "2")
    #expect(try store.begin(Self.record(2, end: 40), busySeconds: 0) == Self.record(1).id)
    #expect(try database.value("SELECT epoch FROM pleat.partitions") == "3")
    let open = try store.open()
    #expect(open.count == 1 && open[0].searchUntil == 30 && open[0].hash == 7)
    #expect(open[0].ends == Self.record(1, end: 40).ends)
    // The cursor topic may name the second alone: it is not to be begun once the first is done.
    let ids = (1...3).map { Self.record($0).id }
    #expect(try store.known(ids) == Set(ids.prefix(2)))
    try database.connect().execute("UPDATE pleat.erasures SET position = 1")
    #expect(try store.begin(Self.record(2, end: 40), busySeconds: 0) == Self.record(1).id)
    #expect(try store.open().isEmpty)
  }

  @Test("whoever begins an erasure and knows the id is at work from then on")
  func beginBusy() throws {
    let database = try Self.database()
    let store = PostgresErasureStore(try database.target())
    let id = try store.begin(Self.record(1), busySeconds: 600)
    let open = try #require(try store.open().first)
    #expect(id == Self.record(1).id && open.isBusy && open.wasBusy && open.searchedTo == 0)
    _ = try store.begin(Self.record(1, end: 40), busySeconds: 0)
    #expect(try store.open().first?.isBusy == true)
  }

  @Test(
    "who knows the id looks at what somebody searched for the hash alone, and is not told done by that one afterwards")
  func beginAfterHash() throws {
    let database = try Self.database()
    let store = PostgresErasureStore(try database.target())
    let id = try store.begin(Self.record(1), busySeconds: 0)
    func note() throws {
      try store.rewrite(id, searchedTo: 30, busySeconds: BusySeconds.byHashAlone, [])
      try store.eraseLetters(id, searchedTo: 5, busySeconds: BusySeconds.byHashAlone, [])
    }
    func searched() throws -> [Int64] { try store.open().flatMap { [$0.searchedTo, $0.lettersTo] } }
    try note()
    #expect(try searched() == [30, 5])
    _ = try store.begin(Self.record(2), busySeconds: 600)
    #expect(try searched() == [0, 0])
    expectLost(note)
    #expect(try searched() == [0, 0])
    // Begun again, what the one who knew it has searched counts.
    try store.rewrite(id, searchedTo: 20, busySeconds: 600, [])
    _ = try store.begin(Self.record(3), busySeconds: 600)
    #expect(try searched() == [20, 0])
  }

  @Test("what a skip has read again is erased again: the ends follow, and who was forgotten before is forgotten there")
  func skip() throws {
    let database = try Self.database()
    let store = PostgresErasureStore(try database.target())
    let connection = try database.connect()
    func skip(to: Int64, end: Int64) throws {
      try connection.execute("SELECT pleat.skip('events', 0, \(to), 'why', \(end))")
    }
    func ends() throws -> [String] {
      try store.open().map { erasure in
        "\(erasure.hash): " + erasure.ends.map { "\($0.incarnation)/\($0.offset)" }.joined(separator: " ")
      }
    }
    // 7 is open, 8 ended, with an end that is behind.
    _ = try store.begin(Self.record(1, hash: 8, end: 20), busySeconds: 0)
    try connection.execute("UPDATE pleat.erasures SET position = 30")
    _ = try store.begin(Self.record(2, hash: 7, end: 50), busySeconds: 0)
    // Ahead, and to behind the end of 8: nobody else's records come again.
    try skip(to: 40, end: 60)
    #expect(try ends() == ["7: 0/50"])
    try skip(to: 25, end: 60)
    #expect(try ends() == ["7: 1/50"])
    // The topic is shorter by now.
    try skip(to: 5, end: 15)
    #expect(try ends() == ["7: 2/15", "8: 2/15"])
    #expect(try store.open().map(\.searchUntil) == [30, 0] && store.open().map(\.isAgain) == [false, true])
    let again = try store.open()[1].id
    #expect(try store.lags(again).map(\.end) == [15])
    // What a database that went back is told counts incarnations otherwise.
    var record = Self.record(3, hash: 9, end: 12)
    record.ends[0].incarnation = 7
    _ = try store.begin(record, busySeconds: 0)
    try skip(to: 4, end: 15)
    #expect(try ends() == ["7: 3/15", "8: 3/15", "9: 3/12"])
    // As often as it is read again; but of whom the hash is of another key.
    try connection.execute(
      "UPDATE pleat.erasures SET position = 31, key_digest = CASE id WHEN '\(record.id)' THEN '\\x00' ELSE key_digest END"
    )
    try skip(to: 4, end: 100)
    #expect(try ends() == ["7: 4/15", "8: 4/20"])
    let counts = "SELECT again || ' ' || strangers FROM pleat.forgotten_ahead('events', 0)"
    #expect(try database.value(counts) == "2 1")
    // Without anything read of them no event follows; who asks for one once more has it searched for.
    let ids = try store.open().map(\.id)
    try store.noteMet(ids[0])
    #expect(try store.begin(Self.record(4, hash: 9, end: 0), busySeconds: 0) == Self.record(4).id)
    #expect(try store.reached() == [Self.record(4).id])
    try connection.execute("UPDATE pleat.partitions SET next_offset = 100")
    #expect(try store.reached().count == 3)
    let open = try store.open()
    #expect(try store.appendEvent(of: open[1], isRequester: false) == 0)
    #expect(try store.appendEvent(of: open[0], isRequester: false) == 31)
    expectLost { try store.noteMet(ids[0]) }
    try connection.execute("UPDATE pleat.partitions SET next_offset = 100")
    try skip(to: 4, end: 100)
    let second = try store.open().first { $0.hash == 8 }?.id
    #expect(try store.begin(Self.record(5, hash: 8, end: 20), busySeconds: 0) == second)
    let searched = try #require(try store.open().first { $0.hash == 8 })
    #expect(!searched.isAgain && searched.searchUntil == 31)
    // A partition that its topic never had any more.
    try connection.execute("INSERT INTO pleat.first_ends VALUES ('events', 9, 5)")
    try connection.execute("SELECT pleat.skip('events', 9, 3, 'gone', 0)")
    #expect(try database.value("SELECT end_offset FROM pleat.first_ends WHERE partition = 9") == "0")
    #expect(try database.value("SELECT reason FROM pleat.skips WHERE partition = 9") == "gone")
  }

  @Test("a rewritten segment keeps its chain value, with what was chained beside it")
  func rewrite() throws {
    let database = try Self.database()
    let store = PostgresErasureStore(try database.target())
    let erasure = try store.begin(Self.record(1), busySeconds: 0)
    let before = try database.value("SELECT string_agg(chain::text, ' ' ORDER BY first_position) FROM pleat.journal")
    let page = try store.segments(after: 10, limit: 5, bytes: 1_000)
    #expect(try store.segments(after: 0, limit: 5, bytes: 1).map(\.firstPosition) == [1])
    #expect(page.map(\.firstPosition) == [11, 21])
    for payload in [[9, 9], [8, 8]] as [[UInt8]] {
      let old = try store.segments(after: 10, limit: 1, bytes: 1_000)[0]
      try store.rewrite(erasure, searchedTo: 20, busySeconds: 0, [(old, payload, [1])])
    }
    #expect(
      try database.value("SELECT string_agg(chain::text, ' ' ORDER BY first_position) FROM pleat.journal") == before)
    #expect(try store.segments(after: 10, limit: 1, bytes: 1_000)[0].payload == [8, 8])
    #expect(
      try database.value(
        """
        SELECT bool_and(e.chained_payload_digest = sha256('\\x010203') AND e.payload_digest = sha256(s.payload)
          AND s.payload_digest = e.payload_digest AND s.identities_digest = sha256(s.identities))
        FROM pleat.erased_segments e JOIN pleat.journal s USING (first_position)
        """) == "true")
    #expect(try store.rewritten(erasure).map(\.firstPosition) == [11])
    // Of what was read before, nothing is there any more: nothing is written.
    expectLost { try store.rewrite(erasure, searchedTo: 30, busySeconds: 0, [(page[0], [7], [7])]) }
    #expect(try store.open()[0].searchedTo == 20)
  }

  @Test("the event comes once: the journal searched, the ends reached, and nobody at work who knows the id")
  func event() throws {
    let database = try Self.database()
    let store = PostgresErasureStore(try database.target())
    let journal = try database.journal()
    let id = try store.begin(Self.record(1, end: 40), busySeconds: 0)
    func append(asRequester: Bool = false) throws -> Int64 {
      try store.appendEvent(of: try #require(try store.open().first), isRequester: asRequester)
    }
    #expect(try store.lags(id) == [ErasureLag(partition: partition, offset: 30, end: 40)])
    try store.rewrite(id, searchedTo: 30, busySeconds: 0, [])
    expectLost { _ = try append() }
    _ = try journal.append([move(epoch: 2, from: 30, to: 40)], [])
    #expect(try store.lags(id).isEmpty)
    try store.rewrite(id, searchedTo: 30, busySeconds: 60, [])
    expectLost { _ = try append() }
    // A letter that was there at the beginning is to be searched as well.
    try database.connect().execute("UPDATE pleat.erasures SET letters_until = 4")
    expectLost { _ = try append(asRequester: true) }
    try store.eraseLetters(id, searchedTo: 4, busySeconds: 0, [])
    // Somebody else may have rewritten what the event does not list.
    let digest = [UInt8](repeating: 7, count: 32)
    try database.connect().execute(
      """
      INSERT INTO pleat.erased_segments
        SELECT 1, d, d, d, d FROM decode(repeat('07', 32), 'hex') d;
      INSERT INTO pleat.erasure_segments VALUES ('\(id)', 1)
      """)
    let one = ErasedSegment(firstPosition: 1, payloadDigest: digest, identitiesDigest: digest)
    let now = try #require(try store.head().greatestTime)
    for list in [[], [one, one]] {
      expectLost {
        _ = try store.append(
          id, isRequester: true, listed: ErasedSegment.digest(list), time: now, payload: [1], identities: [1])
      }
    }
    #expect(try append(asRequester: true) == 31)
    #expect(try store.open().isEmpty)
    #expect(
      try database.value(
        "SELECT topic || '/' || event_count || '/' || first_position FROM pleat.journal ORDER BY 1 LIMIT 1")
        == "/1/31")
    let time = try #require(try store.head().greatestTime)
    #expect(try database.value("SELECT greatest_time = greatest_so_far FROM pleat.journal WHERE topic = ''") == "true")
    // By its id it is done; of the same person another may begin.
    #expect(try store.append(id, isRequester: false, listed: [], time: time, payload: [1], identities: [1]) == 31)
    #expect(try store.begin(Self.record(1), busySeconds: 0) == id && store.open().isEmpty)
    #expect(try store.begin(Self.record(2), busySeconds: 0) == Self.record(2).id && store.open().count == 1)
  }

  @Test("a journal table goes when it is full, old and behind everybody, and what is referred to stays")
  func drop() throws {
    let database = try Self.database(segments: 3, count: 999_999)
    let owner = try database.connect()
    func drop() throws -> (String?, String?) {
      try owner.query("SELECT dropped, held_by FROM pleat.drop_journal_table(10)").map { ($0.text(), $0.text()) }[0]
    }
    #expect(try drop() == (nil, nil), "it is new")
    try owner.execute("UPDATE pleat.journal SET appended_at = appended_at - interval '11 days'")
    try owner.execute(
      """
      UPDATE pleat.installation SET live_from = 0;
      INSERT INTO pleat.projection_cursors (projection, generation, position, chain, fold_version, catalog_version, key_digest, updated_at)
        SELECT 'p', 1, 5, chain, 1, 1, '', now() FROM pleat.journal WHERE first_position = 1;
      INSERT INTO pleat.outbox SELECT 'p', 3, 0, chain, 0, 's', 'i', now(), '{}' FROM pleat.journal WHERE first_position = 1;
      """)
    #expect(try drop().1?.contains("p (generation 1), at position 5") == true)
    try owner.execute("UPDATE pleat.projection_cursors SET position = 2000000")
    #expect(try drop().1 == "the relay, at position 3 of p")
    try owner.execute(
      "INSERT INTO pleat.relay_places SELECT 'p', 3, 0, chain FROM pleat.journal WHERE first_position = 1")
    let chain = try owner.query("SELECT chain FROM pleat.journal WHERE first_position = 1").map { $0.bytea() ?? [] }[0]
    #expect(try drop().0 == "journal_1")
    #expect(try database.value("SELECT first_position FROM pleat.journal_start") == "1000000")
    #expect(try database.value("SELECT chain = '\\x\(hex(chain))' FROM pleat.journal_start") == "true")
    let outbox = try database.outbox()
    #expect(try outbox.journalHas(chain: chain, at: 3))
    #expect(try !outbox.journalHas(chain: [1], at: 3))
    #expect(try database.journal().identities(partition, incarnation: 0, from: 0).count == 3)
    #expect(try database.value("SELECT count(*) FROM pleat.journal") == "2")
    // The last tables are never full.
    try owner.execute("UPDATE pleat.projection_cursors SET position = 3000000")
    #expect(try drop().0 == "journal_1000000")
    #expect(try drop() == (nil, nil))
  }

  @Test("of what is kept of dropped segments, what goes is noted, and an open erasure holds retention")
  func keptIdentities() throws {
    let database = try Self.database(segments: 3, count: 999_999)
    let owner = try database.connect()
    func drop() throws -> (String?, String?) {
      try owner.query("SELECT dropped, held_by FROM pleat.drop_journal_table(10)").map { ($0.text(), $0.text()) }[0]
    }
    try owner.execute("UPDATE pleat.journal SET appended_at = appended_at - interval '11 days'")
    try owner.execute("UPDATE pleat.installation SET live_from = 0")
    let store = PostgresErasureStore(try database.target())
    let id = try store.begin(Self.record(1), busySeconds: 0)
    #expect(try drop().1 == "an erasure that is not done")
    try store.rewrite(id, searchedTo: 3_000_000, busySeconds: 0, [])
    _ = try store.appendEvent(of: try #require(try store.open().first), isRequester: true)
    #expect(try drop().0 == "journal_1")
    let kept = try store.keptIdentities(after: 0, limit: 5)
    #expect(kept.map(\.firstPosition) == [1])
    expectLost { try store.eraseKept(id, busySeconds: 0, [(1, [9])]) }
    let other = try store.begin(Self.record(2), busySeconds: 0)
    try store.eraseKept(other, busySeconds: 0, [(1, [9])])
    #expect(try store.keptIdentities(after: 0, limit: 5).map(\.identities) == [[9]])
    #expect(try database.value("SELECT scrubbed FROM pleat.kept_identities") == "false")
    try owner.execute("DELETE FROM pleat.erasures")
    // The window has passed them.
    try owner.execute("UPDATE pleat.partitions SET next_offset = 500000")
    try owner.execute("UPDATE pleat.kept_identities SET next_offset = 25")
    #expect(try database.value("SELECT count(*) FROM pleat.dropped_offsets") == "0")
    #expect(try drop().0 == "journal_1000000")
    #expect(try store.keptIdentities(after: 0, limit: 5).isEmpty)
    #expect(try database.value("SELECT next_offset FROM pleat.dropped_offsets") == "25")
  }

  @Test("no letter is tried again that an open erasure has not looked at")
  func retry() throws {
    let database = try Self.database()
    let store = PostgresErasureStore(try database.target())
    let letter = DeadLetter(
      partition: partition, incarnation: 0, offset: 31, refusal: Refusal(.duplicateMember, at: "/data/ann"), key: [1],
      value: [2], headers: [], timestampMilliseconds: 0)
    _ = try database.journal().append([move(epoch: 1, from: 30, to: 40)], [], [letter])
    let id = try store.begin(Self.record(1), busySeconds: 0)
    #expect(try store.open()[0].lettersUntil == 1 && store.letters(after: 0, limit: 1)[0].path == "/data/ann")
    let writer = try database.connect(user: "pleat_writer")
    func retry() throws {
      let epoch = try writer.query("SELECT pleat.begin_retry('events', 0)").map { $0.bigint() ?? 0 }[0]
      _ = try writer.query(
        "SELECT pleat.finish_retry(1, $1, false, now(), '', sha256(''), '', sha256(''))", [.bigint(epoch)])
    }
    let error = #expect(throws: PostgresError.self) { try retry() }
    #expect("\(String(describing: error))".contains("has not looked at the dead letter 1"))
    try store.eraseLetters(id, searchedTo: 1, busySeconds: 0, [ErasedLetter(id: 1, dropsKey: true, dropsPath: true)])
    #expect(
      try database.value("SELECT key IS NULL AND value IS NULL AND path IS NULL FROM pleat.dead_letters") == "true")
    let gone = #expect(throws: PostgresError.self) { try retry() }
    #expect("\(String(describing: gone))".contains("is gone"))
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
