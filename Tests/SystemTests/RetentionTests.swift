import Foundation
import Testing

extension SystemTests {
  @Suite("Retention")
  struct RetentionTests {
    @Test("versions are thinned out to the first of each month, and what is kept tells the same")
    func versions() throws {
      let pleat = try Installation()
      let world = try pleat.pleat("generate", "--events", "1500", "--seed", "9", "--days", "90")
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

    @Test("top without a terminal prints one status")
    func top() throws {
      let pleat = try Installation()
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(try pleat.pleat("top").contains("caught up"))
      #expect(daemon.terminate() == 0)
    }
  }
}
