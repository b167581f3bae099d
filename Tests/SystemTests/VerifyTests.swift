import Foundation
import Testing

extension SystemTests {
  @Suite("Verify proves what is there, or names what differs")
  struct VerifyTests {
    private func verify(_ pleat: Installation, expecting code: Int32 = 0) throws -> [String: Any] {
      let text = try pleat.pleat("verify", "--json", expecting: code)
      return try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
    }

    @Test("it finds nothing beside a daemon that folds, after kills and a rebuild")
    func agrees() throws {
      let pleat = try Installation(topics: ["in": 2], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let lines = try pleat.lines(events: 4_000, seed: 31)
      try pleat.produce(lines: lines[0..<2_000])
      for step in [200, 900] {
        let daemon = try pleat.start()
        let folded = { Int(try pleat.sql("SELECT coalesce(max(position), 0) FROM pleat.projection_cursors")) ?? 0 }
        let before = try folded()
        try Wait.until("\(step) more are folded") { try folded() >= min(before + step, 1_900) }
        daemon.killHard()
      }
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      let first = try verify(pleat)
      #expect(first["ok"] as? Bool == true)
      let projects = (first["projections"] as! [[String: Any]]).first { $0["projection"] as? String == "projects" }!
      #expect(projects["position"] as! Int >= 1_900 && projects["rows"] as! Int > 100)
      #expect(projects["versions"] as! Int > 100)
      // Folding goes on while it is compared.
      let running = try pleat.begin("verify")
      try pleat.produce(lines: lines[2_000...])
      #expect(running.waitForExit(120))
      #expect(running.process.terminationStatus == 0, "\(running.output)")
      try pleat.waitCaughtUp()
      try pleat.pleat("rebuild", "models")
      #expect(try verify(pleat)["ok"] as? Bool == true)
      #expect(daemon.terminate() == 0)
    }

    @Test("what is of other versions keeps nobody from verifying the rest, and is said")
    func otherVersion() throws {
      let pleat = try Installation()
      try pleat.produce(lines: try pleat.lines(events: 500, seed: 33, days: 2))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(daemon.terminate() == 0)
      // The first of them.
      _ = try pleat.sql("UPDATE pleat.projection_cursors SET fold_version = 99 WHERE projection = 'projects'")
      let found = try verify(pleat, expecting: 78)
      #expect(found["ok"] as? Bool == false && found["difference"] is NSNull)
      let verified = (found["projections"] as! [[String: Any]]).map { $0["projection"] as! String }
      #expect(verified == ["models", "activity"])
      try pleat.pleat("verify", "--projection", "projects", expecting: 78)
      try pleat.pleat("verify", "--projection", "models")
    }

    @Test("every planted difference is found and named")
    func differences() throws {
      let pleat = try Installation(environment: ["PLEAT_RELAY_PUBLISH": "all"])
      try pleat.produce(lines: try pleat.lines(events: 1_500, seed: 32, days: 5))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(daemon.terminate() == 0)
      // Where there is no derived event yet, one that nothing in the journal leads to is as good.
      let cases: [(plant: String, undo: String, expected: [String: String])] = [
        (
          "UPDATE pleat.team_stats_current SET wizard_steps = wizard_steps + 1 WHERE team_id = (SELECT min(team_id) FROM pleat.team_stats_current)",
          "UPDATE pleat.team_stats_current SET wizard_steps = wizard_steps - 1 WHERE team_id = (SELECT min(team_id) FROM pleat.team_stats_current)",
          ["kind": "row", "view": "team_stats", "column": "wizard_steps"]
        ),
        (
          "CREATE TABLE saved AS SELECT * FROM pleat.technologies ORDER BY technology DESC LIMIT 1; DELETE FROM pleat.technologies t USING saved s WHERE (t.generation, t.technology, t.position) = (s.generation, s.technology, s.position)",
          "INSERT INTO pleat.technologies SELECT * FROM saved; DROP TABLE saved",
          ["kind": "version", "view": "technology_trends", "expected": "a row"]
        ),
        (
          "INSERT INTO pleat.memberships_current SELECT generation, 'zz', person, role, change_time, change_position, position FROM pleat.memberships_current LIMIT 1",
          "DELETE FROM pleat.memberships_current WHERE team_id = 'zz'",
          ["kind": "row", "table": "memberships_current", "found": "a row"]
        ),
        // Of a view whose rows lie in lists, one of its rows.
        (
          "UPDATE pleat.team_technologies_current SET successes[2] = successes[2] + 1 WHERE team_id = (SELECT min(team_id) FROM pleat.team_technologies_current WHERE cardinality(technologies) > 1)",
          "UPDATE pleat.team_technologies_current SET successes[2] = successes[2] - 1 WHERE team_id = (SELECT min(team_id) FROM pleat.team_technologies_current WHERE cardinality(technologies) > 1)",
          [
            "kind": "row", "view": "team_technologies", "column": "successes",
            "key":
              "SELECT team_id, technologies[2] FROM pleat.team_technologies_current WHERE cardinality(technologies) > 1 ORDER BY 1 LIMIT 1",
          ]
        ),
        (
          "CREATE TABLE saved AS SELECT * FROM pleat.team_technologies ORDER BY position, team_id LIMIT 1; UPDATE pleat.team_technologies t SET technologies[1] = 'zz' FROM saved s WHERE (t.generation, t.team_id, t.position) = (s.generation, s.team_id, s.position)",
          "UPDATE pleat.team_technologies t SET technologies = s.technologies FROM saved s WHERE (t.generation, t.team_id, t.position) = (s.generation, s.team_id, s.position); DROP TABLE saved",
          [
            "kind": "version", "view": "team_technologies", "expected": "a row",
            "key": "SELECT team_id, position, technologies[1] FROM saved",
          ]
        ),
        (
          "UPDATE pleat.turns SET watermark = watermark + interval '1 microsecond' WHERE projection = 'projects' AND position = (SELECT max(position) FROM pleat.turns WHERE projection = 'projects')",
          "UPDATE pleat.turns SET watermark = watermark - interval '1 microsecond' WHERE projection = 'projects' AND position = (SELECT max(position) FROM pleat.turns WHERE projection = 'projects')",
          ["kind": "turn", "column": "watermark"]
        ),
        (
          "INSERT INTO pleat.outbox SELECT 'projects', 7, 0, chain, 0, 's', 'x', now(), '{}' FROM pleat.journal_head",
          "DELETE FROM pleat.outbox WHERE id = 'x'",
          ["kind": "derived event", "found": "a row"]
        ),
        (
          "UPDATE pleat.journal SET payload = set_byte(payload, 40, get_byte(payload, 40) # 1) WHERE first_position = 1",
          "UPDATE pleat.journal SET payload = set_byte(payload, 40, get_byte(payload, 40) # 1) WHERE first_position = 1",
          ["kind": "segment", "column": "payload"]
        ),
        (
          "UPDATE pleat.journal SET appended_at = appended_at + interval '1 microsecond' WHERE first_position = 1",
          "UPDATE pleat.journal SET appended_at = appended_at - interval '1 microsecond' WHERE first_position = 1",
          ["kind": "segment"]
        ),
      ]
      for (plant, undo, expected) in cases {
        _ = try pleat.sql(plant)
        let report = try verify(pleat, expecting: 2)
        let difference = report["difference"] as! [String: Any]
        for (member, value) in expected where member != "key" {
          #expect(difference[member] as? String == value, "\(member) of \(difference)")
        }
        #expect((difference["view"] is NSNull) == (expected["view"] == nil), "\(difference)")
        #expect(difference["position"] is Int, "\(difference)")
        if let key = expected["key"] {
          let found = difference["key"] as! [String: String]
          let names = ["team_id", "position", "technology"]
          #expect(try names.compactMap { found[$0] }.joined(separator: "|") == pleat.sql(key))
        }
        _ = try pleat.sql(undo)
      }
      #expect(try verify(pleat)["ok"] as? Bool == true)
    }
  }
}
