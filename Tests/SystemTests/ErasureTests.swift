import Foundation
import Glibc
import Postgres
import Testing

extension SystemTests {
  @Suite("Erasing people")
  struct ErasureTests {
    private static let id = "erase-me-alice"

    private func event(_ id: String, _ type: String, _ data: String, minute: Int = 0, more: String = "") -> String {
      let time = String(format: "2026-10-01T%02d:%02d:00Z", minute / 60 % 24, minute % 60)
      return "k\t"
        + #"{"specversion":"1.0","id":"\#(id)","source":"s","type":"\#(type)","time":"\#(time)"\#(more),"data":{\#(data)}}"#
        + "\n"
    }

    private func project(_ number: Int, _ user: String, minute: Int = 0) -> String {
      event(
        "g\(number)", "project_generated",
        #""project_id":"p\#(number)","user_id":"\#(user)","technologies":["Go"],"project_type":"x","team_id":"t""#,
        minute: minute)
    }

    /// What there is of the person: projects, a session, texts, an identity, a membership, dead letters.
    private var traces: String {
      let id = Self.id
      return project(1, id) + project(2, id) + project(3, "bob") + project(4, "cid")
        + event("w1", "wizard_step_completed", #""user_id":"\#(id)","session_id":"s/\#(id)/1","step":1,"team_id":"t""#)
        + event("f1", "feedback_submitted", #""project_id":"p3","user_id":"bob","success":true,"comment":"by \#(id)""#)
        + event("e1", "error_occurred", #""component":"c","severity":"info","message":"no \#(id)""#)
        + event("open-\(id)", "project_opened", #""project_id":"p3","user_id":"bob""#)
        + event("a1", "project_opened", #""project_id":"p3","user_id":"bob""#, more: #","subject":"u/\#(id)""#)
        + event("o1", "something_else", #""who":"\#(id)""#)
        + event("m1", "team_member_added", #""team_id":"t","user_id":"\#(id)","role":"admin""#)
        + event("m2", "team_member_added", #""team_id":"t","user_id":"bob","role":"viewer""#)
        + "k\tnot json of \(id)\n" + "k\t" + #"{"type":"x","timestamp":1,"data":{"\#(id)":1,"\#(id)":2}}"# + "\n"
        + "k\t" + #"{"type":"x","timestamp":1,"data":{"u":"\u0065rase-me-alice"}}"# + "\n"
    }

    private func json(_ text: String) throws -> [String: Any] {
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
    }

    /// Projects and people of the technology, members of the team.
    private func numbers(_ pleat: Installation) throws -> [Int] {
      let usage = try #require(try pleat.rows("pleat_unmasked.technology_usage").first)
      let team = try #require(try pleat.rows("pleat_unmasked.team_stats").first)
      return [usage["projects"], usage["people"], team["members"]].map { $0 as! Int }
    }

    /// What looks for the person in table files: whatever PostgreSQL would compress stays as it is.
    private func installed(topics: [String: Int] = ["in": 1], _ environment: [String: String] = [:]) throws
      -> Installation
    {
      let pleat = try Installation(topics: topics, environment: environment)
      _ = try pleat.sql(
        """
        DO $$ DECLARE c record; BEGIN
          FOR c IN SELECT a.attrelid::regclass AS t, a.attname FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid
            WHERE r.relnamespace = 'pleat'::regnamespace AND r.relkind IN ('r', 'p') AND a.attnum > 0 AND a.attstorage IN ('x', 'm')
          LOOP EXECUTE format('ALTER TABLE %s ALTER %I SET STORAGE EXTERNAL', c.t, c.attname); END LOOP;
        END $$
        """)
      return pleat
    }

    /// Segments that hold the person, in the form in which the journal has them: it is compressed, so that the id need not show.
    private func stored(in pleat: Installation) throws -> [Int: Data] {
      let holding = Set(
        try pleat.pleat("journal").split(separator: "\n").filter { $0.contains(Self.id) }.map {
          try JournalLine(String($0)).position
        })
      let segments = try pleat.sql("SELECT first_position, event_count, encode(payload, 'hex') FROM pleat.journal")
      return Dictionary(
        uniqueKeysWithValues: segments.split(separator: "\n").compactMap { line in
          let parts = line.split(separator: "|")
          let (first, count) = (Int(parts[0])!, Int(parts[1])!)
          return holding.isDisjoint(with: first..<first + count) ? nil : (first, Data(hexadecimal: parts[2]))
        })
    }

    /// Where the id stands in the database's files (WAL apart) or in a dump, or what held it, as it was stored.
    private func places(_ stored: [Int: Data] = [:], in pleat: Installation) throws -> [String] {
      _ = try pleat.sql("CHECKPOINT")
      let base = try pleat.sql(
        """
        SELECT current_setting('data_directory') || '/base/' || oid FROM pg_database WHERE datname = current_database()
        """)
      let dump = try Shell.output("pg_dump", ["-d", pleat.servers.url(database: pleat.name, user: "postgres")])
      let id = Data(Self.id.utf8)
      var places: [String] = []
      func look(_ content: Data, _ place: String, _ form: (Data) -> Data) {
        if content.holds(id) || content.holds(form(id)) { places.append("the id: \(place)") }
        for (position, bytes) in stored where content.holds(form(bytes)) { places.append("\(position): \(place)") }
      }
      look(dump, "the dump") { Data($0.hexadecimal.utf8) }
      for name in try FileManager.default.contentsOfDirectory(atPath: base) {
        // Who is dropped meanwhile has no file any more.
        guard let content = FileManager.default.contents(atPath: "\(base)/\(name)") else { continue }
        look(content, name) { Data($0.prefix(Self.chunkBytes)) }
      }
      return places.sorted()
    }

    /// What is longer stands in pieces no shorter than this.
    private static let chunkBytes = 1_900

    @Test("who is forgotten is in no event, dead letter, table file or dump, and counts no more")
    func forget() throws {
      let pleat = try installed()
      try pleat.produce(Data(traces.utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(try numbers(pleat) == [4, 3, 2])
      // Each is found where it is.
      let stored = try stored(in: pleat)
      let found = try places(stored, in: pleat)
      for what in ["the id"] + stored.keys.map({ "\($0)" }) {
        #expect(found.filter { $0.hasPrefix("\(what): ") }.count > 1, "\(what): \(found)")
      }
      #expect(!stored.isEmpty)
      let before = try pleat.journal().count

      let outcome = try json(try pleat.pleat("forget", Self.id, "--json"))
      #expect(outcome["state"] as? String == "erased", "\(outcome)\(pleat.logs)")
      #expect(outcome["events"] as? Int == 9 && outcome["dead_letters"] as? Int == 3, "\(outcome)")
      #expect((outcome["keys"] as? [Any])?.isEmpty == true)
      #expect(outcome["position"] as? Int == before + 1)
      try pleat.waitCaughtUp()
      #expect(try numbers(pleat) == [4, 2, 1])
      // What was rewritten is what the event lists, and folds to the same.
      let verified = try json(try pleat.pleat("verify", "--json"))
      #expect(verified["ok"] as? Bool == true && verified["open_erasure_segments"] as? Int == 0, "\(verified)")
      #expect(try !pleat.pleat("journal").contains(Self.id))
      #expect(try pleat.journal().count == before + 1)
      #expect(try places(stored, in: pleat) == [])

      // A fold of what was rewritten gives what the fold of what was there gave.
      let views = ["technology_usage", "stack_combinations", "team_stats", "team_activity"]
      func shown() throws -> [String] {
        try views.map {
          try pleat.sql("SELECT coalesce(string_agg(v::text, ' ' ORDER BY v::text), '') FROM pleat_unmasked.\($0) v")
        }
      }
      let live = try shown()
      try pleat.pleat("rebuild", "projects")
      try pleat.waitCaughtUp()
      #expect(try shown() == live)
      // What was rewritten is proved as well: the chain, and every table by a fold of its own.
      #expect(try json(try pleat.pleat("verify", "--json"))["ok"] as? Bool == true)

      // Again: nothing is left to be done, no table is written anew, and another event does no harm.
      let file = "SELECT pg_relation_filenode('pleat.dead_letters')"
      let written = try pleat.sql(file)
      let again = try json(try pleat.pleat("forget", Self.id, "--json"))
      #expect(again["events"] as? Int == 0)
      #expect(try pleat.sql(file) == written)
      // What the same id does later counts anew; its old project comes back without them.
      try pleat.produce(
        Data(
          (project(9, Self.id)
            + event("v1", "project_visibility_changed", #""project_id":"p1","visibility":"none""#, minute: 5)).utf8))
      try pleat.waitCaughtUp()
      #expect(try numbers(pleat) == [4, 3, 1])
      try pleat.produce(
        Data(event("v2", "project_visibility_changed", #""project_id":"p1","visibility":"public""#, minute: 6).utf8))
      try pleat.waitCaughtUp()
      #expect(try numbers(pleat) == [5, 3, 1])
      let retried = try pleat.pleat("deadletters", "retry", "--all", "--json", expecting: 1)
      #expect(retried.components(separatedBy: #""outcome":"erased""#).count == 4, "\(retried)")
      #expect(daemon.terminate() == 0)
    }

    @Test("identifiers that hold the id are keys: they stay, and are listed")
    func keys() throws {
      let pleat = try Installation()
      try pleat.produce(
        Data(event("x", "project_opened", #""project_id":"of-\#(Self.id)","user_id":"\#(Self.id)""#).utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      let outcome = try json(try pleat.pleat("forget", Self.id, "--json"))
      let keys = outcome["keys"] as! [[String: Any]]
      #expect(keys.map { "\($0["member"]!) \($0["value"]!) \($0["events"]!)" } == ["project_id of-\(Self.id) 1"])
      #expect(try pleat.pleat("forget", Self.id).contains("project_id of-\(Self.id) (1 event)"))
      #expect(daemon.terminate() == 0)
    }

    @Test("a table that somebody holds is named, not waited for, and written anew by the next call")
    func held() throws {
      let pleat = try installed()
      try pleat.produce(Data(traces.utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      let stored = try stored(in: pleat)
      let holder = try Connection(ConnectionTarget(pleat.servers.url(database: pleat.name, user: "postgres")))
      try holder.execute("BEGIN; LOCK TABLE pleat.journal IN ACCESS SHARE MODE")
      let outcome = try json(try pleat.pleat("forget", Self.id, "--json"))
      #expect(outcome["not_written_anew"] as? [String] == ["pleat.journal_1"], "\(outcome)")
      #expect(try pleat.sql("SELECT bool_or(scrubbed) FROM pleat.erased_segments") == "f")
      try holder.execute("ROLLBACK")
      let again = try json(try pleat.pleat("forget", Self.id, "--json"))
      #expect(again["not_written_anew"] as? [String] == [], "\(again)")
      #expect(try places(stored, in: pleat) == [])
      #expect(daemon.terminate() == 0)
    }

    @Test("what Kafka held at the call is erased as it is read, and what comes later counts anew")
    func behind() throws {
      let pleat = try Installation()
      try pleat.produce(Data(project(1, Self.id).utf8))
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(daemon.terminate() == 0)
      try pleat.produce(Data((project(2, Self.id) + project(3, "bob") + "k\tof \(Self.id)\n").utf8))
      let outcome = try json(try pleat.pleat("forget", Self.id, "--json", "--wait", "0", expecting: 75))
      #expect(outcome["state"] as? String == "waiting" && outcome["position"] is NSNull, "\(outcome)")
      try pleat.produce(Data(project(4, Self.id).utf8))
      // That the command has ended is known to nobody until some time has passed, which need not be waited for here.
      _ = try pleat.sql("UPDATE pleat.erasures SET busy_until = clock_timestamp()")
      daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try Wait.until("the erasure's event is there") {
        try pleat.sql("SELECT count(*) FROM pleat.erasures WHERE position IS NOT NULL") == "1"
      }
      try pleat.waitCaughtUp()
      let lines = try pleat.pleat("journal").split(separator: "\n").map(String.init)
      let generated = lines.filter { $0.contains("project_generated") }
      #expect(generated.map { $0.contains(Self.id) } == [false, false, false, true], "\(lines)\(pleat.logs)")
      #expect(lines.filter { $0.contains("person_erased") }.count == 1)
      // Whether the fourth came before the event is a race that the positions decide.
      let erasedAt = try #require(lines.firstIndex { $0.contains("person_erased") })
      let fourthAt = try #require(lines.firstIndex { $0.contains(#""p4""#) })
      #expect(try numbers(pleat).prefix(2) == [4, erasedAt < fourthAt ? 2 : 1])
      #expect(try pleat.sql("SELECT count(*) FROM pleat.dead_letters WHERE value IS NOT NULL") == "0")
      #expect(daemon.terminate() == 0)
    }

    @Test(
      "a topic that this configuration does not name is asked for too, and what a skip has read again is erased again")
    func elsewhere() throws {
      let pleat = try Installation(topics: ["in": 1, "other": 1])
      let other = try #require(pleat.topics.keys.first { $0 != pleat.input })
      try pleat.produce(Data(project(1, Self.id).utf8))
      try pleat.produce(Data(project(2, "bob").utf8), to: other)
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()
      // It has its leases still.
      daemon.killHard()
      try pleat.produce(Data(project(3, Self.id).utf8), to: other)
      let outcome = try json(
        try pleat.pleat(
          "forget", Self.id, "--json", "--wait", "0", expecting: 75, environment: ["PLEAT_KAFKA_TOPICS": pleat.input]))
      #expect((outcome["waiting_for"] as? [[String: Any]])?.map { $0["topic"] as? String } == [other], "\(outcome)")
      _ = try pleat.sql("UPDATE pleat.erasures SET busy_until = clock_timestamp()")
      daemon = try pleat.start()
      func erased(_ count: Int) throws {
        try Wait.until("an erasure's event is there") {
          try pleat.sql("SELECT count(*) FROM pleat.erasures WHERE position IS NOT NULL") == "\(count)"
        }
      }
      try erased(1)
      // Below the end, and above it.
      try pleat.produce(Data(project(4, Self.id).utf8), to: other)
      try pleat.waitCaughtUp()
      #expect(daemon.terminate() == 0)
      try pleat.pleat("skip", other, "0", "--to", "0", "--reason", "again", environment: pleat.asOperator)
      daemon = try pleat.start()
      try erased(2)
      try pleat.waitCaughtUp()
      let lines = try pleat.pleat("journal").split(separator: "\n").map(String.init)
      func users(_ project: Int) -> [Bool] {
        lines.filter { $0.contains(#""project_id":"p\#(project)""#) }.map { $0.contains(Self.id) }
      }
      #expect(
        (1...4).map(users) == [[false], [false, false], [false, false], [true, true]], "\(lines)\(pleat.logs)")
      #expect(daemon.terminate() == 0)
    }

    @Test("an earlier erasure of the same person that ends when it is asked for again: it is begun once more")
    func endsMeanwhile() throws {
      let pleat = try Installation()
      try pleat.produce(Data(project(1, Self.id).utf8))
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(daemon.terminate() == 0)
      try pleat.produce(Data(project(2, Self.id).utf8))
      // Its event waits for what nobody reads.
      try pleat.pleat("forget", Self.id, "--wait", "0", expecting: 75)
      // The daemon leaves it alone, and what extends it finds it ended, once.
      _ = try pleat.sql(
        """
        UPDATE pleat.erasures SET busy_until = 'infinity';
        CREATE SEQUENCE pleat.endings;
        CREATE FUNCTION pleat.end_it() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
          IF nextval('pleat.endings') = 1 THEN UPDATE pleat.erasures SET position = 0 WHERE id = NEW.id; END IF;
          RETURN NULL;
        END $$;
        CREATE TRIGGER ends AFTER UPDATE OF busy_until ON pleat.erasures FOR EACH ROW EXECUTE FUNCTION pleat.end_it();
        """)
      daemon = try pleat.start()
      try pleat.waitCaughtUp()
      let outcome = try json(try pleat.pleat("forget", Self.id, "--json"))
      #expect(outcome["state"] as? String == "erased", "\(outcome)\(pleat.logs)")
      #expect(try pleat.sql("SELECT is_called FROM pleat.endings") == "t")
      #expect(try pleat.sql("SELECT count(*), count(*) FILTER (WHERE position > 0) FROM pleat.erasures") == "2|1")
      #expect(try !pleat.pleat("journal").contains(Self.id))
      #expect(daemon.terminate() == 0)
    }

    @Test("a kill -9 of forget and of the daemon, wherever, and the next call ends it")
    func kills() throws {
      let pleat = try installed(topics: ["in": 2], ["PLEAT_INGEST_FLUSH_EVENTS": "20"])
      let world = try pleat.pleat("generate", "--events", "6000", "--seed", "3", "--days", "5")
      let mine = (10..<40).map { project($0, Self.id, minute: $0) }.joined()
      try pleat.produce(Data((mine + world + mine.replacingOccurrences(of: #""id":"g"#, with: #""id":"h"#)).utf8))
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()
      let segments = Int(try pleat.sql("SELECT count(*) FROM pleat.journal"))!
      #expect(segments > 50)
      let stored = try stored(in: pleat)
      #expect(stored.count > 1)
      // Killed when it has begun, when some is searched, when all is.
      for condition in [
        "count(*) > 0", "coalesce(max(searched_to), 0) > 1", "coalesce(max(searched_to), 0) >= max(search_until)",
      ] {
        let forget = Process()
        forget.executableURL = pleat.servers.program
        forget.arguments = ["forget", Self.id]
        forget.environment = ProcessInfo.processInfo.environment.merging(pleat.environment) { $1 }
        forget.standardOutput = FileHandle.nullDevice
        forget.standardError = FileHandle.nullDevice
        try forget.run()
        try Wait.until("forget has come so far: \(condition)") {
          try pleat.sql("SELECT \(condition) FROM pleat.erasures") == "t" || !forget.isRunning
        }
        Glibc.kill(forget.processIdentifier, SIGKILL)
        forget.waitUntilExit()
        daemon.killHard()
        daemon = try pleat.start()
      }
      let outcome = try json(try pleat.pleat("forget", Self.id, "--json"))
      #expect(outcome["state"] as? String == "erased", "\(outcome)\(pleat.logs)")
      try pleat.waitCaughtUp()
      #expect(try !pleat.pleat("journal").contains(Self.id))
      #expect(try places(stored, in: pleat) == [])
      #expect(
        try pleat.sql(
          "SELECT count(*) FROM pleat.projects_current WHERE person IS NULL AND generated") != "0"
      )
      #expect(try pleat.sql("SELECT count(*) FROM pleat.erasures WHERE position IS NULL") == "0")
      #expect(daemon.terminate() == 0)
    }
  }
}
