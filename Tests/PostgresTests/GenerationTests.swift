import Engine
import Events
import Postgres
import Projections
import Testing

@Suite("Generations in PostgreSQL")
struct GenerationTests {
  /// A journal of two segments of ten events, of which retention has dropped the first.
  private func database() throws -> TestDatabase {
    let database = try TestDatabase()
    let owner = try database.migrate(6, 17)
    let journal = try database.journal()
    try journal.begin(try database.instance(holding: ["partition/events/0"]))
    _ = try journal.append(
      [move(epoch: 1, from: 0, to: 20)], [segment(from: 0, to: 10), segment(from: 10, to: 20)])
    try owner.execute(
      """
      UPDATE pleat.journal_start
        SET first_position = 11, (chain, greatest_time) = (
          SELECT chain, greatest_so_far FROM pleat.journal WHERE first_position = 1);
      DELETE FROM pleat.journal WHERE first_position = 1;
      """)
    return database
  }

  @Test(
    "a projection that comes after the journal's beginning is dropped can be folded from there, if that is accepted")
  func acceptedLoss() throws {
    let database = try database()
    let instance = try database.instance("two", holding: ["projection/p"])
    let store = try database.projection()
    let first = try store.takeOver(instance: instance)
    #expect(first.place.position == 0)
    let owner = InstanceID(name: "r", start: 1)
    let error = #expect(throws: StoreError.self) {
      try store.beginRebuild(owner, seconds: 60, acceptLoss: false)
    }
    #expect(error?.message.contains("--accept-loss") == true)
    #expect(try store.liveGeneration()?.position == 0)
    let own = try store.beginRebuild(owner, seconds: 60, acceptLoss: true)
    #expect(own.generation == 2 && own.place.position == 10)
    let live = try store.seizeLive(owner, seconds: 15)
    #expect(live.cursor.place.position == 10 && live.cursor.place.chain == own.place.chain)
    #expect(live.cursor.epoch > first.epoch && live.holder == instance)
    try store.swap(own, for: live, owner, seconds: 60)
    #expect(try store.liveSince(2) == 10)
    let next = try store.takeOver(instance: instance)
    #expect(next.generation == 2 && next.place.position == 10)
    #expect(try store.segments(after: 10, bytes: 1).first?.firstPosition == 11)
  }

  @Test("who folds is said to do as before, whatever the rebuild has said of the generation it made")
  func state() throws {
    let database = try database()
    let store = try database.projection()
    _ = try store.takeOver(instance: try database.instance("two", holding: ["projection/p"]))
    let owner = InstanceID(name: "r", start: 1)
    let own = try store.beginRebuild(owner, seconds: 60, acceptLoss: true)
    try database.connect().execute(
      "UPDATE pleat.projection_cursors SET state = CASE generation WHEN 1 THEN 'live' ELSE 'catching_up' END")
    try store.swap(own, for: try store.seizeLive(owner, seconds: 15), owner, seconds: 60)
    #expect(
      try database.value("SELECT state FROM pleat.projection_cursors WHERE generation = 2 AND phase = 'live'") == "live"
    )
  }

  @Test("with a switch goes what can never become live any more, and who was left behind is told the way out")
  func leftBehind() throws {
    let database = try database()
    try database.migrate(20)
    let instance = try database.instance("two", holding: ["projection/p"])
    let store = try database.projection()
    _ = try store.takeOver(instance: instance)
    let owner = InstanceID(name: "r", start: 1)
    let own = try store.beginRebuild(owner, seconds: 60, acceptLoss: true)
    // Of a catalog that somebody has taken back; and one that may still come.
    try database.connect().execute(
      """
      INSERT INTO pleat.projection_cursors (
        projection, generation, fold_version, catalog_version, key_digest, phase, updated_at)
        SELECT 'p', 10 + v.n, c.fold_version, c.catalog_version + v.n, c.key_digest, 'making', c.updated_at
        FROM pleat.projection_cursors c CROSS JOIN (VALUES (-1), (1)) v (n) WHERE c.generation = 2
      """)
    try store.swap(own, for: try store.seizeLive(owner, seconds: 15), owner, seconds: 60)
    #expect(
      try database.value(
        "SELECT string_agg(generation || ' ' || phase, ', ' ORDER BY generation) FROM pleat.projection_cursors")
        == "1 old, 2 live, 9 old, 11 making")
    let newer = PostgresProjectionStore(try database.target(), projection: "p", foldVersion: 2, catalogVersion: 1)
    let error = #expect(throws: StoreError.self) { try newer.takeOver(instance: instance) }
    #expect(
      error?.message.contains(
        "this program has version 2 with catalog 1; the journal begins at position 11: `pleat rebuild p --accept-loss`")
        == true, "\(String(describing: error))")
  }

  @Test("what is folded already is never moved over a gap")
  func foldedStays() throws {
    let database = try database()
    let store = try database.projection()
    _ = try store.takeOver(instance: try database.instance("two", holding: ["projection/p"]))
    try database.connect().execute("UPDATE pleat.projection_cursors SET position = 5, chain = '\\x01'")
    _ = try store.beginRebuild(InstanceID(name: "r", start: 1), seconds: 60, acceptLoss: true)
    #expect(try store.liveGeneration()?.position == 5)
  }

  @Test("who takes a projection over while another generation becomes the live one does not fold the one before")
  func takeoverDuringSwitch() throws {
    let world = try ProjectionStoreTests.World()
    try world.database.migrate(6, 17)
    let owner = InstanceID(name: "r", start: 1)
    let rebuilder = try world.database.projection()
    let own = try rebuilder.beginRebuild(owner, seconds: 60, acceptLoss: false)
    let live = try rebuilder.seizeLive(owner, seconds: 15)
    let switching = try world.database.connect()
    try switching.execute("BEGIN")
    _ = try switching.query(
      "SELECT pleat.swap_generation('p', 1, $1, 2, $2, 0, '', 'r', 1, 60, $3, $4)",
      [
        .bigint(live.cursor.epoch), .bigint(own.epoch), .text(world.instance.name), .bigint(world.instance.start),
      ])
    let waiting = try SentStatement(
      world.database.connect(),
      "SELECT pleat.take_over_projection('p', '\(world.instance.name)', \(world.instance.start), 1, 1)")
    try world.database.waitUntil(
      "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = \(waiting.connection.backendPID) AND wait_event_type = 'Lock')"
    )
    try switching.execute("COMMIT")
    let error = #expect(throws: PostgresError.self) { try waiting.wait() }
    guard case .server(let server) = error, server.sqlState == "PL001" else {
      Issue.record("\(String(describing: error))")
      return
    }
    let next = try world.database.projection()
    #expect(try next.takeOver(instance: world.instance).generation == own.generation)
  }

  @Test("who begins to rebuild while another, whose lease has run out, switches gets in nobody's way: no deadlock")
  func beginDuringSwitch() throws {
    let world = try ProjectionStoreTests.World()
    let owner = try world.database.migrate(6, 17)
    let rebuilder = try world.database.projection()
    let own = try rebuilder.beginRebuild(InstanceID(name: "r", start: 1), seconds: 60, acceptLoss: false)
    let live = try rebuilder.seizeLive(InstanceID(name: "r", start: 1), seconds: 15)
    try owner.execute("UPDATE pleat.leases SET until = clock_timestamp() WHERE resource = 'rebuild/p'")
    let switching = try world.database.connect()
    // A switch takes these first; the other comes in between.
    try switching.execute(
      """
      BEGIN;
      SELECT FROM pleat.projection_cursors WHERE generation = 1 FOR UPDATE;
      SELECT FROM pleat.projection_cursors WHERE generation = \(own.generation) FOR UPDATE;
      """)
    let beginning = try SentStatement(
      world.database.connect(), "SELECT pleat.begin_rebuild('p', 'other', 1, 60, 1, 1, false)")
    try world.database.waitUntil(
      "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = \(beginning.connection.backendPID) AND wait_event_type = 'Lock')"
    )
    _ = try switching.query(
      "SELECT pleat.swap_generation('p', 1, $1, $2, $3, 0, '', 'r', 1, 60, NULL, NULL)",
      [.bigint(live.cursor.epoch), .int(own.generation), .bigint(own.epoch)])
    try switching.execute("COMMIT")
    let error = #expect(throws: PostgresError.self) { try beginning.wait() }
    guard case .server(let server) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    // The switch has renewed the lease.
    #expect(server.sqlState == "PL001" && server.message == "p is being rebuilt by r")
    #expect(try world.database.value("SELECT generation FROM pleat.live_generations") == "\(own.generation)")
  }

  @Test("a generation in the making is not moved past the live one, wherever its rebuilder believes that to be")
  func staysBehind() throws {
    let world = try ProjectionStoreTests.World()
    try world.database.migrate(6, 17)
    try world.store.startFlush(world.cursor, to: world.place(1), state: .live, [])
    try world.store.finishFlush()
    let rebuilder = try world.database.projection()
    let own = try rebuilder.beginRebuild(InstanceID(name: "r", start: 1), seconds: 60, acceptLoss: false)
    let error = #expect(throws: StoreError.self) { try rebuilder.begin(own, to: world.place(2), state: .catchingUp) }
    guard case .lost(let text) = error, text.contains("not to pass the live one") else {
      Issue.record("\(String(describing: error))")
      return
    }
    rebuilder.reset()
    try rebuilder.begin(own, to: world.place(1), state: .catchingUp)
    try rebuilder.commit()
  }

  @Test("of two who begin to rebuild at once, one does, and the other is told")
  func beginTwice() throws {
    let world = try ProjectionStoreTests.World()
    try world.database.migrate(6, 17)
    let first = try world.database.connect()
    try first.execute("BEGIN; SELECT pleat.begin_rebuild('p', 'one', 1, 60, 1, 1, false)")
    let second = try SentStatement(
      world.database.connect(), "SELECT pleat.begin_rebuild('p', 'two', 1, 60, 1, 1, false)")
    try world.database.waitUntil(
      "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = \(second.connection.backendPID) AND wait_event_type = 'Lock')"
    )
    try first.execute("COMMIT")
    let error = #expect(throws: PostgresError.self) { try second.wait() }
    guard case .server(let server) = error, server.sqlState == "PL001" else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try world.database.value("SELECT owner FROM pleat.leases WHERE resource = 'rebuild/p'") == "one")
    #expect(try world.database.value("SELECT count(*) FROM pleat.projection_cursors WHERE phase = 'making'") == "1")
    // Once it is begun nothing is waited for: not even what it has locked.
    try first.execute("BEGIN; SELECT FROM pleat.projection_cursors FOR UPDATE")
    let refused = #expect(throws: StoreError.self) {
      try world.database.projection().beginRebuild(InstanceID(name: "two", start: 1), seconds: 60, acceptLoss: false)
    }
    guard case .lost = refused else {
      Issue.record("\(String(describing: refused))")
      return
    }
  }
}
