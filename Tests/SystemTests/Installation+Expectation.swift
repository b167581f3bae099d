import Foundation
import Testing

extension Installation {
  /// The journal holds what was produced, once each; the views show what a slow fold of the journal shows; every derived event
  /// is out once.
  /// - Parameters:
  ///   - restored: the database went back; what was published before, of a journal in another order, stays out.
  ///   - twice: what two incarnations have read, as `source NUL id`: once each.
  func expectRight(
    produced: Data, restored: Bool = false, twice: Set<String> = [], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let wrong = try whatIsWrong(produced: produced, restored: restored, twice: twice)
    #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))\(logs)", sourceLocation: sourceLocation)
  }

  /// In words; nothing where all is right.
  func whatIsWrong(produced: Data, restored: Bool = false, twice: Set<String> = []) throws -> [String] {
    let journal = try self.journal()
    // A project that left takes its extremes with it in the slow fold, and not in the views: they are compared elsewhere.
    let fold = SlowFold(journal)
    let unmasked = fold.views()
    return try whatIsWrong(journal, produced, twice) + differences(of: unmasked)
      + differences(of: fold.masked(unmasked), in: "insights")
      + whatIsWrong(inDerivedEventsOf: SlowRules.events(of: journal), restored)
  }

  private func whatIsWrong(_ journal: [JournalLine], _ produced: Data, _ twice: Set<String>) throws -> [String] {
    var wrong: [String] = []
    if journal.map(\.position) != Array(1...max(journal.count, 1)).prefix(journal.count).map({ $0 }) {
      wrong.append("positions have gaps")
    }
    // A topic that was made anew has its offsets twice.
    if try sql("SELECT coalesce(max(incarnation), 0) FROM pleat.journal") == "0" {
      let places = journal.map { "\($0.topic)/\($0.partition)/\($0.offset)" }
      if places.count != Set(places).count { wrong.append("a record is in the journal twice") }
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
    let times = Dictionary(journaled.map { ($0, 1) }, uniquingKeysWith: +)
    let repeated = Set(times.filter { $0.value > 1 }.keys)
    if repeated != twice || journaled.count != times.count + twice.count {
      wrong.append(
        "an event is in the journal twice" + (twice.isEmpty ? "" : ", or only once that two incarnations have read"))
    }
    let (missing, more) = (produced.subtracting(journaled), Set(journaled).subtracting(produced))
    if !missing.isEmpty { wrong.append("\(missing.count) events are missing in the journal") }
    if !more.isEmpty { wrong.append("\(more.count) events are in the journal, and were not produced") }
    let withoutID = journal.count - journaled.count
    if withoutID < producedWithoutID {
      wrong.append("\(producedWithoutID - withoutID) events without an id are missing in the journal")
    }
    return wrong
  }

  /// The outbox holds what the rules must say, in their order and as the schemas have it, and each of them is out once.
  private func whatIsWrong(inDerivedEventsOf expected: [SlowRules.Event], _ restored: Bool) throws -> [String] {
    var wrong: [String] = []
    let schemas = try DerivedEventSchemas()
    for projection in ["projects", "models"] {
      let lines = try sql(
        "SELECT json FROM pleat.outbox WHERE projection = '\(projection)' ORDER BY position, ordinal"
      ).split(separator: "\n").map { String($0) }
      wrong += try lines.compactMap { try schemas.complaint(about: $0) }
      let found = try lines.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any] }
      wrong += DerivedEventComparison.differences(
        found: found, expected: expected.filter { $0.source == "/pleat/\(projection)" })
      if !broker.isReal { continue }
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
        if found.count != Set(found).count { wrong.append("an event of \(projection) is out twice") }
        if !restored, found != ids { wrong.append("out of \(projection) is \(found), and should be \(ids)") }
      }
    }
    return wrong
  }
}
