import Foundation
import TestSupport
import Testing

extension SystemTests {
  @Suite("Retention")
  struct RetentionTests {
    @Test("versions are thinned out to the first of each month, and what is kept tells the same")
    func versions() throws {
      let pleat = try Installation()
      let world = try pleat.pleat("generate", "--events", "700", "--seed", "9", "--days", "90")
      try pleat.produce(Data(world.utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(try pleat.pleat("retention").contains("Everything is kept"))
      // Each key's version that a turn sees, at every turn that stays.
      let seen = """
        SELECT md5(string_agg(x::text, ' ' ORDER BY x::text)) FROM (
          SELECT DISTINCT ON (t.position, v.technology) t.position AS turn, v.*
          FROM pleat.turns t JOIN pleat.technologies v ON v.generation = t.generation AND v.position <= t.position
          WHERE t.projection = 'projects' AND t.position IN (
            SELECT min(f.position) FROM pleat.turns f WHERE f.projection = 'projects'
            GROUP BY date_trunc('month', f.watermark AT TIME ZONE 'UTC'))
          ORDER BY t.position, v.technology, v.position DESC) x
        """
      let (before, count) = (try pleat.sql(seen), Int(try pleat.sql("SELECT count(*) FROM pleat.technologies"))!)
      let days = ["PLEAT_RETENTION_VERSIONS_DAYS": "20"]
      let outcome =
        try JSONSerialization.jsonObject(
          with: Data(try pleat.pleat("retention", "--json", environment: days).utf8)) as! [String: Any]
      #expect(outcome["thinned_turns"] as! Int > 50 && outcome["deleted_versions"] as! Int > 100, "\(outcome)")
      #expect(try pleat.sql(seen) == before)
      #expect(Int(try pleat.sql("SELECT count(*) FROM pleat.technologies"))! < count)
      // As of a turn that is thinned out is an error; the first of a month is told.
      func asOf(_ condition: String) throws -> String {
        let position = try pleat.sql(
          "SELECT min(position) FROM pleat.turns WHERE projection = 'projects' AND \(condition)")
        return try pleat.sql(
          "SET pleat.as_of = '\(position)'; SELECT count(*) >= 0 FROM pleat_unmasked.technology_usage")
      }
      #expect(try asOf("kept") == "t")
      let error = #expect(throws: (any Error).self) { try asOf("NOT kept") }
      #expect("\(String(describing: error))".contains("are not kept any more"))
      // What is thinned out is no difference, what is kept is compared.
      _ = try pleat.pleat("verify", "--json")
      let again = try pleat.pleat("retention", "--json", environment: days)
      #expect(again.contains(#""thinned_turns":0,"deleted_versions":0"#), "\(again)")
      #expect(daemon.terminate() == 0)
    }

    @Test("old dead letters go, however many, and who was refused since stays")
    func deadLetters() throws {
      let pleat = try Installation()
      try pleat.produce(Data((0..<2_500).map { "k\t{\($0)\n" }.joined().utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      let days = ["PLEAT_RETENTION_DEAD_LETTERS_DAYS": "30"]
      func deleted() throws -> Int? {
        let json = Data(try pleat.pleat("retention", "--json", environment: days).utf8)
        return (try JSONSerialization.jsonObject(with: json) as! [String: Any])["deleted_dead_letters"] as? Int
      }
      #expect(try deleted() == 0, "none of them is old")
      _ = try pleat.sql("UPDATE pleat.dead_letters SET at = at - interval '31 days' WHERE record_offset < 2400")
      #expect(try deleted() == 2400)
      #expect(try pleat.sql("SELECT count(*) || ' ' || min(record_offset) FROM pleat.dead_letters") == "100 2400")
      #expect(
        try pleat.sql("SELECT sum(dead_letters) FROM pleat.partitions") == "2500", "they were refused all the same")
      #expect(daemon.terminate() == 0)
    }

    @Test("the journal's old tables go, and what can no longer be told or proved says so")
    func journal() throws {
      let pleat = try Installation()
      let lines = try pleat.lines(events: 600, seed: 9)
      // Tables have a million positions at least. The next is as long as the one before.
      _ = try pleat.sql(
        """
        SET ROLE pleat_owner; DROP TABLE pleat.journal_1;
        CREATE TABLE pleat.journal_1 PARTITION OF pleat.journal FOR VALUES FROM (1) TO (300);
        UPDATE pleat.journal_tables SET until_position = 300; UPDATE pleat.journal_head SET partitioned_until = 300
        """)
      try pleat.produce(lines: lines[..<450])
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try pleat.produce(lines: lines[450...])
      try pleat.waitCaughtUp()
      let days = ["PLEAT_RETENTION_JOURNAL_DAYS": "10"]
      func retention() throws -> [String: Any] {
        try JSONSerialization.jsonObject(
          with: Data(pleat.pleat("retention", "--json", environment: days).utf8)) as! [String: Any]
      }
      #expect(try retention()["dropped_tables"] as? [String] == [], "none of it is old")
      // As if it had been filled ten days ago.
      _ = try pleat.sql("UPDATE pleat.journal_1 SET appended_at = appended_at - interval '11 days'")
      let outcome = try retention()
      #expect(outcome["dropped_tables"] as? [String] == ["journal_1"], "\(outcome)")
      let first = try #require(outcome["first_position"] as? Int)
      #expect(try first > 1 && pleat.sql("SELECT min(first_position) FROM pleat.journal") == "\(first)")

      let (status, output, errors) = try Shell.run(
        pleat.servers.program.path, ["journal", "--from", "1", "--to", "\(first)"], environment: pleat.environment)
      #expect(status == 0 && String(decoding: output, as: UTF8.self).hasPrefix("{\"position\":\(first),"))
      #expect(String(decoding: errors, as: UTF8.self).contains("positions before \(first) are not kept any more"))
      func verify() throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: Data(pleat.pleat("verify", "--json").utf8)) as! [String: Any]
      }
      // Of rows nothing can be proved any more; of what is kept, that nobody touched it.
      let verified = try verify()
      #expect(verified["ok"] as? Bool == true && verified["first_position"] as? Int == first, "\(verified)")
      #expect((verified["projections"] as? [Any])?.isEmpty == true, "\(verified)")
      let flip = """
        UPDATE pleat.journal SET payload = set_byte(payload, 40, get_byte(payload, 40) # 1) WHERE first_position = \(first)
        """
      _ = try pleat.sql(flip)
      try pleat.pleat("verify", expecting: 2)
      _ = try pleat.sql(flip)

      let projects = "SELECT count(*) FROM pleat.projects_current"
      let before = try pleat.sql(projects)
      let refused = try Shell.run(
        pleat.servers.program.path, ["rebuild", "projects"], environment: pleat.environment)
      #expect(refused.status == 1 && String(decoding: refused.errors, as: UTF8.self).contains("--accept-loss"))
      #expect(try pleat.sql(projects) == before)
      try pleat.pleat("rebuild", "projects", "--accept-loss")
      #expect(try Int(pleat.sql(projects))! < Int(before)!)
      #expect(daemon.terminate() == 0)
    }

    @Test("a projection that is given up is empty and waited for by nobody, until somebody folds it again")
    func retirement() throws {
      let pleat = try Installation()
      let lines = try pleat.lines(events: 600, seed: 9)
      try pleat.produce(lines: lines[..<300])
      let all = try pleat.start()
      try pleat.waitCaughtUp()
      let rows = try pleat.sql("SELECT count(*) FROM pleat_unmasked.wizard_activity")
      #expect(rows != "0")
      let less = ["PLEAT_PROJECTIONS_ONLY": "projects,models"]
      func refusal(_ environment: [String: String]) throws -> String {
        let result = try Shell.run(
          pleat.servers.program.path, ["retire", "activity"], environment: pleat.environment.merging(environment) { $1 }
        )
        #expect(result.status == 1)
        return String(decoding: result.errors, as: UTF8.self)
      }
      #expect(try refusal([:]).contains("projections.only has activity here"))
      #expect(try refusal(less).contains("one folds activity: take it out of projections.only there"))
      #expect(all.terminate() == 0)

      let fewer = try pleat.start("one", less)
      try pleat.produce(lines: lines[300...])
      try pleat.pleat("status", "--wait-caught-up", "2", expecting: 75, environment: less)
      let retired = try pleat.pleat("retire", "activity", "--json", environment: less)
      #expect(retired == "{\"projection\":\"activity\",\"generation\":2}\n")
      #expect(try pleat.pleat("retire", "activity", "--json", environment: less) == retired)
      try pleat.pleat("status", "--wait-caught-up", "60", environment: less)
      #expect(try pleat.sql("SELECT count(*) FROM pleat_unmasked.wizard_activity") == "0")
      #expect(try pleat.sql("SELECT count(*) FROM pleat.wizard_activity_current") == "0")
      let freshness = "SELECT state || ' ' || reason FROM pleat_unmasked.freshness WHERE projection = 'activity'"
      #expect(try pleat.sql(freshness).hasPrefix("stopped given up by "))
      #expect(try !pleat.pleat("verify").contains("activity"))
      // Retention lets go of what it has not read.
      let position = "SELECT position FROM pleat.projection_cursors WHERE projection = 'activity'"
      #expect(try Int(pleat.sql(position))! < 600)
      try pleat.pleat("retention", environment: ["PLEAT_RETENTION_JOURNAL_DAYS": "10"])
      #expect(try pleat.sql(position) == pleat.sql("SELECT position FROM pleat.journal_head"))
      #expect(fewer.terminate() == 0)

      let again = try pleat.start()
      try pleat.waitCaughtUp()
      try waitUntil("it is live again") {
        try pleat.sql("SELECT state FROM pleat_unmasked.freshness WHERE projection = 'activity'") == "live"
      }
      #expect(try Int(pleat.sql("SELECT count(*) FROM pleat_unmasked.wizard_activity"))! > Int(rows)!)
      try pleat.pleat("verify")
      #expect(again.terminate() == 0)
    }
  }
}
