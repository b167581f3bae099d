import Foundation
import Testing

extension SystemTests {
  @Suite("A projection is rebuilt under load")
  struct RebuildTests {
    private func liveGeneration(_ pleat: Installation, _ projection: String = "projects") throws -> String {
      try pleat.sql("SELECT generation FROM pleat.live_generations WHERE projection = '\(projection)'")
    }

    /// The rows of every table of the live generations, as one digest, and the outbox.
    private func content(_ pleat: Installation) throws -> [String] {
      let tables = try pleat.sql(
        """
        SELECT t.projection || ' ' || c.relname FROM pleat.projection_tables t
        JOIN pg_class c ON c.relname IN (t.table_name, t.table_name || '_current') AND c.relnamespace = 'pleat'::regnamespace
        ORDER BY c.relname
        """)
      var content = try tables.split(separator: "\n").map { line in
        let parts = line.split(separator: " ")
        let digest = try pleat.sql(
          """
          SELECT md5(coalesce(string_agg(to_jsonb(x)::text, ' ' ORDER BY (to_jsonb(x) - 'generation')::text), ''))
          FROM (SELECT (to_jsonb(t) - 'generation') AS x FROM pleat.\(parts[1]) t
            WHERE generation = (SELECT generation FROM pleat.live_generations WHERE projection = '\(parts[0])')) r
          """)
        return "\(line) \(digest)"
      }
      content.append(
        try pleat.sql("SELECT string_agg(id, ' ' ORDER BY projection, position, ordinal) FROM pleat.outbox"))
      return content
    }

    @Test("the same rows and the same derived events once, whoever is killed meanwhile")
    func underLoad() throws {
      let pleat = try Installation(topics: ["in": 2], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let lines = try pleat.lines(events: 5_000, seed: 21)
      try pleat.produce(lines: lines[0..<2_600])
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()
      // A rebuilder that is killed again and again goes on where it was.
      for step in [1, 300, 700] {
        let made = { try pleat.sql("SELECT coalesce(max(position), 0) FROM pleat.generations WHERE phase = 'making'") }
        let before = Int(try made()) ?? 0
        let rebuilder = try pleat.begin("rebuild", "projects")
        try Wait.until("it has come on by \(step)") {
          try (Int(made()) ?? 0) >= before + step || !rebuilder.isRunning
        }
        rebuilder.killHard()
      }
      try pleat.produce(lines: lines[2_600..<3_800])
      let rebuilder = try pleat.begin("rebuild", "projects", "--json")
      try Wait.until("the live one is paused, or it is over") {
        try pleat.sql(
          "SELECT count(*) FROM pleat.leases WHERE resource = 'projection/projects' AND owner LIKE '%rebuild%'")
          == "1" || !rebuilder.isRunning
      }
      daemon.killHard()
      daemon = try pleat.start()
      try pleat.produce(lines: lines[3_800...])
      #expect(rebuilder.waitForExit(120))
      #expect(rebuilder.process.terminationStatus == 0, "\(rebuilder.output)")
      // A rebuild that was to be killed may have been faster.
      let generation = try #require(Int(try liveGeneration(pleat)))
      #expect(generation > 1 && rebuilder.output.contains(#""generation":\#(generation)"#), "\(rebuilder.output)")
      try pleat.waitCaughtUp()
      let rebuilt = try content(pleat)

      // Another folds the same journal once more, with nobody disturbing it.
      let calm = try pleat.pleat("rebuild", "projects", "--json")
      #expect(calm.contains(#""generation":\#(generation + 1)"#))
      try pleat.waitCaughtUp()
      #expect(try content(pleat) == rebuilt)
      #expect(try pleat.sql("SELECT count(*) FROM pleat.generations WHERE projection = 'projects'") == "1")
      #expect(try pleat.sql("SELECT count(DISTINCT generation) FROM pleat.team_stats") == "1")
      try pleat.expect(SlowFold(try pleat.journal()).views())
      if pleat.broker.isReal {
        let outbox = try pleat.sql(
          "SELECT string_agg(id, ' ' ORDER BY position, ordinal) FROM pleat.outbox WHERE topic = 0"
        ).split(separator: " ").map(String.init)
        #expect(Set(outbox).count == outbox.count)
        try Wait.until("every derived event is out") { try pleat.derivedEvents().count >= outbox.count }
        #expect(Set(try pleat.derivedEvents().map { $0["id"] as! String }) == Set(outbox))
        #expect(try pleat.derivedEvents().count == outbox.count)
      }
      #expect(daemon.terminate() == 0)
    }

    @Test("a higher catalog rebuilds by itself; a lower one lets go, and never takes it back")
    func versions() throws {
      let pleat = try Installation()
      let lines = try pleat.lines(events: 1_500, seed: 22)
      try pleat.produce(lines: lines[0..<1_000])
      let low = try pleat.start("low")
      try pleat.waitCaughtUp()
      let catalog = pleat.folder.appendingPathComponent("higher.yaml")
      try "version: 2\ntechnologies:\n  - {name: Sw, category: language, aliases: [Swift]}\n".write(
        to: catalog, atomically: true, encoding: .utf8)
      let high = try pleat.start("high", ["PLEAT_PROJECTIONS_CATALOG": catalog.path])
      try Wait.until("the rebuilt generation is live, and the one before gone") {
        try pleat.sql(
          "SELECT generation || ' ' || catalog_version || ' ' || phase FROM pleat.generations WHERE projection = 'projects'"
        )
          == "2 2 live"
      }
      try pleat.produce(lines: lines[1_000...])
      try pleat.waitCaughtUp()
      #expect(try pleat.sql("SELECT owner FROM pleat.leases WHERE resource = 'projection/projects'") == "high")
      // The catalog is no concern of the models': nobody has rebuilt them.
      #expect(try liveGeneration(pleat, "models") == "1")
      try pleat.pleat("rebuild", "projects", expecting: 78)
      #expect(high.terminate() == 0)
      try Wait.until("the lower one says that it does not fold it") {
        low.output.contains("projects is not folded here")
      }
      #expect(try liveGeneration(pleat) == "2")
      try Wait.until("freshness says so") {
        try pleat.sql("SELECT state FROM insights.freshness WHERE projection = 'projects'") == "stopped"
      }
      #expect(low.terminate() == 0)
    }

    @Test("an interrupted rebuild ends with 75, and can be given up")
    func interrupted() throws {
      let pleat = try Installation()
      try pleat.produce(lines: try pleat.lines(events: 3_000, seed: 23))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(daemon.terminate() == 0)
      let rebuilder = try pleat.begin("rebuild", "projects")
      try Wait.until("it is under way") {
        try pleat.sql("SELECT count(*) FROM pleat.generations WHERE phase = 'making'") == "1"
      }
      rebuilder.signal(SIGTERM)
      #expect(rebuilder.waitForExit(120))
      #expect(rebuilder.process.terminationStatus == 75, "\(rebuilder.output)")
      try pleat.pleat("rebuild", "projects", "--discard")
      #expect(try pleat.sql("SELECT count(*) FROM pleat.generations WHERE projection = 'projects'") == "1")
      #expect(try pleat.sql("SELECT count(DISTINCT generation) FROM pleat.projects_current") == "1")
      try pleat.pleat("rebuild", "project", expecting: 64)
    }
  }
}
