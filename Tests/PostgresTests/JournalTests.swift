import Engine
import Events
import Postgres
import Projections
import Testing

@Suite("The journal in PostgreSQL")
struct JournalTests {
  @Test("a flush gets positions without a gap, and moves its cursor")
  func append() throws {
    let database = try TestDatabase()
    let store = try database.journal()
    try store.begin(try database.instance(holding: ["partition/events/0"]))
    let first = try store.append([move(epoch: 1, from: 0, to: 10)], [segment(from: 0, to: 10, count: 8)])
    let second = try store.append(
      [move(epoch: 1, from: 10, to: 30)], [segment(from: 10, to: 20), segment(from: 20, to: 30)])
    #expect(first.map(\.firstPosition) == [1])
    #expect(second.map(\.firstPosition) == [9, 19])
    let cursor = try #require(try store.cursor(partition))
    #expect(cursor.nextOffset == 30)
    #expect(cursor.journaled == RecordFingerprint(offset: 29, digest: Digest128(low: 7, high: 30)))
    #expect(cursor.badRecords == [0, 1])
    #expect(try database.value("SELECT position FROM pleat.journal_head") == "28")
    #expect(try database.value("SELECT duplicates || '/' || end_offset FROM pleat.partitions") == "2/35")
    #expect(try store.identities(partition, incarnation: 0, from: 15).map(\.first) == [10, 20])
  }

