import Foundation
import Testing

extension SystemTests {
  @Suite("A database restored to an earlier moment")
  struct RestoreTests {
    /// A copy of the installation's database, as a backup; nobody may be connected.
    private func backUp(_ pleat: Installation, as name: String) throws {
      _ = try pleat.servers.sql(
        "CREATE DATABASE \(name) TEMPLATE \(pleat.name)", database: "postgres", user: "postgres")
    }

    private func restore(_ pleat: Installation, from name: String) throws {
      _ = try pleat.servers.sql("DROP DATABASE \(pleat.name) WITH (FORCE)", database: "postgres", user: "postgres")
      _ = try pleat.servers.sql(
        "CREATE DATABASE \(pleat.name) TEMPLATE \(name)", database: "postgres", user: "postgres")
    }

    private func relayed(_ pleat: Installation) throws {
      try Wait.until("the outbox is relayed\(pleat.logs)") {
        try pleat.sql(
          """
          SELECT NOT EXISTS (SELECT FROM pleat.outbox o LEFT JOIN pleat.relay_places r USING (projection)
            WHERE r.position IS NULL OR (o.position, o.ordinal) > (r.position, r.ordinal))
          """) == "t"
      }
    }

    private func published(_ pleat: Installation) throws -> [String] {
      try pleat.derivedEvents().map { $0["id"] as! String }
    }

