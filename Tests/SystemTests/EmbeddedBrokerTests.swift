import Foundation
import TestSupport
import Testing

extension SystemTests {
  @Suite("On the embedded broker")
  struct EmbeddedBrokerTests {
    @Test("a topic that no Kafka would have is refused", arguments: ["a/b:1", ":1", "a", "a:0", "..:1"])
    func topicNames(_ topic: String) throws {
      let result = try Shell.run(try Servers.shared().program.path, ["broker", "--topic", topic])
      #expect(result.status == 64)
      #expect(String(decoding: result.errors, as: UTF8.self).contains("as pleat.events:4"))
    }

    @Test("run and status say that derived events are delivered at least once")
    func delivery() throws {
      let pleat = try Installation(embedded: true)
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      func relay() throws -> [String: Any] {
        let status =
          try JSONSerialization.jsonObject(with: Data(pleat.pleat("status", "--json").utf8)) as! [String: Any]
        return status["relay"] as! [String: Any]
      }
      try Wait.until("the relay runs\(pleat.logs)") { try relay()["state"] as? String == "running" }
      #expect(try relay()["delivery"] as? String == "at_least_once")
      #expect(try pleat.pleat("status").contains("at least once"))
      #expect(daemon.output.contains("derived events are delivered at least once"))
      #expect(try pleat.pleat("check").contains("at least once"))
      #expect(daemon.terminate() == 0)
    }
  }
}