  @Test("the chain is what its documentation says, and anybody can compute it")
  func chain() throws {
    let database = try TestDatabase()
    let store = try database.journal()
    let other = TopicPartition("events", 3)
    try store.begin(
      try database.instance(holding: ["partition/events/0", "partition/events/3"]), [partition, other])
    let appended =
      try store.append(
        [move(epoch: 1, from: 0, to: 10), move(other, epoch: 1, from: 0, to: 4)],
        [segment(from: 0, to: 10), segment(other, from: 0, to: 4)])
      + store.append([move(epoch: 1, from: 10, to: 12)], [segment(from: 10, to: 12)])
    let rows = try database.connect().query(
      """
      SELECT first_position, event_count, topic, partition, incarnation, first_offset, next_offset, least_time, greatest_time,
             greatest_so_far, appended_at, payload_digest, identities_digest, chain
      FROM pleat.journal ORDER BY first_position
      """)
    let uuid = try database.connect().query("SELECT uuid_send(uuid) FROM pleat.installation").map { $0.bytea() ?? [] }
    var previous = SHA256.digest(of: uuid[0])
    var computed: [[UInt8]] = []
    rows.eachRow { row in
      var bytes = previous
      func add<T: FixedWidthInteger>(_ value: T) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
      add(row.bigint() ?? 0)
      add(row.int() ?? 0)
      let topic = Array((row.text() ?? "").utf8)
      add(Int32(topic.count))
      bytes += topic
      for _ in 0..<2 { add(row.int() ?? 0) }
      for _ in 0..<2 { add(row.bigint() ?? 0) }
      for _ in 0..<4 { add((row.timestamptz()?.microseconds ?? 0) - PostgresEpoch.microseconds) }
      for _ in 0..<2 { bytes += row.bytea() ?? [] }
      previous = SHA256.digest(of: bytes)
      computed.append(previous)
      #expect(row.bytea() == previous)
    }
    #expect(computed == appended.map(\.chain))
    #expect(computed.count == 3)
    #expect(
      try database.value(
        "SELECT bool_and(ordered) FROM (SELECT appended_at >= lag(appended_at) OVER w AND greatest_so_far >= lag(greatest_so_far) OVER w AS ordered FROM pleat.journal WINDOW w AS (ORDER BY first_position)) o"
      ) == "true")
  }

  struct Miss: CustomTestStringConvertible {
    var testDescription: String
    var moves: [CursorMove]
  }
  static let other = TopicPartition("events", 1)
  static let missCases = [
    Miss(testDescription: "a lower epoch", moves: [move(epoch: 0, from: 10, to: 20)]),
    Miss(testDescription: "a higher epoch", moves: [move(epoch: 2, from: 10, to: 20)]),
    Miss(testDescription: "a repeated place", moves: [move(epoch: 1, from: 0, to: 20)]),
    Miss(testDescription: "a place ahead", moves: [move(epoch: 1, from: 11, to: 20)]),
    Miss(
      testDescription: "the second of two partitions",
      moves: [move(epoch: 1, from: 10, to: 20), move(other, epoch: 9, from: 0, to: 1)]),
    Miss(
      testDescription: "a partition that has no cursor",
      moves: [move(epoch: 1, from: 10, to: 20), move(TopicPartition("nowhere", 0), epoch: 1, from: 0, to: 1)]),
  ]

  @Test("a missed compare-and-swap writes nothing", arguments: missCases)
  func misses(_ miss: Miss) throws {
    let database = try TestDatabase()
    let store = try database.journal()
    try store.begin(
      try database.instance(holding: ["partition/events/0", "partition/events/1"]), [partition, Self.other])
    _ = try store.append([move(epoch: 1, from: 0, to: 10)], [segment(from: 0, to: 10)])
    let letter = DeadLetter(
      partition: partition, incarnation: 0, offset: 15, refusal: Refusal(.emptyValue), key: nil, value: nil,
      headers: [],
      timestampMilliseconds: -1)
    let error = #expect(throws: StoreError.self) { try store.append(miss.moves, [segment(from: 10, to: 20)], [letter]) }
    if case .lost = error {} else { Issue.record("\(String(describing: error))") }
    #expect(try database.value("SELECT position FROM pleat.journal_head") == "10")
    #expect(try database.value("SELECT count(*) FROM pleat.journal") == "1")
    #expect(try database.value("SELECT count(*) FROM pleat.dead_letters") == "0")
    #expect(try database.value("SELECT next_offset FROM pleat.partitions WHERE partition = 0") == "10")
    #expect(try database.value("SELECT next_offset FROM pleat.partitions WHERE partition = 1") == "0")
  }

  @Test("what lies outside of its flush's moves is refused")
  func outside() throws {
    let database = try TestDatabase()
    let store = try database.journal()
    try store.begin(try database.instance(holding: ["partition/events/0"]))
    for draft in [
      segment(from: 0, to: 11), segment(Self.other, from: 0, to: 5), segment(from: 0, to: 10, incarnation: 1),
    ] {
      let error = #expect(throws: StoreError.self) { try store.append([move(epoch: 1, from: 0, to: 10)], [draft]) }
      guard case .refused = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
    #expect(try database.value("SELECT count(*) FROM pleat.journal") == "0")
    #expect(try database.value("SELECT next_offset FROM pleat.partitions") == "0")
  }

  @Test("a dead letter keeps every byte, headers included")
  func deadLetters() throws {
    let database = try TestDatabase()
    try database.migrate(17)
    let store = try database.journal()
    try store.begin(try database.instance(holding: ["partition/events/0"]))
    func letter(_ offset: Int64, _ headers: [(name: [UInt8], value: [UInt8]?)], value: [UInt8]?) -> DeadLetter {
      DeadLetter(
        partition: partition, incarnation: 0, offset: offset, refusal: Refusal(.wrongType, at: "/data/step"),
        key: [0xFF],
        value: value, headers: headers, timestampMilliseconds: offset == 1 ? -1 : 1_700_000_000_123)
    }
    _ = try store.append(
      [move(epoch: 1, from: 0, to: 3)], [],
      [
        letter(0, [([0x61], nil), ([0x62], [0x00, 0xFE])], value: []), letter(1, [], value: nil),
        letter(2, [([], [])], value: [0x80]),
      ])
    let rows = try database.connect().query(
      """
      SELECT record_offset::text || '|' || reason || '|' || path || '|' || coalesce(encode(value, 'hex'), 'null') || '|'
        || header_names::text || '|' || header_values::text || '|'
        || coalesce(extract(epoch FROM record_timestamp)::text, 'none')
      FROM pleat.dead_letters ORDER BY id
      """
    ).map { $0.text() ?? "" }
    #expect(
      rows == [
        #"0|wrong_type|/data/step||{"\\x61","\\x62"}|{NULL,"\\x00fe"}|1700000000.123000"#,
        "1|wrong_type|/data/step|null|{}|{}|none",
        #"2|wrong_type|/data/step|80|{"\\x"}|{"\\x"}|1700000000.123000"#,
      ])
  }

  @Test("the journal has a new table ahead of its end, and larger ones where they fill fast")
  func partitions() throws {
    let database = try TestDatabase()
    let store = try database.journal()
    try store.begin(try database.instance(holding: ["partition/events/0"]))
    var appended: [Int64] = []
    for index in 0..<4 {
      let from = Int64(index) * 10
      appended +=
        try store.append(
          [move(epoch: 1, from: from, to: from + 10)], [segment(from: from, to: from + 10, count: 49_999_999)]
        ).map(\.firstPosition)
      #expect(
        try database.value(
          "SELECT max(first_position) > (SELECT position FROM pleat.journal_head) FROM pleat.journal_tables")
          == "true")
    }
    #expect(appended == [1, 50_000_000, 99_999_999, 149_999_998])
    let spans = try database.connect().query(
      "SELECT until_position - first_position FROM pleat.journal_tables ORDER BY first_position"
    ).map { $0.bigint() ?? 0 }
    #expect(spans.first == 999_999 && spans.last == 50_000_000, "\(spans)")
    #expect(zip(spans, spans.dropFirst()).allSatisfy { $1 <= 2 * $0 && $1 >= $0 }, "\(spans)")
    #expect(
      try database.value("SELECT count(*) FROM pg_inherits WHERE inhparent = 'pleat.journal'::regclass")
        == "\(spans.count)")
    #expect(try database.value("SELECT count(*) FROM pleat.journal") == "4")
  }

  @Test("the journal's tables stay few where many fill fast, and none is smaller than the one before it")
  func manyPartitions() throws {
    let database = try TestDatabase()
    let owner = try database.migrate(12)
    try owner.execute("SELECT pleat.add_journal_partitions(7000000000)")
    let spans = try owner.query(
      "SELECT until_position - first_position FROM pleat.journal_tables ORDER BY first_position"
    ).map { $0.bigint() ?? 0 }
    #expect([50, 100].map { size in spans.filter { $0 == size * 1_000_000 }.count } == [24, 32], "\(spans)")
    #expect(spans.last == 200_000_000, "\(spans)")
    #expect(zip(spans, spans.dropFirst()).allSatisfy { $1 <= 2 * $0 && $1 >= $0 }, "\(spans)")
    // Retention has dropped all but the newest.
    try owner.execute(
      """
      DELETE FROM pleat.journal_tables WHERE first_position < 6000000000;
      SELECT pleat.add_journal_partitions(8000000000);
      """)
    #expect(
      try database.value("SELECT min(until_position - first_position) FROM pleat.journal_tables") == "200000000")
  }

  @Test("nothing is published before the ends that held at the first start")
  func liveFrom() throws {
    let database = try TestDatabase()
    let store = try database.journal()
    let outbox = try database.outbox()
    let one = TopicPartition("events", 1)
    let instance = try database.instance(holding: ["partition/events/0", "partition/events/1"])
    try store.initialize(publishAll: false, ends: [(partition, 10), (one, 5), (TopicPartition("events", 2), 0)])
    for each in [partition, one] { _ = try store.takeOver(each, instance: instance, firstOffset: 0, clusterID: "c") }
    _ = try store.append([move(epoch: 1, from: 0, to: 10)], [segment(from: 0, to: 10)])
    #expect(try outbox.publishAfter() == nil)
    _ = try store.append([move(one, epoch: 1, from: 0, to: 4)], [segment(one, from: 0, to: 4)])
    #expect(try outbox.publishAfter() == nil)
    _ = try store.append([move(one, epoch: 1, from: 4, to: 6)], [segment(one, from: 4, to: 6)])
    #expect(try outbox.publishAfter() == 16)
    try store.initialize(publishAll: true, ends: [])
    #expect(try outbox.publishAfter() == 16)
  }

  @Test("whoever takes a partition over knows its end at the first start, until a skip says that it is gone")
  func firstEnd() throws {
    let database = try TestDatabase()
    let store = try database.journal()
    let instance = try database.instance(holding: ["partition/events/0"])
    try store.initialize(publishAll: false, ends: [(partition, 10)])
    #expect(try store.takeOver(partition, instance: instance, firstOffset: 0, clusterID: "c").firstEnd == 10)
    func skip(to offset: Int, end: String) throws -> PartitionCursor? {
      _ = try database.connect().query("SELECT pleat.skip('events', 0, \(offset), 'it is shorter', \(end))")
      return try store.cursor(partition)
    }
    #expect(try skip(to: 1, end: "NULL")?.firstEnd == 10)
    #expect(try skip(to: 2, end: "12")?.firstEnd == 10)
    #expect(try skip(to: 3, end: "4")?.firstEnd == 4)
    #expect(try database.outbox().publishAfter() == nil)
    let cursor = try store.takeOver(partition, instance: instance, firstOffset: 0, clusterID: "c")
    #expect(cursor.firstEnd == 4 && cursor.incarnation == 0)
    _ = try store.append([move(epoch: cursor.epoch, from: 3, to: 4)], [segment(from: 3, to: 4)])
    #expect(try database.outbox().publishAfter() == 1)
    // Of another incarnation it says nothing.
    #expect(try skip(to: 0, end: "2")?.firstEnd == nil)
  }

  @Test("with relay.publish: all, and over empty topics, everything is published")
  func publishAll() throws {
    let all = try TestDatabase()
    try all.journal().initialize(publishAll: true, ends: [(partition, 10)])
    #expect(try all.outbox().publishAfter() == 0)
    let empty = try TestDatabase()
    try empty.journal().initialize(publishAll: false, ends: [(partition, 0)])
    #expect(try empty.outbox().publishAfter() == 0)
  }

  @Test("an append before the first start is described is refused")
  func uninitialised() throws {
    let database = try TestDatabase()
    let store = try database.journal()
    let instance = try database.instance(holding: ["partition/events/0"])
    _ = try store.takeOver(partition, instance: instance, firstOffset: 0, clusterID: "c")
    #expect(throws: StoreError.self) { try store.append([move(epoch: 1, from: 0, to: 10)], [segment(from: 0, to: 10)]) }
    #expect(try database.value("SELECT next_offset FROM pleat.partitions") == "0")
  }

  @Test("a skip to before the cursor begins a new incarnation, and fences whoever reads")
  func skip() throws {
    let database = try TestDatabase()
    let store = try database.journal()
    try store.begin(try database.instance(holding: ["partition/events/0"]))
    _ = try store.append([move(epoch: 1, from: 0, to: 10)], [segment(from: 0, to: 10)])
    try store.note(partition, epoch: 1, state: .alarm, reason: "gone", clusterID: nil, checked: nil)
    #expect(throws: PostgresError.self) { try database.connect().query("SELECT pleat.resume('events', 0)") }
    _ = try database.connect().query("SELECT pleat.skip('events', 0, 3, 'the topic was made anew')")
    let cursor = try #require(try store.cursor(partition))
    #expect((cursor.epoch, cursor.incarnation, cursor.nextOffset) == (2, 1, 3))
    #expect(cursor.state == .running)
    #expect(cursor.journaled == nil && cursor.clusterID == nil)
    #expect(throws: StoreError.self) {
      try store.append([move(epoch: 1, from: 10, to: 11)], [segment(from: 10, to: 11)])
    }
    _ = try store.append([move(epoch: 2, from: 3, to: 12)], [segment(from: 3, to: 12, incarnation: 1)])
    #expect(try store.identities(partition, incarnation: 1, from: 0).count == 1)
    #expect(
      try database.value("SELECT from_offset || ' ' || to_offset || ' ' || state FROM pleat.skips") == "10 3 alarm")
  }

  @Test("a paused partition is resumed, and counts anew")
  func resume() throws {
    let database = try TestDatabase()
    let store = try database.journal()
    try store.begin(try database.instance(holding: ["partition/events/0"]))
    var pausing = move(epoch: 1, from: 0, to: 10)
    (pausing.state, pausing.reason) = (.paused, "bad records")
    _ = try store.append([pausing], [segment(from: 0, to: 10)])
    #expect(try store.cursor(partition)?.state == .paused)
    _ = try database.connect().query("SELECT pleat.resume('events', 0)")
    let cursor = try #require(try store.cursor(partition))
    #expect(cursor.state == .running && cursor.reason == nil && cursor.badRecords == [] && cursor.epoch == 2)
  }

  @Test("the hash key is made once, and read the same")
  func hashKey() throws {
    let database = try TestDatabase()
    let key = try database.journal().hashKey()
    #expect(try database.journal().hashKey() == key)
    let hex = try database.value("SELECT encode(hash_key, 'hex') FROM pleat.secrets")
    let bytes =
      withUnsafeBytes(of: key.k0.littleEndian) { Array($0) } + withUnsafeBytes(of: key.k1.littleEndian) { Array($0) }
    let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(digits == hex)
  }
}
