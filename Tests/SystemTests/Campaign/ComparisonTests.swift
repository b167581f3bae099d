import Foundation
import Testing

extension SystemTests {
  @Suite("What the campaign compares with")
  struct ComparisonTests {
    private struct Plant {
      var what: String
      var plant: String
      var undo: String
      /// What is said then.
      var expected: [String]
    }

    /// What `expectRight` says.
    private func complaints(_ pleat: Installation, _ produced: Data, restored: Bool = false) throws -> String {
      try pleat.whatIsWrong(produced: produced, restored: restored).joined(separator: "\n")
    }

    @Test("every planted fault is found: what is lost, what is twice, and what is wrong")
    func planted() throws {
      let pleat = try Installation(topics: ["in": 2], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let lines = try ConformanceSet("rules").events.split(separator: UInt8(ascii: "\n"))
      let events = Data(lines.prefix(lines.count / 8).joined(separator: [10])) + [10]
      try pleat.produce(events)
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try Wait.until("the outbox is relayed\(pleat.logs)") { try pleat.relayed() }
      #expect(daemon.terminate() == 0)
      try pleat.expectRight(produced: events)

      // One that has an id, in its envelope.
      let line = try #require(lines.first { String(decoding: $0, as: UTF8.self).contains("\"specversion\"") }) + [10]
      let others = lines.prefix(lines.count / 8).filter { $0 + [10] != line }
      #expect(try complaints(pleat, Data(others.joined(separator: [10]))).contains("were not produced"))
      let more = Data(String(decoding: line, as: UTF8.self).replacing(#/"id": ?"/#, with: "\"id\":\"x").utf8)
      #expect(try complaints(pleat, events + more).contains("events are missing in the journal"))
      let bare = "k\t" + #"{"type":"cache_hit","timestamp":"2026-10-01T00:00:00Z","data":{"cache":"c"}}"# + "\n"
      #expect(try complaints(pleat, events + Data(bare.utf8)).contains("1 events without an id are missing"))

      let plants = [
        Plant(
          what: "a segment twice",
          plant: """
            INSERT INTO pleat.journal SELECT h.position + 1, s.event_count, s.topic, s.partition, s.incarnation, s.first_offset,
              s.next_offset, s.least_time, s.greatest_time, l.greatest_so_far, l.appended_at, s.payload, s.payload_digest,
              s.identities, s.identities_digest, s.chain
            FROM pleat.journal s, pleat.journal_head h,
              (SELECT * FROM pleat.journal ORDER BY first_position DESC LIMIT 1) l WHERE s.first_position = 1;
            UPDATE pleat.journal_head SET position = position + (SELECT event_count FROM pleat.journal WHERE first_position = 1)
            """,
          undo: """
            DELETE FROM pleat.journal WHERE first_position = (SELECT max(first_position) FROM pleat.journal);
            UPDATE pleat.journal_head SET position = position - (SELECT event_count FROM pleat.journal WHERE first_position = 1)
            """, expected: ["a record is in the journal twice", "an event is in the journal twice"]),
        Plant(
          what: "a row that is wrong",
          plant: "UPDATE pleat.team_stats_current SET wizard_steps = wizard_steps + 1",
          undo: "UPDATE pleat.team_stats_current SET wizard_steps = wizard_steps - 1", expected: ["wizard_steps"]),
        Plant(
          what: "a row that is missing",
          plant: """
            CREATE TABLE saved AS SELECT * FROM pleat.technology_usage_current WHERE projects > 0 LIMIT 1;
            DELETE FROM pleat.technology_usage_current c USING saved s WHERE (c.technology, c.day) = (s.technology, s.day)
            """,
          undo: "INSERT INTO pleat.technology_usage_current SELECT * FROM saved; DROP TABLE saved",
          expected: ["technology_usage"]),
        Plant(
          what: "a derived event that is missing",
          plant: """
            CREATE TABLE saved AS SELECT * FROM pleat.outbox ORDER BY projection DESC, position DESC, ordinal DESC LIMIT 1;
            DELETE FROM pleat.outbox o USING saved s WHERE o.id = s.id
            """,
          undo: "INSERT INTO pleat.outbox SELECT * FROM saved; DROP TABLE saved", expected: ["missing: "]),
      ]
      for plant in plants {
        _ = try pleat.sql(plant.plant)
        let said = try complaints(pleat, events)
        for expected in plant.expected { #expect(said.contains(expected), "\(plant.what): \(said)") }
        _ = try pleat.sql(plant.undo)
      }
      try pleat.expectRight(produced: events)

      guard pleat.broker.isReal else { return }
      let published = try #require(try pleat.broker.consume(pleat.outputTopic).first)
      try pleat.broker.produceValues([[UInt8](published)], to: pleat.outputTopic)
      #expect(try complaints(pleat, events).contains("out of "))
      #expect(try complaints(pleat, events, restored: true).contains("is out twice"))
    }
  }
}
