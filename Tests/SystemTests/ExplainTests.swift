import Foundation
import Testing

extension SystemTests {
  @Suite("A row explains itself")
  struct ExplainTests {
    private func event(_ type: String, _ time: String, _ data: String) -> String {
      "k\t{\"type\":\"\(type)\",\"timestamp\":\"2026-10-\(time):00Z\",\"data\":{\(data)}}\n"
    }

    private func explain(_ pleat: Installation, _ words: String...) throws -> [[String: Any]] {
      let result = try Shell.run(
        pleat.servers.program.path, ["explain"] + words + ["--json"], environment: pleat.environment)
      guard result.status == 0 else {
        throw Shell.Failure(description: String(decoding: result.errors, as: UTF8.self))
      }
      let report = try JSONSerialization.jsonObject(with: result.output) as! [String: Any]
      return report["rows"] as! [[String: Any]]
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
      #expect(daemon.terminate() == 0)
    }
  }
}
