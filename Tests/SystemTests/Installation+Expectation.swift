import Foundation
import Testing

extension Installation {
  /// The journal holds what was produced, once each; the views show what a slow fold of the journal shows; every derived event
  /// is out once.
  /// - Parameter restored: the database went back; what was published before, of a journal in another order, stays out.
  func expectRight(produced: Data, restored: Bool = false) throws {
    let journal = try self.journal()
    #expect(journal.map(\.position) == Array(1...max(journal.count, 1)).prefix(journal.count).map { $0 })
    // A topic that was made anew has its offsets twice.
    if try sql("SELECT coalesce(max(incarnation), 0) FROM pleat.journal") == "0" {
      let places = journal.map { "\($0.topic)/\($0.partition)/\($0.offset)" }
      #expect(places.count == Set(places).count, "a record is in the journal twice")
    }
    var producedWithoutID = 0
    var produced = Set(
      String(decoding: produced, as: UTF8.self).split(separator: "\n").map { line -> String in
        let event =
          try! JSONSerialization.jsonObject(with: Data(line.split(separator: "\t")[1].utf8)) as! [String: Any]
        if event["id"] == nil { producedWithoutID += 1 }
        return "\(event["source"] as? String ?? "bare")\u{0}\(event["id"] as? String ?? "")"
      })
    produced.remove("bare\u{0}")
    let journaled = journal.filter { $0.id != nil }.map { "\($0.source)\u{0}\($0.id!)" }
    #expect(journaled.count == Set(journaled).count, "an event is in the journal twice")
    let (missing, more) = (produced.subtracting(journaled).sorted(), Set(journaled).subtracting(produced).sorted())
    #expect(missing.isEmpty, "\(missing.count) events are missing in the journal\(logs)")
    let withoutID = journal.count - journaled.count
    #expect(
      withoutID >= producedWithoutID,
      "\(producedWithoutID - withoutID) events without an id are missing in the journal\(logs)")
    #expect(more.isEmpty, "\(more.count) events are in the journal, and were not produced\(logs)")

    let fold = SlowFold(journal)
    // A project that left takes its extremes with it in the slow fold, and not in the views: they are compared elsewhere.
    try expect(fold.views())

    try expectDerivedEvents(SlowRules.events(of: journal), restored: restored)
  }

  /// The outbox holds what the rules must say, in their order, and each of them is out once.
  private func expectDerivedEvents(_ expected: [SlowRules.Event], restored: Bool) throws {
    for projection in ["projects", "models"] {
      let json = try sql(
        """
        SELECT coalesce(json_agg(json::json ORDER BY position, ordinal), '[]') FROM pleat.outbox
        WHERE projection = '\(projection)'
        """)
      let found = try JSONSerialization.jsonObject(with: Data(json.utf8)) as! [[String: Any]]
      let differences = DerivedEventComparison.differences(
        found: found, expected: expected.filter { $0.source == "/pleat/\(projection)" })
      #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))\(logs)")
      if !servers.isReal { continue }
      for (number, topic) in [outputTopic, teamTopic].enumerated() {
        let ids = try sql(
          """
          SELECT coalesce(string_agg(id, ' ' ORDER BY position, ordinal), '') FROM pleat.outbox
          WHERE projection = '\(projection)' AND topic = \(number)
          """
        ).split(separator: " ").map(String.init)
        // The relay keeps the order of a projection, not that between two.
        func published() throws -> [String] {
          try derivedEvents(topic).filter { $0["source"] as? String == "/pleat/\(projection)" }
            .map { $0["id"] as! String }
        }
        try Wait.until("every derived event is out") { try Set(published()).isSuperset(of: ids) }
        let found = try published()
        if restored {
          #expect(found.count == Set(found).count, "an event is out twice\(logs)")
        } else {
          #expect(found == ids, "\(logs)")
        }
      }
    }
  }
}
