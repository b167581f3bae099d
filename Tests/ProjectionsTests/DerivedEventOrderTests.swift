import Events
import Testing

@testable import Projections

@Suite("The order of a turn's derived events")
struct DerivedEventOrderTests {
  private func event(_ subject: String, _ id: String) -> DerivedEvent {
    DerivedEvent(topic: .events, subject: subject, id: id, asOf: Timestamp(microseconds: 0), json: "{}")
  }

  @Test("subjects are ordered by their bytes, also where Unicode holds them equal")
  func bytes() {
    // é composed is C3 A9; e with a combining accent is 65 CC 81, before f.
    let (composed, combining) = ("technology/\u{E9}", "technology/e\u{301}")
    let events = [event(composed, "1"), event("technology/f", "2"), event(combining, "3"), event(composed, "4")]
    #expect(events.sortedBySubject().map(\.id) == ["3", "2", "1", "4"])
  }
}