    @Test(
      "a cursor topic that is lost and made anew: the relay stands still in between, and publishes nothing twice",
      .enabled(if: Servers.hasRealKafka))
    func cursorTopicLost() throws {
      let pleat = try Installation(environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let cursors = try #require(pleat.environment["PLEAT_KAFKA_CURSOR_TOPIC"])
      let all = try ConformanceSet("rules").events.split(separator: UInt8(ascii: "\n"))
      func produce(_ range: Range<Int>) throws {
        try pleat.produce(Data(all[range].joined(separator: [UInt8(ascii: "\n")]) + [10]))
      }
      let (half, end) = (all.count * 2 / 15, all.count / 5)
      try produce(0..<half)
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try relayed(pleat)
      #expect(daemon.terminate() == 0)
      let early = try published(pleat)
      #expect(!early.isEmpty)

      try pleat.broker.deleteTopic(cursors)
      try produce(half..<end)
      daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try Wait.until("the relay stands still\(pleat.logs)") {
        try pleat.pleat("status").contains("relay, failed: the cursor topic is missing")
      }
      #expect(try published(pleat) == early)
      // Who made it now would hide what is lost; and an erasure must not go where it expires.
      let wrong = "\(cursors).wrong"
      try pleat.broker.createTopic(wrong, partitions: 1)
      for (topic, status, says) in [
        (cursors, Int32(69), "is missing, though derived events were published"),
        (wrong, 78, "has cleanup.policy=delete"),
      ] {
        let forget = try Shell.run(
          pleat.servers.program.path, ["forget", "somebody"],
          environment: pleat.environment.merging(["PLEAT_KAFKA_CURSOR_TOPIC": topic]) { $1 })
        #expect(forget.status == status && String(decoding: forget.errors, as: UTF8.self).contains(says))
      }
      #expect(try pleat.pleat("status").contains("relay, failed: the cursor topic is missing"))
      try pleat.broker.createTopic(cursors, partitions: 1, settings: [("cleanup.policy", "compact")])
      try relayed(pleat)
      let found = try published(pleat)
      #expect(found.count > early.count && Set(found).count == found.count)
      #expect(try pleat.sql("SELECT count(*) FROM pleat.outbox WHERE topic = 0") == "\(found.count)")
      #expect(daemon.terminate() == 0)
    }

    @Test(
      "events that are out are not published again, twice in a row, with crashes while ids are read back",
      .enabled(if: Servers.hasRealKafka))
    func derivedEvents() throws {
      let set = try ConformanceSet("rules")
      let pleat = try Installation(environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let all = set.events.split(separator: UInt8(ascii: "\n"))
      let lines = Array(all.prefix(all.count / 5))
      func part(_ range: Range<Int>) -> Data { Data(lines[range].joined(separator: [UInt8(ascii: "\n")]) + [10]) }
      // The first derived events come before it, others behind it.
      let half = lines.count * 2 / 3
      try pleat.produce(part(0..<half))
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try relayed(pleat)
      #expect(daemon.terminate() == 0)
      let backup = "\(pleat.name)_backup"
      try backUp(pleat, as: backup)
      let early = try published(pleat)
      #expect(!early.isEmpty)

      try pleat.produce(part(half..<lines.count))
      daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try relayed(pleat)
      #expect(daemon.terminate() == 0)
      let everything = try published(pleat)
      #expect(everything.count > early.count && Set(everything).count == everything.count)

      for round in 1...2 {
        var logged = ""
        try restore(pleat, from: backup)
        // Crashes while the ids are read back, and just after.
        for _ in 1...3 {
          daemon = try pleat.start()
          try Wait.until("the ids are read back\(pleat.logs)") {
            try daemon.output.contains("the relay goes on behind")
              || pleat.sql("SELECT state FROM pleat.relay_cursor") == "reading_back"
          }
          daemon.killHard()
          logged += daemon.output
          // So that the next one is not taken for this one.
          _ = try pleat.sql("UPDATE pleat.relay_cursor SET state = 'running'")
        }
        daemon = try pleat.start()
        try pleat.waitCaughtUp()
        try relayed(pleat)
        let found = try published(pleat)
        #expect(found == everything, "round \(round): an event is out twice, or another one is\(pleat.logs)")
        #expect((logged + daemon.output).contains("the database went back"), "round \(round)")
        #expect(daemon.terminate() == 0)
      }
      // Once the watermark has passed what was found, nothing is read back any more.
      let later = String(decoding: part(lines.count - 1..<lines.count), as: UTF8.self)
      let last = try #require(pleat.journal().map(\.time).max())
      let time = Date6(microseconds: last.microseconds + 3 * 3_600_000_000).text
      let bare = #"{"type":"later","timestamp":"\#(time)","data":{}}"#
      #expect(!later.isEmpty)
      try pleat.produce(Data("k\t\(bare)\n".utf8))
      daemon = try pleat.start()
      try pleat.waitCaughtUp()
      try Wait.until("checked_until is cleared\(pleat.logs)") {
        try pleat.sql("SELECT count(*) FROM pleat.relay_places WHERE checked_until IS NOT NULL") == "0"
      }
      #expect(Set(try published(pleat)).count == (try published(pleat)).count)
      #expect(daemon.terminate() == 0)
    }

    @Test("it erases again before it reads on", .enabled(if: Servers.hasRealKafka))
    func erasesAgain() throws {
      let id = "erase-me-again-zoe"
      func project(_ number: Int, _ user: String) -> String {
        let data =
          #"{"project_id":"p\#(number)","user_id":"\#(user)","technologies":["Go"],"project_type":"x","note":"n"}"#
        return "k\t"
          + #"{"type":"project_generated","timestamp":"2026-10-01T00:00:00Z","id":"g\#(number)","data":\#(data)}"#
          + "\n"
      }
      let pleat = try Installation()
      try pleat.produce(Data((project(1, id) + project(2, "bob") + "k\tof \"\(id)\"\n").utf8))
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(daemon.terminate() == 0)
      let backup = "\(pleat.name)_backup"
      try backUp(pleat, as: backup)
      daemon = try pleat.start()
      try pleat.produce(Data(project(3, id).utf8))
      try pleat.waitCaughtUp()
      try pleat.pleat("forget", id)
      #expect(daemon.terminate() == 0)

      for _ in 1...2 {
        try restore(pleat, from: backup)
        #expect(try pleat.pleat("journal").contains(id))
        daemon = try pleat.start()
        try pleat.waitCaughtUp()
        try Wait.until("the erasure's event is there again\(pleat.logs)") {
          try pleat.sql("SELECT count(*) FROM pleat.erasures WHERE position IS NOT NULL") == "1"
        }
        try pleat.waitCaughtUp()
        #expect(try !pleat.pleat("journal").contains(id), "\(pleat.logs)")
        #expect(try pleat.sql("SELECT count(*) FROM pleat.dead_letters WHERE value IS NOT NULL") == "0")
        let usage = try #require(try pleat.rows("pleat_unmasked.technology_usage").first)
        #expect(usage["projects"] as? Int == 3 && usage["people"] as? Int == 1)
        #expect(daemon.terminate() == 0)
      }
    }
  }
}
