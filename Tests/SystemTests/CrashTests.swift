import Foundation
import Postgres
import Testing

extension SystemTests {
  @Suite("Whatever happens, the same answer")
  struct CrashTests {
    /// How far the projection of projects has come.
    private func folded(_ pleat: Installation) throws -> Int {
      Int(try pleat.sql("SELECT position FROM pleat.projection_cursors WHERE projection = 'projects'")) ?? 0
    }

    @Test("kill -9 in the middle, again and again")
    func kills() throws {
      // Small appends, so that a fast machine does not have all of it at once.
      let pleat = try Installation(
        topics: ["in": 3], environment: ["PLEAT_RELAY_PUBLISH": "all", "PLEAT_INGEST_FLUSH_EVENTS": "30"])
      let events = try pleat.world(events: 9_000, seed: 5, days: 12)
      try pleat.produce(events)
      // Each start folds so many events and is killed, whatever it is doing then.
      for step in [1, 400, 100, 900, 40, 600] {
        let before = try folded(pleat)
        let daemon = try pleat.start()
        try Wait.until("\(step) events more are folded") { try folded(pleat) >= before + step }
        daemon.killHard()
      }
      #expect(try folded(pleat) < 8_500, "the last kill came when everything was folded")
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try pleat.expectRight(produced: events)
      #expect(try pleat.sql("SELECT count(*) > 0 FROM pleat.outbox") == "t", "there was no derived event to lose")
      #expect(daemon.terminate() == 0)
    }

    @Test("a second instance joins and leaves")
    func join() throws {
      let pleat = try Installation(topics: ["in": 4], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let events = try pleat.world(events: 6_000, seed: 6, days: 12)
      let lines = String(decoding: events, as: UTF8.self).split(separator: "\n")
      func part(_ range: Range<Int>) -> Data { Data(lines[range].map { $0 + "\n" }.joined().utf8) }
      let first = try pleat.start("one")
      try pleat.produce(part(0..<2_000))
      try pleat.waitCaughtUp()
      let second = try pleat.start("two")
      try Wait.until("the partitions are shared") {
        try pleat.sql(
          "SELECT count(*) FROM pleat.leases WHERE resource LIKE 'partition/%' AND owner = 'two' AND until > clock_timestamp()"
        )
          == "2"
      }
      try pleat.produce(part(2_000..<4_000))
      try pleat.waitCaughtUp()
      #expect(first.terminate() == 0)
      try pleat.produce(part(4_000..<lines.count))
      try pleat.waitCaughtUp()
      try pleat.expectRight(produced: events)
      #expect(second.terminate() == 0)
    }

    @Test("a stopped instance that wakes up after its leases are gone writes nothing")
    func zombie() throws {
      let pleat = try Installation(topics: ["in": 2], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let events = try pleat.world(events: 5_000, seed: 7, days: 12)
      let zombie = try pleat.start("zombie")
      try pleat.produce(events)
      try Wait.until("it is at work") { try pleat.sql("SELECT position > 500 FROM pleat.journal_head") == "t" }
      zombie.signal(SIGSTOP)
      let heir = try pleat.start("heir")
      try Wait.until("the leases went over") {
        try pleat.sql("SELECT bool_and(owner = 'heir') FROM pleat.leases WHERE until > clock_timestamp()") == "t"
      }
      try pleat.waitCaughtUp()
      let before = try pleat.sql("SELECT position, encode(chain, 'hex') FROM pleat.journal_head")
      zombie.signal(SIGCONT)
      // It has noticed, and let go of everything, before it takes part again.
      try Wait.until("it takes part again") {
        try pleat.sql("SELECT count(*) > 0 FROM pleat.leases WHERE owner = 'zombie' AND until > clock_timestamp()")
          == "t"
      }
      #expect(try pleat.sql("SELECT position, encode(chain, 'hex') FROM pleat.journal_head") == before)
      try pleat.expectRight(produced: events)
      zombie.killHard()
      #expect(heir.terminate() == 0)
    }

    /// From now on whoever writes into the table waits, until PostgreSQL ends.
    private func hold(_ pleat: Installation, _ table: String) throws -> Connection {
      let holder = try Connection(ConnectionTarget(pleat.servers.url(database: pleat.name, user: "postgres")))
      _ = try holder.query("SELECT pg_advisory_lock('pleat.\(table)'::regclass::bigint)")
      try holder.execute(
        """
        CREATE FUNCTION pleat.hold_\(table)() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          PERFORM pg_advisory_xact_lock_shared(TG_RELID::bigint);
          RETURN NULL;
        END $$;
        CREATE TRIGGER hold AFTER INSERT ON pleat.\(table) FOR EACH STATEMENT EXECUTE FUNCTION pleat.hold_\(table)();
        """)
      return holder
    }

    @Test("PostgreSQL crashes in the middle of an append, and in the middle of a flush")
    func postgresCrashes() throws {
      let pleat = try Installation(topics: ["in": 2], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let events = try pleat.world(events: 3_000, seed: 8, days: 8)
      let lines = String(decoding: events, as: UTF8.self).split(separator: "\n")
      let daemon = try pleat.start()
      for (table, part) in [("journal", lines[..<1_500]), ("projects_current", lines[1_500...])] {
        let holder = try hold(pleat, table)
        try pleat.produce(lines: part)
        try Wait.until("somebody waits\(pleat.logs)") {
          try pleat.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != "0"
        }
        try pleat.servers.restartPostgres()
        #expect(throws: PostgresError.self) { try holder.query("SELECT 1") }
        try pleat.waitCaughtUp()
      }
      try pleat.expectRight(produced: events)
      #expect(daemon.terminate() == 0)
    }

    @Test("a name that starts again takes over at once, and the older start ends with 78")
    func sameName() throws {
      let pleat = try Installation()
      try pleat.produce(try pleat.world(events: 500, seed: 9, days: 3))
      let older = try pleat.start()
      try pleat.waitCaughtUp()
      let younger = try pleat.start()
      #expect(older.waitForExit(120))
      #expect(older.process.terminationStatus == 78)
      try pleat.produce(try pleat.world(events: 700, seed: 10, days: 3))
      try pleat.waitCaughtUp()
      #expect(younger.terminate() == 0)
    }
  }
}
