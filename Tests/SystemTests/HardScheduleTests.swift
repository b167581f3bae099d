import Foundation
import Glibc
import Kafka
import Postgres
import Projections
import Testing

extension SystemTests {
  /// What the simulator has too, done to the real thing.
  @Suite("Schedules known to be hard")
  struct HardScheduleTests {
    private func split(_ events: Data, _ share: Double) -> (Data, Data) {
      let lines = events.split(separator: UInt8(ascii: "\n"))
      let count = Int(Double(lines.count) * share)
      func join(_ part: ArraySlice<Data>) -> Data { Data(part.joined(separator: [10])) + [10] }
      return (join(lines[..<count]), join(lines[count...]))
    }

    /// A daemon that has caught up with a share of a world whose rest is still to come.
    private func begun(events count: Int, seed: Int, days: Int, share: Double) throws -> (
      pleat: Installation, daemon: DaemonProcess, events: Data, rest: Data
    ) {
      let pleat = try Installation(topics: ["in": 2], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let events = try pleat.world(events: count, seed: seed, days: days)
      let (first, rest) = split(events, share)
      let daemon = try pleat.start()
      try pleat.produce(first)
      try pleat.waitCaughtUp()
      return (pleat, daemon, events, rest)
    }

    private func owners(_ pleat: Installation) throws -> String {
      try pleat.sql(
        """
        SELECT string_agg(resource || ' ' || owner, ', ' ORDER BY resource) FROM pleat.leases WHERE until > clock_timestamp()
        """)
    }

    private func epochs(_ pleat: Installation) throws -> String {
      try pleat.sql(
        """
        SELECT (SELECT string_agg(epoch::text, ' ' ORDER BY topic, partition) FROM pleat.partitions) || ' '
          || (SELECT string_agg(epoch::text, ' ' ORDER BY projection) FROM pleat.projection_cursors)
        """)
    }

    @Test(
      "a configuration copied to a second machine with the name in it: the older start wakes up, ends with 78, wrote nothing"
    )
    func sameNameElsewhere() throws {
      let pleat = try Installation(topics: ["in": 2], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let events = try pleat.world(events: 1_000, seed: 41, days: 8)
      let (first, rest) = split(events, 0.5)
      let older = try pleat.start()
      try pleat.produce(first)
      try Wait.until("it is at work") { try pleat.sql("SELECT position > 100 FROM pleat.journal_head") == "t" }
      older.signal(SIGSTOP)
      let younger = try pleat.start()
      try pleat.produce(rest)
      try pleat.waitCaughtUp()
      let before = try pleat.sql("SELECT position, encode(chain, 'hex') FROM pleat.journal_head")
      older.signal(SIGCONT)
      #expect(older.waitForExit(120) && older.process.terminationStatus == 78, "\(older.output)")
      #expect(try pleat.sql("SELECT position, encode(chain, 'hex') FROM pleat.journal_head") == before)
      try pleat.expectRight(produced: events)
      #expect(younger.isRunning && younger.terminate() == 0)
    }

    @Test(
      "somebody else's open transaction over the cursor topic: the relay waits for its end, and publishes nothing twice",
      .enabled(if: Servers.hasRealKafka))
    func openTransaction() throws {
      let set = try ConformanceSet("rules")
      let pleat = try Installation(environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let all = set.events.split(separator: UInt8(ascii: "\n"))
      let lines = all.prefix(all.count / 4)
      let (first, later) = split(Data(lines.joined(separator: [10])), 0.5)
      let (second, rest) = split(later, 0.5)
      try pleat.produce(first)
      let killed = try pleat.start()
      try pleat.waitCaughtUp()
      try Wait.until("the outbox is relayed") { try pleat.relayed() }
      let early = try pleat.derivedEvents().count
      #expect(early > 0)

      let other = try TransactionalProducer(
        KafkaClientConfiguration(bootstrap: pleat.broker.bootstrap, group: "tests"),
        transactionalID: "\(pleat.name)-somebody", log: { _, _ in })
      defer { other.close() }
      try other.initialize()
      try other.begin()
      try other.send(topic: "\(pleat.name).cursors", partition: 0, key: "nobody", value: "nothing")
      try other.flush()
      // How far the relay comes now stands behind the open transaction.
      try pleat.produce(second)
      try pleat.waitCaughtUp()
      try Wait.until("more is relayed") { try pleat.relayed() }
      let before = try pleat.derivedEvents().count
      #expect(before > early)
      killed.killHard()
      let daemon = try pleat.start()
      try pleat.produce(rest)
      // Projections do not wait for the relay.
      try pleat.waitCaughtUp()
      try Wait.until("the relay meets the open transaction\(pleat.logs)") {
        try daemon.output.contains("a transaction may be open") || pleat.derivedEvents().count > before
      }
      #expect(try !pleat.relayed())
      #expect(try pleat.derivedEvents().count == before, "\(pleat.logs)")
      try other.abort()
      try Wait.until("the outbox is relayed\(pleat.logs)") { try pleat.relayed() }
      let published = try pleat.derivedEvents().map { $0["id"] as! String }
      #expect(published.count > before && Set(published).count == published.count)
      let due = try pleat.sql("SELECT count(*) FROM pleat.outbox WHERE topic = 0")
      #expect("\(published.count)" == due)
      #expect(daemon.terminate() == 0)
    }

    /// Each of the first statements on a table takes so long.
    private func slow(_ pleat: Installation, _ table: String, seconds: Double, times: Int) throws {
      _ = try pleat.sql(
        """
        CREATE SEQUENCE pleat.slow_\(table);
        CREATE FUNCTION pleat.slow_\(table)() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
          IF nextval('pleat.slow_\(table)') <= \(times) THEN PERFORM pg_sleep(\(seconds)); END IF;
          RETURN NULL;
        END $$;
        CREATE TRIGGER slow AFTER INSERT ON pleat.\(table) FOR EACH STATEMENT EXECUTE FUNCTION pleat.slow_\(table)();
        """)
    }

    @Test("a statement longer than a lease, and a flush longer than a lease: the lease is kept, and all is there once")
    func longerThanALease() throws {
      let pleat = try Installation(topics: ["in": 2], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let events = try pleat.world(events: 800, seed: 42, days: 5)
      let (first, rest) = split(events, 0.5)
      let one = try pleat.start("one")
      // Who would take over at once.
      let two = try pleat.start("two")
      try pleat.produce(first)
      try pleat.waitCaughtUp()
      try Wait.until("the partitions are shared") {
        try pleat.sql(
          "SELECT count(DISTINCT owner) FROM pleat.leases WHERE resource LIKE 'partition/%' AND until > clock_timestamp()"
        )
          == "2"
      }
      try pleat.waitCaughtUp()
      let (owners, epochs) = (try owners(pleat), try epochs(pleat))
      // A lease lasts for 3 seconds, and was renewed up to 3 seconds after the last step: nothing but the backend at work keeps it
      // for 7. An append is one statement; a flush of the projects has one for each table.
      try slow(pleat, "journal", seconds: 7, times: 1)
      try slow(pleat, "model_metrics_current", seconds: 7, times: 1)
      for table in ["projects_current", "technologies_current", "team_stats_current"] {
        try slow(pleat, table, seconds: 2.5, times: 1)
      }
      try pleat.produce(rest)
      try pleat.waitCaughtUp()
      #expect(try self.owners(pleat) == owners, "\(pleat.logs)")
      #expect(try self.epochs(pleat) == epochs, "\(pleat.logs)")
      for table in ["journal", "model_metrics_current", "projects_current"] {
        #expect(try pleat.sql("SELECT is_called FROM pleat.slow_\(table)") == "t", "\(table) was never slow")
      }
      try pleat.expectRight(produced: events)
      #expect(one.terminate() == 0 && two.terminate() == 0)
    }

    @Test("a rebuilder that wakes up after its lease and switches: it does not, and starts over")
    func lateRebuilder() throws {
      let (pleat, daemon, events, rest) = try begun(events: 800, seed: 43, days: 10, share: 0.6)
      // So that it can be stopped once it has paused the live one, and before it goes on.
      _ = try pleat.sql(
        """
        CREATE SEQUENCE pleat.seizures;
        CREATE FUNCTION pleat.slow_seizure() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
          IF nextval('pleat.seizures') = 1 THEN PERFORM pg_sleep(2); END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER slow BEFORE UPDATE ON pleat.leases FOR EACH ROW
          WHEN (NEW.resource = 'projection/projects' AND NEW.owner LIKE '%rebuild%' AND OLD.owner IS DISTINCT FROM NEW.owner)
          EXECUTE FUNCTION pleat.slow_seizure();
        """)
      let rebuilder = try pleat.begin("rebuild", "projects", "--json")
      try Wait.until("it takes the live lease\(rebuilder.output)") {
        try pleat.sql("SELECT is_called FROM pleat.seizures") == "t" || !rebuilder.isRunning
      }
      rebuilder.signal(SIGSTOP)
      try Wait.until("its lease is gone, and the live one goes on\(pleat.logs)") {
        try pleat.sql(
          "SELECT owner = 'one' AND until > clock_timestamp() FROM pleat.leases WHERE resource = 'projection/projects'")
          == "t"
      }
      try pleat.produce(rest)
      try pleat.waitCaughtUp()
      rebuilder.signal(SIGCONT)
      #expect(rebuilder.waitForExit(120) && rebuilder.process.terminationStatus == 0, "\(rebuilder.output)")
      #expect(try pleat.sql("SELECT generation FROM pleat.live_generations WHERE projection = 'projects'") == "2")
      try pleat.waitCaughtUp()
      try pleat.expectRight(produced: events)
      #expect(try pleat.sql("SELECT last_value > 1 FROM pleat.seizures") == "t", "it did not start over")
      #expect(daemon.terminate() == 0)
    }

    @Test("a crash between a turn and the event that turned")
    func crashAtATurn() throws {
      let pleat = try Installation(topics: ["in": 1], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let events = try pleat.world(events: 800, seed: 44, days: 20)
      // Every turn of a day takes a moment, before its versions and derived events are committed with the event.
      _ = try pleat.sql(
        """
        CREATE SEQUENCE pleat.turning;
        CREATE FUNCTION pleat.slow_turn() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
          IF nextval('pleat.turning') % 7 = 0 THEN PERFORM pg_sleep(1); END IF;
          RETURN NULL;
        END $$;
        CREATE TRIGGER slow AFTER INSERT ON pleat.turns FOR EACH STATEMENT EXECUTE FUNCTION pleat.slow_turn();
        """)
      try pleat.produce(events)
      for _ in 0..<3 {
        let before = try pleat.sql("SELECT last_value FROM pleat.turning")
        let daemon = try pleat.start()
        try Wait.until("a turn is under way") {
          try pleat.sql("SELECT last_value % 7 = 0 AND last_value > \(before) FROM pleat.turning") == "t"
        }
        daemon.killHard()
      }
      _ = try pleat.sql("DROP TRIGGER slow ON pleat.turns")
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try pleat.expectRight(produced: events)
      try pleat.pleat("verify")
      #expect(daemon.terminate() == 0)
    }

    @Test("a snapshot held open across a swap, retention and a vacuum shows what it showed, and holds nobody up")
    func openSnapshot() throws {
      let (pleat, daemon, events, rest) = try begun(events: 1_000, seed: 45, days: 60, share: 0.7)
      let views = ["technology_usage", "team_stats", "technology_pairs", "model_metrics"]
      let reader = try Connection(ConnectionTarget(pleat.servers.url(database: pleat.name, user: "postgres")))
      func seen() throws -> [String] {
        try views.map { view in
          try reader.query(
            "SELECT md5(coalesce(string_agg(v::text, ' ' ORDER BY v::text), '')) FROM pleat_unmasked.\(view) v"
          ).map { $0.text() ?? "" }.joined()
        }
      }
      try reader.execute("SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ")
      _ = try reader.query("SELECT count(*) FROM pleat.journal")
      let before = try seen()
      try pleat.produce(rest)
      for projection in ["projects", "models"] { try pleat.pleat("rebuild", projection) }
      try pleat.waitCaughtUp()
      try pleat.pleat("retention", "--json", environment: ["PLEAT_RETENTION_VERSIONS_DAYS": "20"])
      _ = try pleat.sql("VACUUM ANALYZE")
      #expect(try seen() == before)
      try reader.execute("COMMIT")
      #expect(try seen() != before)
      _ = try pleat.sql("VACUUM")
      try pleat.expectRight(produced: events)
      try pleat.pleat("verify")
      #expect(daemon.terminate() == 0)
    }
  }
}

extension Installation {
  /// Whether everything in the outbox is published.
  func relayed() throws -> Bool {
    try sql(
      """
      SELECT NOT EXISTS (SELECT FROM pleat.outbox o LEFT JOIN pleat.relay_places r USING (projection)
        WHERE r.position IS NULL OR (o.position, o.ordinal) > (r.position, r.ordinal))
      """) == "t"
  }
}
