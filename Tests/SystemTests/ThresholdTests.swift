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

    private func share(_ level: String, _ time: String) -> String {
      let settings = #"{"org_id":"o","data_sharing_level":"\#(level)"}"#
      return "o\t" + #"{"type":"org_settings_changed","timestamp":"\#(time)","data":\#(settings)}"#
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

    @Test("a technology's first_seen of the past is what it was at the turn, however late its first project comes")
    func firstSeen() throws {
      let pleat = try Installation()
      let daemon = try pleat.start()
      func produce(_ events: String...) throws {
        try pleat.produce(Data((events.joined(separator: "\n") + "\n").utf8))
        try pleat.waitCaughtUp()
      }
      func expect(_ times: [Int: String], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let first =
          "SELECT coalesce(min(to_char(first_seen AT TIME ZONE 'UTC', 'MM-DD')), '') FROM pleat_unmasked.technology_trends"
        for (turn, expected) in times {
          let seen = try pleat.sql(turn == 0 ? first : "\(first)_at(\(turn))")
          #expect(seen == expected, "at \(turn)", sourceLocation: sourceLocation)
        }
      }
      func late(_ id: Int, _ day: String) -> String {
        project(id).replacing("2026-10-01", with: day)
      }
      try produce(step("2026-10-01T00:10:00Z"), step("2026-10-02T00:10:00Z"), project(0))
      try expect([0: "10-01", 2: ""])
      try produce(step("2026-10-03T00:10:00Z"), late(1, "2026-09-20"))
      try expect([0: "09-20", 2: "", 4: "10-01"])
      try produce(step("2026-10-04T00:10:00Z"), late(2, "2026-09-25"))
      try expect([0: "09-20", 2: "", 4: "10-01", 6: "09-20"])
      try produce(step("2026-10-05T00:10:00Z"), late(3, "2026-09-19"))
      let all = [0: "09-19", 2: "", 4: "10-01", 6: "09-20", 8: "09-20"]
      try expect(all)
      let row =
        "SELECT DISTINCT counted_since || ' ' || extract(day FROM counted_first_seen AT TIME ZONE 'UTC') FROM "
        + "pleat.technologies_current"
      #expect(try pleat.sql(row) == "6 20")
      try pleat.pleat("verify")
      try pleat.pleat("rebuild", "projects")
      #expect(try pleat.sql(row) == "6 20")
      try expect(all)
      let explained = try pleat.pleat("explain", "technology_trends", "Kafka")
      #expect(!explained.contains("counted_"))
      #expect(daemon.terminate() == 0)
    }

    @Test("a technology that nothing counts in any more is shown as of turns at which something did")
    func nothingCounts() throws {
      let pleat = try Installation()
      let daemon = try pleat.start()
      func expect(_ since: String, _ shown: [Int: String], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let row = "SELECT DISTINCT coalesce(counted_since, 0) FROM pleat.technologies_current"
        #expect(try pleat.sql(row) == since, sourceLocation: sourceLocation)
        for (turn, expected) in shown {
          let names = "SELECT count(*) FROM pleat_unmasked.technology_trends_at(\(turn))"
          #expect(try pleat.sql(names) == expected, "at \(turn)", sourceLocation: sourceLocation)
        }
      }
      // One after the other: they have partitions of their own.
      func produce(_ events: String...) throws {
        for event in events {
          try pleat.produce(Data((event + "\n").utf8))
          try pleat.waitCaughtUp()
        }
      }
      try produce(project(9), step("2026-10-02T00:10:00Z"))
      try expect("2", [2: "2"])
      try produce(share("none", "2026-10-02T01:00:00Z"), step("2026-10-03T00:10:00Z"))
      try expect("0", [2: "2", 4: "0"])
      try produce(share("public", "2026-10-03T01:00:00Z"), step("2026-10-04T00:10:00Z"))
      try expect("6", [2: "2", 4: "0", 6: "2"])
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
