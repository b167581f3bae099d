import Foundation
import Postgres
import Testing

extension SystemTests {
  @Suite("A row explains itself")
  struct ExplainTests {
    private func event(_ type: String, _ time: String, _ data: String) -> String {
      "k\t{\"type\":\"\(type)\",\"timestamp\":\"2026-10-\(time):00Z\",\"data\":{\(data)}}\n"
    }

    private func explain(_ pleat: Installation, _ words: String...) throws -> [[String: Any]] {
      try report(pleat, words)["rows"] as! [[String: Any]]
    }

    private func report(_ pleat: Installation, _ words: [String]) throws -> [String: Any] {
      let result = try Shell.run(
        pleat.servers.program.path, ["explain"] + words + ["--json"], environment: pleat.environment)
      guard result.status == 0 else {
        throw Shell.Failure(description: String(decoding: result.errors, as: UTF8.self))
      }
      return try JSONSerialization.jsonObject(with: result.output) as! [String: Any]
    }

    private func versions(_ row: [String: Any]) -> [(turn: Int?, offsets: [Int], changed: [String])] {
      (row["versions"] as! [[String: Any]]).map { version in
        (
          version["turn"] as? Int, (version["events"] as! [[String: Any]]).map { $0["offset"] as! Int },
          (version["changed"] as! [[String: Any]]).map {
            "\($0["column"]!) \($0["before"] as? String ?? "-") \($0["after"] as? String ?? "-")"
          }
        )
      }
    }

