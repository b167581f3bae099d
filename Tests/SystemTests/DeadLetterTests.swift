import Foundation
import Testing

extension SystemTests {
  @Suite("Dead letters, again")
  struct DeadLetterTests {
    private func opened(_ id: String) -> String {
      #"{"specversion":"1.0","id":"\#(id)","source":"s","type":"project_opened","time":"2026-10-01T00:00:00Z","#
        + #""data":{"project_id":"p","user_id":"u"}}"#
    }

    @Test("each is judged anew, and stands in the journal where it came, once")
    func retry() throws {
      let pleat = try Installation()
      let bad = { (id: String) in opened(id).replacingOccurrences(of: "2026-10-01T", with: "2026-13-01T") }
      let records = [opened("a"), bad("good"), bad("a"), bad("b"), bad("still"), opened("b")]
      try pleat.produce(Data(records.map { "k\t\($0)\n" }.joined().utf8))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      #expect(try pleat.pleat("deadletters", "list").split(separator: "\n").count == 4)
      // As if the program had learned that such a time is one.
      _ = try pleat.sql(
        """
        UPDATE pleat.dead_letters SET value = convert_to(replace(convert_from(value, 'UTF8'), '2026-13', '2026-10'), 'UTF8')
        WHERE convert_from(value, 'UTF8') !~ 'still'
        """)
      let lines = try pleat.pleat("deadletters", "retry", "--all", "--json", expecting: 1).split(separator: "\n").map {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any]
      }
      #expect(
        lines.map { $0["outcome"] as! String } == ["journaled", "duplicate", "duplicate", "refused"],
        "\(lines)\(pleat.logs)")
      #expect(lines.last?["reason"] as? String == "invalid_value" && lines.last?["path"] as? String == "/time")
      #expect(lines.first?["position"] as? Int == 3)
      // What was tried again is met by later repeats, and read on is from where it was.
      try pleat.produce(Data([opened("good"), opened("c")].map { "k\t\($0)\n" }.joined().utf8))
      try pleat.waitCaughtUp()
      let journal = try pleat.journal()
      #expect(journal.map(\.id) == ["a", "b", "good", "c"])
      #expect(journal.map(\.offset) == [0, 5, 1, 7])
      let partition = try pleat.sql(
        "SELECT duplicates || ' ' || dead_letters FROM pleat.partitions WHERE duplicates > 0")
      #expect(partition == "3 1")
      #expect(try pleat.pleat("deadletters", "list").split(separator: "\n").count == 1)
      try pleat.pleat("deadletters", "retry", expecting: 64)
      let id = try pleat.sql("SELECT id FROM pleat.dead_letters")
      let tried = try pleat.pleat("deadletters", "retry", id, "999", id, expecting: 1).split(separator: "\n")
      #expect(tried.count == 2 && tried[1].contains("999  there is no such"))
      #expect(daemon.terminate() == 0)
    }
  }
}
