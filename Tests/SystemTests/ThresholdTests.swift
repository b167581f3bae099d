import Foundation
import Testing

extension SystemTests {
  @Suite("The threshold")
  struct ThresholdTests {
    private static let views = [
      "technology_usage", "technology_trends", "stack_combinations", "technology_pairs", "domain_patterns",
    ]

    private func project(_ user: Int) -> String {
      let org = user == 9 ? #","org_id":"o""# : ""
      return "k\t"
        + #"{"type":"project_generated","timestamp":"2026-10-01T12:00:0\#(user)Z","data":{"project_id":"p\#(user)","#
        + #""user_id":"u\#(user)","technologies":["Kafka","Swift"],"project_type":"api"\#(org)}}"#
    }

    private func step(_ time: String) -> String {
      "k\t"
        + #"{"type":"wizard_step_completed","timestamp":"\#(time)","data":{"user_id":"u","session_id":"s","step":1}}"#
    }

    @Test("what loses its tenth person is hidden, and still shown as of the time before")
    func hiddenAgain() throws {
      let pleat = try Installation()
      let daemon = try pleat.start()
      func produce(_ events: [String]) throws {
        try pleat.produce(Data((events.joined(separator: "\n") + "\n").utf8))
        try pleat.waitCaughtUp()
      }
      func expect(now: Int, asOf past: [Int: Int], sourceLocation: SourceLocation = #_sourceLocation) throws {
        for view in Self.views {
          let people = "SELECT coalesce(min(people), 0) FROM insights.\(view)"
          #expect(try pleat.sql(people) == "\(now)", "\(view)", sourceLocation: sourceLocation)
          for (turn, expected) in past {
            let seen = try pleat.sql("\(people)_at(\(turn))")
            #expect(seen == "\(expected)", "\(view) at \(turn)", sourceLocation: sourceLocation)
          }
        }
      }
      func share(_ level: String, _ time: String) -> String {
        let settings = #"{"org_id":"o","data_sharing_level":"\#(level)"}"#
        return "o\t" + #"{"type":"org_settings_changed","timestamp":"\#(time)","data":\#(settings)}"#
      }
      // The eleventh event turns the day.
      try produce((0..<10).map(project) + [step("2026-10-02T00:10:00Z")])
      try expect(now: 10, asOf: [11: 10])
      try produce([share("none", "2026-10-02T01:00:00Z")])
      try expect(now: 0, asOf: [11: 10])
      try produce([step("2026-10-03T00:10:00Z")])
      try expect(now: 0, asOf: [11: 10, 13: 0])
      // One after the other: they have partitions of their own.
      try produce([share("public", "2026-10-03T01:00:00Z")])
      try produce([step("2026-10-04T00:10:00Z")])
      try expect(now: 10, asOf: [11: 10, 13: 0, 15: 10])
      #expect(try pleat.sql("SELECT public_turns FROM pleat.stack_combinations_current") == "{11,13,15}")
      try pleat.pleat("rebuild", "projects")
      try expect(now: 10, asOf: [11: 10, 13: 0, 15: 10])
      try pleat.pleat("verify")
      #expect(daemon.terminate() == 0)
    }

    @Test("whether a stack was ever public is the journal's to say, however its row was written")
    func everPublic() throws {
      let pleat = try Installation()
      let daemon = try pleat.start()
      // A flush for each of them: the fold that verifies writes the row once.
      for user in 0..<3 {
        try pleat.produce(Data((project(user) + "\n").utf8))
        try pleat.waitCaughtUp()
      }
      try pleat.pleat("verify")
      try pleat.pleat("explain", "stack_combinations", #"["Kafka","Swift"]"#)
      try pleat.produce(Data(((3..<10).map(project) + [step("2026-10-02T00:10:00Z")]).joined(separator: "\n").utf8))
      try pleat.waitCaughtUp()
      try pleat.pleat("verify")
      let explained = try pleat.pleat("explain", "stack_combinations", #"["Kafka","Swift"]"#)
      #expect(explained.contains("usage_count") && !explained.contains("public_turns"))
      #expect(daemon.terminate() == 0)
    }
  }
}
