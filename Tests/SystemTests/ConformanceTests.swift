import Foundation
import Testing

extension SystemTests {
  @Suite("Conformance")
  struct ConformanceTests {
    @Test("rows, dead letters and derived events are what they must be", arguments: ["world", "edges", "rules"])
    func set(name: String) throws {
      let set = try ConformanceSet(name)
      let pleat = try Installation(environment: ["PLEAT_RELAY_PUBLISH": "all"])
      try pleat.produce(set.events)
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()

      try pleat.expect(set.views("unmasked"))
      try pleat.expect(set.views("masked"), in: "insights")
      // Where no threshold holds, everybody sees the same.
      let everywhere = set.views("unmasked").filter { set.views("masked")[$0.key] == nil }
      try pleat.expect(everywhere, in: "insights")
      try pleat.expect(set.views("unmasked", asOf: true), asOf: "\(set.asOfPosition)")

      try expectRate(pleat, set)
      try expectCounts(pleat, set)
      try expectDerivedEvents(pleat, set)
      #expect(daemon.terminate() == 0)
    }

    /// Everything came within the last minute: so many a second.
    private func expectRate(_ pleat: Installation, _ set: ConformanceSet) throws {
      _ = try pleat.sql("UPDATE pleat.journal SET appended_at = clock_timestamp() - interval '30 seconds'")
      let events = try #require(set.counts["events"] as? Int)
      let rate = Int((Double(events) / 60).rounded())
      let text = try pleat.pleat("status")
      #expect(text.contains(", \(rate) events a second of late"), "\(text)")
    }

    private func expectCounts(_ pleat: Installation, _ set: ConformanceSet) throws {
      let status = try JSONSerialization.jsonObject(with: Data(pleat.pleat("status", "--json").utf8)) as! [String: Any]
      let partition = (status["partitions"] as! [[String: Any]])[0]
      #expect(partition["duplicates"] as? Int == set.counts["duplicates"] as? Int)
      #expect(partition["dead_letters"] as? Int == set.counts["dead_letters"] as? Int)
      #expect(partition["lag"] as? Int == 0)
      let delivery = (status["relay"] as! [String: Any])["delivery"] as? String
      #expect(delivery == (pleat.broker.isReal ? "exactly_once" : "at_least_once"))
      #expect(Date6(status["watermark"] as! String) == Date6(set.counts["watermark"] as! String))
      #expect(try pleat.journal().count == set.counts["events"] as? Int)
      var reasons: [String: Int] = [:]
      for line in try pleat.pleat("deadletters", "list", "--json").split(separator: "\n") {
        let letter = try JSONSerialization.jsonObject(with: Data(line.utf8)) as! [String: Any]
        let reason = letter["reason"] as! String
        let path = reason == "duplicate_member" ? "?" : letter["path"] as? String
        reasons[[reason, path].compactMap { $0 }.joined(separator: ":"), default: 0] += 1
      }
      #expect(reasons == set.counts["dead_letter_reasons"] as? [String: Int])
    }

    private func expectDerivedEvents(_ pleat: Installation, _ set: ConformanceSet) throws {
      let schemas = try DerivedEventSchemas()
      for (kind, topic) in [("analytics.events", pleat.outputTopic), ("analytics.teams", pleat.teamTopic)] {
        let all = set.derivedEvents.filter { $0["topic"] as? String == kind }
        try Wait.until("the derived events are published") { try pleat.derivedEvents(topic).count >= all.count }
        let found = try pleat.derivedEvents(topic)
        for event in try pleat.broker.consume(topic) {
          #expect(try schemas.complaint(about: String(decoding: event, as: UTF8.self)) == nil)
        }
        // The relay keeps the order of a projection, not that between two.
        for source in ["/pleat/projects", "/pleat/models"] {
          let found = found.filter { $0["source"] as? String == source }
          let expected = all.filter { $0["source"] as? String == source }
          #expect(found.map { $0["id"] as! String } == expected.map { $0["id"] as! String }, "\(source) on \(kind)")
          for (event, wanted) in zip(found, expected) { expect(event, wanted) }
        }
        #expect(found.count == all.count)
      }
      // The slow rules, by which other worlds are judged, come to the same.
      let slow = SlowRules.events(of: try pleat.journal())
      for source in ["/pleat/projects", "/pleat/models"] {
        let differences = DerivedEventComparison.differences(
          found: set.derivedEvents.filter { $0["source"] as? String == source },
          expected: slow.filter { $0.source == source })
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
      }
    }

    private func expect(_ event: [String: Any], _ wanted: [String: Any]) {
      for member in ["type", "subject", "time", "source"] {
        #expect(event[member] as? String == wanted[member] as? String)
      }
      let data = event["data"] as! [String: Any]
      let wantedData = wanted["data"] as! [String: Any]
      #expect(Set(data.keys) == Set(wantedData.keys))
      for (member, value) in wantedData {
        #expect(
          ViewComparison.matches(member, found: data[member] ?? "nothing", expected: value), "\(member) of \(wanted)")
      }
    }
  }
}
