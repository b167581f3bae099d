import Foundation
import Postgres
import TestSupport
import Testing

extension SystemTests {
  @Suite("Operating it")
  struct OperationTests {
    private func event(_ id: String, _ minute: Int = 0, _ data: String = #"{"project_id":"p","user_id":"u"}"#) -> String
    {
      let time = String(format: "2026-10-01T%02d:%02d:00Z", minute / 60 % 24, minute % 60)
      let envelope =
        #"{"specversion":"1.0","id":"\#(id)","source":"s","type":"project_opened","time":"\#(time)","data":\#(data)}"#
      return "k\t\(envelope)\n"
    }

    @Test("every dead letter reason, and the stream goes on")
    func deadLetters() throws {
      let good = #"{"specversion":"1.0","id":"ok","source":"s","type":"x","time":"2026-10-01T00:00:00Z","data":{}}"#
      let long = String(repeating: "x", count: 300)
      let cases: [(String, String?, String)] = [
        ("empty_value", nil, ""),
        ("malformed_json", nil, #"{"a":"#),
        ("duplicate_member", #"/data/\u0061"#, #"{"type":"x","timestamp":1,"data":{"a":1,"\u0061":2}}"#),
        ("not_an_object", nil, "[1]"),
        ("unsupported_specversion", "/specversion", good.replacingOccurrences(of: "1.0", with: "0.3")),
        ("missing_member", "/id", good.replacingOccurrences(of: #""id":"ok","#, with: "")),
        ("wrong_type", "/data", good.replacingOccurrences(of: #""data":{}"#, with: #""data":3"#)),
        ("invalid_value", "/time", good.replacingOccurrences(of: "2026-10-01T00:00:00Z", with: "yesterday")),
        ("out_of_range", "/time", good.replacingOccurrences(of: "2026-10-01", with: "1999-10-01")),
        ("too_long", "/source", good.replacingOccurrences(of: #""s""#, with: "\"\(long)\"")),
        ("future_time", "/time", good.replacingOccurrences(of: "2026-10-01", with: "2999-10-01")),
      ]
      let pleat = try Installation()
      try pleat.produce(Data(cases.map { "k\t\($0.2)\n" }.joined().utf8))
      try pleat.broker.produceValues(
        [[UInt8](repeating: 32, count: 1 << 20) + [32], [0x7B, 0xFF, 0x7D]], to: pleat.input)
      try pleat.produce(Data("k\t\(good)\n".utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      let letters = try pleat.pleat("deadletters", "list", "--json").split(separator: "\n").map {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any]
      }
      let found = letters.map { "\($0["reason"]!) \($0["path"] as? String ?? "")" }
      #expect(
        Set(found) == Set(cases.map { "\($0.0) \($0.1 ?? "")" } + ["too_large ", "invalid_utf8 "]), "\(pleat.logs)")
      #expect(try pleat.journal().map(\.id) == ["ok"])
      let shown = try pleat.pleat(
        "deadletters", "show", "\(letters.first { $0["reason"] as? String == "invalid_utf8" }!["id"]!)", "--json")
      let letter = try JSONSerialization.jsonObject(with: Data(shown.utf8)) as! [String: Any]
      #expect(letter["value_base64"] as? String == Data([0x7B, 0xFF, 0x7D]).base64EncodedString())
      #expect(daemon.terminate() == 0)
    }

    @Test("a partition of bad records pauses, and resume goes on")
    func pauses() throws {
      let pleat = try Installation()
      let (before, behind) = ((0..<5_000).map { "a\($0)" }, (0..<50).map { "b\($0)" })
      // A flush before the last bad one: what stands behind it is read before the next.
      try pleat.produce(
        Data(
          (before.map { event($0) } + Array(repeating: "k\tnonsense\n", count: 5_001) + behind.map { event($0) })
            .joined().utf8))
      let daemon = try pleat.start()
      let paused = { try pleat.sql("SELECT partition FROM pleat.partitions WHERE state = 'paused'") }
      try Wait.until("the partition pauses") { try !paused().isEmpty }
      let partition = try paused()
      try pleat.produce(Data(String(repeating: event("one"), count: 1).utf8))
      try pleat.pleat("resume", pleat.input, partition, environment: pleat.asOperator)
      try pleat.waitCaughtUp()
      #expect(try paused().isEmpty)
      #expect(try pleat.journal().map(\.id) == before + behind + ["one"])
      #expect(daemon.terminate() == 0)
    }

    @Test("a recreated topic is noticed, and skip goes on in a new incarnation", .enabled(if: Servers.hasRealKafka))
    func recreated() throws {
      let pleat = try Installation()
      try pleat.produce(Data((0..<50).map { event("a\($0)", $0) }.joined().utf8))
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(daemon.terminate() == 0)
      try pleat.broker.deleteTopic(pleat.input)
      try pleat.broker.createTopic(pleat.input, partitions: 1)
      try pleat.produce(Data((0..<80).map { event("b\($0)", $0) }.joined().utf8))
      daemon = try pleat.start()
      try Wait.until("the alarm") { try pleat.sql("SELECT state FROM pleat.partitions") == "alarm" }
      #expect(try pleat.journal().count == 50)
      try pleat.pleat(
        "skip", pleat.input, "0", "--to", "0", "--reason", "the topic was made anew", environment: pleat.asOperator)
      try pleat.waitCaughtUp()
      let journal = try pleat.journal()
      #expect(journal.map(\.id) == (0..<50).map { "a\($0)" } + (0..<80).map { "b\($0)" })
      #expect(try pleat.sql("SELECT incarnation FROM pleat.partitions") == "1")
      #expect(daemon.terminate() == 0)
    }

    @Test(
      "a topic made anew, shorter, before anything of it is read is an alarm, and what comes behind a skip is published",
      .enabled(if: Servers.hasRealKafka))
    func recreatedUnread() throws {
      let pleat = try Installation()
      try pleat.produce(Data((0..<50).map { event("a\($0)", $0) }.joined().utf8))
      // Nothing is read while the partition cannot be taken over.
      let holder = try Connection(ConnectionTarget(pleat.servers.url(database: pleat.name, user: "postgres")))
      try holder.execute(
        "SET idle_in_transaction_session_timeout = 0; BEGIN; LOCK TABLE pleat.partitions IN SHARE MODE")
      let daemon = try pleat.start()
      try Wait.until("the first start is stored\(pleat.logs)") {
        try pleat.sql("SELECT end_offset FROM pleat.first_ends") == "50"
      }
      try pleat.broker.deleteTopic(pleat.input)
      try pleat.broker.createTopic(pleat.input, partitions: 1)
      try pleat.produce(Data((0..<20).map { event("b\($0)", $0) }.joined().utf8))
      try holder.execute("ROLLBACK")
      try Wait.until("the alarm\(pleat.logs)") {
        try pleat.sql("SELECT reason FROM pleat.partitions").contains(
          "it ends at 20, and ended at 50 at the first start")
      }
      // Forwards, where no new incarnation begins.
      try pleat.pleat(
        "skip", pleat.input, "0", "--to", "5", "--reason", "the topic was made anew", environment: pleat.asOperator)
      try pleat.waitCaughtUp()
      #expect(try pleat.journal().map(\.id) == (5..<20).map { "b\($0)" })
      try Wait.until("what comes now is published\(pleat.logs)") {
        try pleat.sql("SELECT live_from FROM pleat.installation") == "15"
      }
      #expect(daemon.terminate() == 0)
    }

    @Test(
      "a topic made anew under a daemon that has heard that it is gone is an alarm before anything of it is journaled",
      .enabled(if: Servers.hasRealKafka))
    func recreatedWhileRead() throws {
      let pleat = try Installation()
      try pleat.produce(Data((0..<50).map { event("a\($0)", $0) }.joined().utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try pleat.broker.deleteTopic(pleat.input)
      try Wait.until("it has heard\(pleat.logs)") {
        daemon.output.contains("\(pleat.input)/0: \(pleat.input) [0]: ")
      }
      try pleat.broker.createTopic(pleat.input, partitions: 1)
      try pleat.produce(Data((0..<80).map { event("b\($0)", $0) }.joined().utf8))
      try Wait.until("the alarm\(pleat.logs)") { try pleat.sql("SELECT state FROM pleat.partitions") == "alarm" }
      #expect(try pleat.journal().count == 50)
      #expect(daemon.terminate() == 0)
    }

    @Test("status names a topic that is gone beside what is known of the others", .enabled(if: Servers.hasRealKafka))
    func topicGone() throws {
      let pleat = try Installation(topics: ["in": 1, "gone": 1])
      let (gone, there) = (pleat.input, "\(pleat.name).in")
      for topic in [gone, there] { try pleat.produce(Data(event("\(topic)-a").utf8), to: topic) }
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try pleat.broker.deleteTopic(gone)
      try pleat.produce(Data(event("\(there)-b").utf8), to: there)
      try Wait.until("the other is read on\(pleat.logs)") { try pleat.journal().count == 3 }
      let status = try pleat.pleat("status", expecting: 69)
      #expect(
        status.contains("what Kafka holds is known in part") && status.contains("the topic \(gone) does not exist"))
      #expect(daemon.terminate() == 0)
    }

    @Test("a topic that is left out before its end of the first start is read: the status says what waits for it")
    func topicLeftOut() throws {
      let pleat = try Installation(topics: ["in": 1, "left": 1])
      let left = "\(pleat.name).left"
      try pleat.produce(Data(String(repeating: "k\tnonsense\n", count: 10_050).utf8), to: left)
      var daemon = try pleat.start()
      try Wait.until("the partition pauses\(pleat.logs)") {
        try pleat.sql("SELECT topic FROM pleat.partitions WHERE state = 'paused'") == left
      }
      #expect(daemon.terminate() == 0)
      let without = ["PLEAT_KAFKA_TOPICS": pleat.input]
      daemon = try pleat.start("one", without)
      let says = "no derived event is published before \(left)/0 is read to offset 10050"
      func status() throws -> String { try pleat.pleat("status", environment: without) }
      #expect(try status().contains(says))
      let skip = ["skip", left, "0", "--to", "10050", "--reason", "not ours"]
      try pleat.pleat(skip, environment: pleat.asOperator.merging(without) { $1 })
      #expect(try !status().contains(says))
      try pleat.produce(Data(event("a", 0).utf8))
      try Wait.until("the relay may begin\(pleat.logs)") {
        try pleat.sql("SELECT live_from IS NOT NULL FROM pleat.installation") == "t"
      }
      try pleat.pleat("status", "--wait-caught-up", "60", environment: without)
      #expect(try status().contains("caught up"))
      #expect(daemon.terminate() == 0)
    }

    @Test("a relay that stands still says why in the status", .enabled(if: Servers.hasRealKafka))
    func relayFails() throws {
      let pleat = try Installation()
      let cursors = try #require(pleat.environment["PLEAT_KAFKA_CURSOR_TOPIC"])
      try pleat.broker.createTopic(cursors, partitions: 1)
      let daemon = try pleat.start()
      try Wait.until("the relay stands still\(pleat.logs)") {
        try pleat.pleat("status").contains("relay, failed: the cursor topic \(cursors) has cleanup.policy=delete")
      }
      try pleat.broker.deleteTopic(cursors)
      try Wait.until("it goes on\(pleat.logs)") { try !pleat.pleat("status").contains("relay, failed") }
      #expect(daemon.terminate() == 0)
    }

    @Test("a relay that is refused again and again says so in the status", .enabled(if: Servers.hasRealKafka))
    func relayRefused() throws {
      let pleat = try Installation(environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let output = "\(pleat.name).narrow"
      try pleat.broker.createTopic(output, partitions: 1, settings: [("max.message.bytes", "100")])
      try pleat.produce(ConformanceSet("rules").events)
      let daemon = try pleat.start("one", ["PLEAT_KAFKA_OUTPUT_TOPIC": output])
      try Wait.until("the relay is said to have failed\(pleat.logs)") {
        try pleat.pleat("status").contains("relay, failed: ")
      }
      #expect(daemon.terminate() == 0)
      #expect(try pleat.pleat("status").contains("Message size too large"))
      // What could not be published is, once it can be.
      let next = try pleat.start()
      try Wait.until("derived events are out\(pleat.logs)") { try !pleat.derivedEvents(pleat.outputTopic).isEmpty }
      try Wait.until("it goes on\(pleat.logs)") { try pleat.pleat("status").contains("Relay: running") }
      #expect(next.terminate() == 0)
    }

    @Test("offsets that are gone are an alarm with the exact gap", .enabled(if: Servers.hasRealKafka))
    func gap() throws {
      let pleat = try Installation()
      try pleat.produce(Data((0..<50).map { event("a\($0)", $0) }.joined().utf8))
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(daemon.terminate() == 0)
      try pleat.produce(Data((0..<50).map { event("b\($0)", $0) }.joined().utf8))
      try pleat.broker.deleteRecords(pleat.input, before: 70)
      daemon = try pleat.start()
      try Wait.until("the alarm") {
        try pleat.sql("SELECT reason FROM pleat.partitions").contains("offsets 50 to 69 are gone")
      }
      for outside in ["69", "101"] {
        try pleat.pleat(
          "skip", pleat.input, "0", "--to", outside, "--reason", "x", expecting: 1, environment: pleat.asOperator)
      }
      try pleat.pleat("skip", pleat.input, "0", "--to", "70", "--reason", "lost", environment: pleat.asOperator)
      try pleat.waitCaughtUp()
      #expect(try pleat.journal().count == 80)
      #expect(daemon.terminate() == 0)
    }

    @Test("the writer can neither update nor delete a version, and the reader sees nothing masked or of a team")
    func roles() throws {
      let pleat = try Installation()
      try pleat.produce(
        Data(
          """
          k\t{"type":"project_generated","timestamp":"2026-10-01T00:00:00Z","data":{"project_id":"p","user_id":"u","technologies":["A"],"project_type":"t","team_id":"team"}}
          k\t{"type":"project_opened","timestamp":"2026-10-03T00:00:00Z","data":{"project_id":"p","user_id":"u"}}\n
          """.utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(try pleat.sql("SELECT count(*) > 0 FROM pleat.team_stats") == "t")
      for statement in [
        "UPDATE pleat.team_stats SET members = 7", "DELETE FROM pleat.team_stats", "TRUNCATE pleat.team_stats",
        "UPDATE pleat.journal SET topic = 'x'", "DELETE FROM pleat.outbox", "DELETE FROM pleat.team_stats_current",
      ] {
        #expect(throws: PlainSQL.Failure.self, "\(statement)") { try pleat.sql(statement, user: "pleat_writer") }
      }
      for role in ["pleat_reader", "pleat_team_reader", "pleat_operator"] {
        _ = try pleat.sql("GRANT \(role) TO CURRENT_USER")
      }
      let asReader = { (query: String) in try pleat.sql("SET ROLE pleat_reader; \(query)") }
      #expect(try asReader("SELECT count(*) FROM insights.technology_usage").hasSuffix("0"))
      #expect(try pleat.sql("SELECT count(*) FROM pleat_unmasked.technology_usage") == "1")
      for query in [
        "SELECT * FROM insights.team_stats", "SELECT * FROM insights.team_activity",
        "SELECT * FROM insights.team_technologies",
        "SELECT * FROM pleat_unmasked.technology_usage", "SELECT * FROM pleat.technology_usage_current",
        "SELECT * FROM pleat.journal",
      ] {
        #expect(throws: PlainSQL.Failure.self, "\(query)") { try asReader(query) }
      }
      #expect(try pleat.sql("SET ROLE pleat_team_reader; SELECT team_id FROM insights.team_stats").hasSuffix("team"))
      #expect(daemon.terminate() == 0)
    }

    @Test("SIGTERM gives the leases back and ends with 0 within 10 seconds")
    func terminates() throws {
      let pleat = try Installation(topics: ["in": 3])
      try pleat.produce(Data((0..<50).map { "\($0)\(event("\($0)"))" }.joined().utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(daemon.terminate(within: 10) == 0)
      #expect(try pleat.sql("SELECT count(*) FROM pleat.leases WHERE owner IS NOT NULL") == "0")
      let status =
        try JSONSerialization.jsonObject(with: Data(try pleat.pleat("status", "--json").utf8)) as! [String: Any]
      let partitions = status["partitions"] as! [[String: Any]]
      #expect(partitions.map { $0["state"] as? String } == ["stopped", "stopped", "stopped"])
    }

    @Test("SIGTERM gives the leases back in time also where a projection waits for a lock of somebody else's")
    func terminatesWhileBlocked() throws {
      let pleat = try Installation()
      let daemon = try pleat.start()
      // Before, a projection waits for a lock for a second at most: it has its state to report.
      try Wait.until("all are live\(pleat.logs)") {
        try pleat.sql("SELECT count(*) FROM pleat.projection_cursors WHERE state = 'live'") == "3"
      }
      let somebody = try Connection(
        ConnectionTarget(pleat.servers.url(database: pleat.name, user: "postgres"), applicationName: "somebody"))
      try somebody.execute("BEGIN; LOCK TABLE pleat.projection_cursors IN EXCLUSIVE MODE")
      try pleat.produce(Data(event("one").utf8))
      try Wait.until("a fold waits\(pleat.logs)") {
        try pleat.sql(
          "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
          == "t"
      }
      #expect(daemon.terminate(within: 10) == 0)
      #expect(daemon.output.contains("ended without waiting any longer for "))
      #expect(try pleat.sql("SELECT count(*) FROM pleat.leases WHERE owner IS NOT NULL") == "0")
    }

    @Test("SIGTERM ends a daemon that waits for a PostgreSQL that does not answer")
    func terminatesAtTheStart() throws {
      let pleat = try Installation()
      let proxy = try CuttingProxy(target: pleat.servers.cluster.port)
      defer { proxy.close() }
      proxy.slowDown(milliseconds: 60_000)
      let url = pleat.environment["PLEAT_POSTGRES_URL"]!
        .replacingOccurrences(of: "port=\(pleat.servers.cluster.port)", with: "port=\(proxy.port)")
      let daemon = try pleat.start("one", ["PLEAT_POSTGRES_URL": url])
      try Wait.until("it begins\(pleat.logs)") { daemon.output.contains(" begins") }
      // Less than a connection is waited for.
      #expect(daemon.terminate(within: 4) == 0)
      #expect(daemon.output.contains("stopped while waiting for PostgreSQL"))
    }

    @Test("where nothing new comes, a start and a rebuild leave every projection live")
    func liveAgain() throws {
      let pleat = try Installation()
      try pleat.produce(Data(event("one").utf8))
      let first = try pleat.start()
      try pleat.waitCaughtUp()
      let states = {
        try pleat.sql("SELECT string_agg(DISTINCT state, ' ') FROM insights.freshness WHERE projection <> 'ingest'")
      }
      #expect(try states() == "live")
      try pleat.pleat("rebuild", "projects")
      #expect(try states() == "live")
      #expect(first.terminate() == 0)
      #expect(try states() == "stopped")
      let second = try pleat.start()
      try Wait.until("every projection is live again") { try states() == "live" }
      #expect(second.terminate() == 0)
    }

    @Test("status warns the writer of whoever has held a snapshot for longer than a minute")
    func oldSnapshot() throws {
      let pleat = try Installation()
      let holder = try Connection(
        ConnectionTarget(pleat.servers.url(database: pleat.name, user: "postgres"), applicationName: "holder"))
      try holder.execute("SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ")
      _ = try holder.query("SELECT count(*) FROM pleat.journal")
      #expect(try !pleat.pleat("status").contains("Warning"))
      // A minute's wait is no test: whoever asks about a minute hears about a moment.
      _ = try pleat.sql(
        """
        ALTER FUNCTION pleat.old_snapshots(integer) RENAME TO snapshots_older_than;
        CREATE FUNCTION pleat.old_snapshots(asked integer)
          RETURNS TABLE (pid integer, login text, application text, seconds double precision)
          LANGUAGE sql AS $$ SELECT * FROM pleat.snapshots_older_than(asked - 60) $$;
        """)
      let warning = "Warning: backend \(holder.backendPID) of postgres (holder) has held a snapshot"
      #expect(try pleat.pleat("status").contains(warning))
      try holder.execute("ROLLBACK")
      #expect(try !pleat.pleat("status").contains(warning))
    }

    @Test("no command touches a database that a newer program has migrated")
    func newer() throws {
      let pleat = try Installation()
      _ = try pleat.sql(
        "INSERT INTO pleat.migrations (number, name, checksum) VALUES (9999, 'later', sha256(''))")
      for command in [
        "run", "migrate", "check", "status", "journal", "verify", "rebuild projects", "explain team_stats t",
        "deadletters list", "deadletters retry --all", "skip t 0 --to 1 --reason r", "resume t 0", "forget u",
      ] {
        try pleat.pleat(command.split(separator: " ").map { String($0) }, expecting: 78)
      }
    }

    @Test("run says what is wrong, and ends with the code for it")
    func exitCodes() throws {
      let fresh = try Installation(migrate: false)
      try fresh.pleat("run", expecting: 78)
      try fresh.pleat("migrate")
      try fresh.pleat("migrate")
      try fresh.pleat(
        "run", expecting: 78, environment: ["PLEAT_POSTGRES_URL": fresh.environment["PLEAT_POSTGRES_ADMIN_URL"]!])
      // The embedded broker makes a topic of whatever it is asked for.
      if Servers.hasRealKafka {
        try fresh.pleat("run", expecting: 69, environment: ["PLEAT_KAFKA_OUTPUT_TOPIC": "\(fresh.name).nowhere"])
      }
      try fresh.pleat("run", expecting: 78, environment: ["PLEAT_KAFKA_BOOTSTRAPS": "x"])
      try fresh.pleat("run", expecting: 78, environment: ["PLEAT_KAFKA_PROPERTIES": "acks=1,group.id=x"])
      // Fine for a consumer and a plain producer: the relay would stand still.
      for command in ["run", "check"] {
        try fresh.pleat(command, expecting: 78, environment: ["PLEAT_KAFKA_PROPERTIES": "linger.ms=8000"])
      }
      try fresh.pleat("nonsense", expecting: 64)
      try fresh.pleat("journal", "--from", "3", "--to", "2", expecting: 64)
      try fresh.pleat("deadletters", "list", "--reason", "malformed", expecting: 64)
      try fresh.produce(Data(event("waits").utf8))
      try fresh.pleat("status", "--wait-caught-up", "1", expecting: 75)
      try fresh.pleat(
        "status", "--wait-caught-up", "1", expecting: 75, environment: ["PLEAT_KAFKA_BOOTSTRAP": "127.0.0.1:1"])
      for command in [["generate", "--events", "1"], ["demo", "--seconds", "1"], ["broker"]] {
        try fresh.pleat(command + ["--config", "/nonexistent/pleat.yaml"], expecting: 78)
      }
      let alone = try fresh.pleat(
        "status", "--json", expecting: 69, environment: ["PLEAT_KAFKA_BOOTSTRAP": "127.0.0.1:1"])
      #expect(alone.contains(#""caught_up":false"#))
      #expect(try fresh.pleat("--version").hasPrefix("pleat "))
    }
  }
}
