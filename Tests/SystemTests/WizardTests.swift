import Foundation
import Testing

extension SystemTests {
  @Suite("The wizard")
  struct WizardTests {
    /// A step, or a look-up in a cache where there is no session.
    private func event(_ time: String, _ session: String?, _ step: Int = 0) -> String {
      let data =
        session.map { #"{"user_id":"u","session_id":"\#($0)","step":\#(step)}"# } ?? #"{"cache":"c"}"#
      let type = session == nil ? "cache_hit" : "wizard_step_completed"
      return "k\t" + #"{"type":"\#(type)","timestamp":"\#(time)","data":\#(data)}"#
    }

    @Test("sessions stand at their newest step for 30 minutes of the watermark, late ones too, and go from the table")
    func now() throws {
      let pleat = try Installation()
      let daemon = try pleat.start()
      func expect(_ events: [String], _ expected: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try pleat.produce(Data((events.joined(separator: "\n") + "\n").utf8))
        try pleat.waitCaughtUp()
        let found = try pleat.sql(
          "SELECT string_agg(step || ':' || sessions, ' ' ORDER BY step) FROM insights.wizard_now")
        #expect(found == expected, sourceLocation: sourceLocation)
      }
      // The last one turns the day: the watermark is at 00:01.
      try expect(
        [
          event("2026-10-01T23:40:00Z", "a", 1), event("2026-10-01T23:50:00Z", "b", 2),
          event("2026-10-01T23:58:00Z", "a", 3), event("2026-10-01T23:57:00Z", "a", 9),
          event("2026-10-02T00:06:00Z", "c", 1),
        ], "1:1 2:1 3:1")
      try expect([event("2026-10-01T23:45:00Z", "d", 4)], "1:1 2:1 3:1 4:1")
      // 23:50 is just young enough, 23:45 is not.
      try expect([event("2026-10-02T00:25:00Z", nil)], "1:1 2:1 3:1")
      #expect(try pleat.sql("SELECT count(*) FROM pleat.wizard_sessions_current") == "4")
      // The hour turns: what ended goes, and what comes late after that counts as if nothing had gone.
      try expect([event("2026-10-02T01:10:00Z", nil)], "")
      #expect(try pleat.sql("SELECT count(*) FROM pleat.wizard_sessions_current") == "0")
      try expect([event("2026-10-02T00:30:00Z", "a", 6), event("2026-10-02T00:40:00Z", "b", 5)], "5:1")
      #expect(
        try pleat.sql("SELECT string_agg(step || ':' || sessions, ' ' ORDER BY step) FROM insights.wizard_now_at(6)")
          == "2:1 3:1")
      #expect(daemon.terminate() == 0)
      try pleat.pleat("verify")
    }
  }
}