    @Test("its versions lead to the records behind them, also to those that reach it by way of others")
    func offsets() throws {
      let pleat = try Installation()
      try pleat.produce(
        Data(
          [
            event(
              "project_generated", "01T08:00",
              #""project_id":"p1","user_id":"u1","technologies":["A"],"project_type":"web","org_id":"o","team_id":"t""#),
            event(
              "project_generated", "01T08:10",
              #""project_id":"p2","user_id":"u2","technologies":["B"],"project_type":"web""#),
            event("feedback_submitted", "01T09:00", #""project_id":"p1","user_id":"u1","success":true"#),
            event("project_opened", "01T09:30", #""project_id":"p1","user_id":"u2""#),
            event("stack_selected", "01T10:00", #""user_id":"u3","technologies":["A"]"#),
            event("org_settings_changed", "02T12:00", #""org_id":"o","learning_enabled":false"#),
            event("project_opened", "03T12:00", #""project_id":"p2","user_id":"u2""#),
            event("project_opened", "03T12:01", #""project_id":"p1","user_id":"u2""#),
          ].joined().utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()

      let usage = try explain(pleat, "technology_usage", "day=2026-10-01", "technology=A")
      #expect(usage.count == 1)
      let steps = versions(usage[0])
      #expect(steps.map(\.turn) == [6, 7])
      #expect(steps.map(\.offsets) == [[0, 2, 4], [5]])
      #expect(steps[0].changed.contains("successes - 1") && steps[1].changed.contains("projects 1 0"))

      // Openings by anybody are the team's, until its project counts no more; the newest state comes last.
      let team = try explain(pleat, "team_stats", "t")
      let stats = team.first { $0["table"] as? String == "team_stats" }!
      #expect(versions(stats).flatMap(\.offsets) == [0, 2, 3, 5])
      #expect(
        try explain(pleat, "stack_combinations", #"["A"]"#).flatMap { versions($0).flatMap(\.offsets) } == [0, 2, 5])

      let text = try pleat.pleat("explain", "technology_usage", "A", "2026-10-01", "--events")
      #expect(text.contains(#""type":"feedback_submitted""#) && text.contains("projects: 1 → 0"))
      try pleat.pleat("explain", "technology_usage", "Z", "2026-10-01", expecting: 1)
      try pleat.pleat("explain", "technology_usage", "A", expecting: 64)
      try pleat.pleat("explain", "technology_use", "A", expecting: 64)
      try pleat.pleat("explain", "technology_usage", "A", "someday", expecting: 64)
      try pleat.pleat("explain", "stack_combinations", "A", expecting: 64)
      #expect(daemon.terminate() == 0)
    }

    @Test("a technology of a team has the versions in which it changed, though all of the team's are in one row")
    func member() throws {
      let pleat = try Installation()
      func project(_ id: String, _ time: String, _ technologies: String) -> String {
        event(
          "project_generated", time,
          #""project_id":"\#(id)","user_id":"u","technologies":[\#(technologies)],"project_type":"web","team_id":"t""#)
      }
      try pleat.produce(
        Data(
          [
            project("p1", "01T08:00", #""A","B""#), project("p2", "01T08:10", #""B""#),
            event("feedback_submitted", "02T12:00", #""project_id":"p2","user_id":"u","success":true"#),
            project("p3", "03T12:00", #""C""#), project("p4", "04T12:00", #""A""#),
            project("p5", "04T12:01", #""B""#),
            // Comes and goes: what it leaves is what was there before.
            project("p6", "05T12:00", #""C""#),
            event("project_visibility_changed", "05T12:01", #""project_id":"p6","visibility":"none""#),
          ].joined().utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      func steps(_ technology: String) throws -> [String] {
        let rows = try explain(pleat, "team_technologies", "t", technology)
        #expect(rows.count == 1)
        return versions(rows[0]).map { "\($0.turn ?? 0) \($0.offsets) \($0.changed.sorted())" }
      }
      // Turned by the feedback, by p3 and by p4: the second changed B alone, the third C, the newest state A and B.
      #expect(
        try steps("A") == [
          #"3 [0] ["failures - 0", "successes - 0", "usage_count - 1"]"#, #"7 [4] ["usage_count 1 2"]"#,
        ])
      #expect(
        try steps("B") == [
          #"3 [0, 1] ["failures - 0", "successes - 0", "usage_count - 2"]"#, #"4 [2] ["successes 0 1"]"#,
          #"7 [5] ["usage_count 2 3"]"#,
        ])
      #expect(
        try steps("C") == [#"5 [3] ["failures - 0", "successes - 0", "usage_count - 1"]"#, "0 [6, 7] []"])
      // Two versions, and neither says anything of C.
      let begin = try pleat.pleat("explain", "team_technologies", "t", "A", "--json", "--from", "4", "--limit", "2")
      #expect(begin.contains(#""next_from":7"#) && begin.contains(#""versions":[]"#), "\(begin)")
      try pleat.pleat("explain", "team_technologies", "t", "D", expecting: 1)
      #expect(daemon.terminate() == 0)
    }

    private func project(_ number: Int, _ time: String) -> String {
      event(
        "project_generated", time,
        #""project_id":"p\#(number)","user_id":"u\#(number)","technologies":["A"],"project_type":"web","team_id":"t""#)
    }

    @Test("beside a fold that goes on, what it shows is of one moment")
    func oneMoment() throws {
      let pleat = try Installation()
      try pleat.produce(Data([project(0, "01T08:00"), project(1, "01T08:10")].joined().utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      // The fold writes versions at turns of the day alone; who explains reads them after the rows of another table.
      let lock = try Connection(ConnectionTarget(pleat.servers.url(database: pleat.name, user: "postgres")))
      try lock.execute("BEGIN; LOCK TABLE pleat.team_activity IN ACCESS EXCLUSIVE MODE")
      let explain = try pleat.begin("explain", "team_stats", "t", "--json")
      try Wait.until("it waits between two tables\(explain.output)") {
        try pleat.sql(
          "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pleat explain' AND wait_event_type = 'Lock'")
          == "1"
      }
      try pleat.produce(Data(project(2, "01T08:20").utf8))
      try pleat.waitCaughtUp()
      try lock.execute("COMMIT")
      #expect(explain.waitForExit(120) && explain.process.terminationStatus == 0, "\(explain.output)")
      #expect(!explain.output.contains("everything is folded"), "\(explain.output)")
      let line = explain.output.split(separator: "\n").first { $0.hasPrefix("{") } ?? ""
      let report = try JSONSerialization.jsonObject(with: Data(line.utf8)) as! [String: Any]
      #expect(report["position"] as? Int == 2)
      for row in report["rows"] as! [[String: Any]] { #expect(versions(row).flatMap(\.offsets) == [0, 1]) }
      #expect(try self.explain(pleat, "team_stats", "t").flatMap { versions($0).flatMap(\.offsets) }.max() == 2)
      #expect(daemon.terminate() == 0)
    }

    @Test("a long history is shown in parts, and each says where the next one begins")
    func parts() throws {
      let pleat = try Installation()
      try pleat.produce(Data((1...9).map { project($0, "0\($0)T08:00") }.joined().utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      func steps(_ report: [String: Any]) -> [String] {
        (report["rows"] as! [[String: Any]]).flatMap { row in
          versions(row).map {
            "\(row["table"]!) \((row["key"] as! [String: String]).sorted { $0.key < $1.key }) \($0.turn ?? 0) \($0.offsets) \($0.changed.sorted())"
          }
        }.sorted()
      }
      for words in [["technology_trends", "A"], ["team_stats", "t"], ["technology_usage", "A", "2026-10-03"]] {
        let whole = try report(pleat, words)
        #expect(whole["next_from"] is NSNull && whole["from"] as? Int == 1)
        var found: [String] = []
        var from: Int? = 1
        var count = 0
        while let begin = from, count < 20 {
          let part = try report(pleat, words + ["--limit", "4", "--from", "\(begin)"])
          #expect(steps(part).count <= 4)
          found += steps(part)
          from = part["next_from"] as? Int
          count += 1
        }
        #expect(found.sorted() == steps(whole), "\(words)")
        #expect(count > 1 || steps(whole).count <= 4)
      }
      // One row of one day, and another table's: both at the turn of the day.
      let text = try pleat.pleat("explain", "technology_trends", "A", "--limit", "4")
      #expect(text.contains("--from "))
      try pleat.pleat("explain", "technology_trends", "A", "--limit", "1", expecting: 1)
      #expect(try pleat.pleat("explain", "team_stats", "t", "--from", "100").contains("no version from position 100"))
      try pleat.pleat("explain", "team_stats", "t", "--limit", "0", expecting: 64)
      try pleat.pleat("explain", "team_stats", "t", "--from", "0", expecting: 64)
      #expect(daemon.terminate() == 0)
    }

    @Test("wizard_now leads to the event of each session that counts, at each turn of the day and now")
    func wizard() throws {
      func step(_ session: String, _ step: Int, _ time: String) -> String {
        event("wizard_step_completed", time, #""user_id":"u","session_id":"\#(session)","step":\#(step)"#)
      }
      let pleat = try Installation()
      try pleat.produce(
        Data(
          [
            step("a", 3, "01T23:40"), step("b", 3, "01T23:50"), step("b", 4, "01T23:51"), step("c", 3, "01T23:00"),
            // The day turns, with the watermark at midnight; then `a` goes on, and late `d` comes.
            step("e", 1, "02T00:05"), step("a", 4, "02T00:06"), step("d", 3, "02T00:01"), step("f", 3, "02T00:07"),
          ].joined().utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      let rows = try explain(pleat, "wizard_now", "3")
      #expect(rows.count == 1)
      let steps = versions(rows[0])
      #expect(steps.map(\.turn) == [5, nil])
      #expect(steps.map(\.offsets) == [[0], [6, 7]])
      #expect(steps.map(\.changed) == [["sessions - 1"], ["sessions 1 2"]])
      #expect(try pleat.sql("SELECT sessions FROM insights.wizard_now WHERE step = 3") == "2")
      let first = try report(pleat, ["wizard_now", "3", "--limit", "1"])
      #expect((first["rows"] as! [[String: Any]]).flatMap { versions($0).map(\.offsets) } == [[0]])
      let second = try explain(pleat, "wizard_now", "3", "--from", "\(first["next_from"] as? Int ?? 0)")
      #expect(second.flatMap { versions($0).map(\.offsets) } == [[6, 7]])
      #expect(second.flatMap { versions($0).flatMap(\.changed) } == ["sessions 1 2"])
      try pleat.pleat("explain", "wizard_now", "x", expecting: 64)
      #expect(daemon.terminate() == 0)
    }

    @Test("the fullest row of each view is what the events make it to which it leads: no others have to be folded")
    func everyView() throws {
      let pleat = try Installation()
      let lines = try pleat.pleat("generate", "--events", "2500", "--seed", "17", "--days", "3")
      try pleat.produce(Data(lines.utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      // Each view but wizard_now, which has a test of its own: its key, and how many events there are at least.
      let cases = [
        ("technology_usage", "technology, day", "projects + selections"),
        ("technology_trends", "technology_name", "usage_count"),
        ("stack_combinations", "technologies", "usage_count"),
        ("technology_pairs", "technology_a, technology_b", "together"),
        ("domain_patterns", "domain", "sample_size"), ("team_stats", "team_id", "projects_generated"),
        ("team_activity", "team_id, day", "projects_generated"),
        ("team_technologies", "team_id, technology", "usage_count"),
        ("model_metrics", "model_name, task_type, complexity_level, hour", "requests"),
        ("model_performance", "model_name", "requests"), ("wizard_activity", "step, hour", "completions"),
        ("cache_stats", "cache, day", "hits + misses"), ("errors", "component, severity, hour", "occurrences"),
        ("prediction_calibration", "model_version, decile", "predictions"),
      ]
      let views = try pleat.sql(
        """
        SELECT string_agg(viewname, ' ' ORDER BY viewname) FROM pg_views WHERE schemaname = 'pleat_unmasked'
          AND viewname NOT IN ('wizard_now', 'freshness', 'technology_catalog')
        """)
      #expect(views == cases.map(\.0).sorted().joined(separator: " "))
      for (view, key, count) in cases {
        let row = try pleat.sql(
          "SELECT \(key), \(count) FROM pleat_unmasked.\(view) ORDER BY \(count) DESC, \(key) LIMIT 1")
        let fields = row.split(separator: "|").map { String($0) }
        let report = try Shell.run(
          pleat.servers.program.path, ["explain", view] + fields.dropLast() + ["--json"], environment: pleat.environment
        )
        #expect(report.status == 0, "\(view) \(fields): \(String(decoding: report.errors, as: UTF8.self))")
        // A row that these events do not make is said, and everything is folded.
        #expect(!String(decoding: report.errors, as: UTF8.self).contains("everything"), "\(view) \(fields)")
        let object = try JSONSerialization.jsonObject(with: report.output) as! [String: Any]
        let events = (object["rows"] as! [[String: Any]]).flatMap { versions($0).flatMap(\.offsets) }
        #expect(events.count >= Int(fields.last!)!, "\(view) \(fields)")
      }
      #expect(daemon.terminate() == 0)
    }
  }
}
