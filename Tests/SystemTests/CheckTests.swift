import Foundation
import Testing

extension SystemTests {
  @Suite("Checking an installation")
  struct CheckTests {
    private func check(_ pleat: Installation, expecting code: Int32 = 0, _ more: [String: String] = [:]) throws
      -> [String: Any]
    {
      let text = try pleat.pleat("check", "--json", expecting: code, environment: more)
      return try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
    }

    @Test("says yes where `run` would, and else what is to be mended, or is not there")
    func check() throws {
      let pleat = try Installation()
      let content = try check(pleat)
      #expect(content["ok"] as? Bool == true, "\(content)")
      // Nobody listens on these ports: they are not given out.
      let nowhere = "127.0.0.1:1"
      var missing = [
        ("PLEAT_KAFKA_BOOTSTRAP", nowhere), ("PLEAT_POSTGRES_URL", "postgresql://pleat_writer@\(nowhere)/pleat"),
      ]
      // The embedded broker makes every topic that it is asked for.
      if pleat.broker.isReal { missing.append(("PLEAT_KAFKA_TOPICS", "a.topic.that.is.not.there")) }
      for (name, value) in missing {
        let found = try check(pleat, expecting: 69, [name: value])
        #expect(found["ok"] as? Bool == false, "\(name): \(found)")
      }
      try pleat.pleat("check", expecting: 78, environment: ["PLEAT_INGEST_FLUSH_EVENTS": "many"])
      _ = try pleat.sql("DELETE FROM pleat.migrations WHERE number = (SELECT max(number) FROM pleat.migrations)")
      #expect(try check(pleat, expecting: 78)["ok"] as? Bool == false)
    }
  }
}
