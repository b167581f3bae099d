import Foundation
import Testing

extension SystemTests {
  @Suite("Generated events in Kafka", .enabled(if: Servers.hasRealKafka))
  struct GenerateTests {
    /// What an event says, whatever its envelope: headers carry what a line has as members.
    private func content(_ event: [String: Any], _ key: some StringProtocol) throws -> String {
      var content: [String: Any] = ["key": "\(key)"]
      for member in ["id", "source", "type", "data", "timestamp"] { content[member] = event[member] }
      // One has it in UTC, the other as its producer's clock.
      content["time"] = (event["time"] as? String).map { Date6($0).microseconds }
      return String(decoding: try JSONSerialization.data(withJSONObject: content, options: .sortedKeys), as: UTF8.self)
    }

    @Test("a topic gets what a file gets for the same seed, in the same order; one that is missing is said")
    func sameInKafka() throws {
      let servers = try Servers.shared()
      let topic = "generated-\(UUID().uuidString)"
      let broker = try servers.broker(topics: [topic: 1])
      let world = ["generate", "--events", "400", "--seed", "12", "--days", "3"]
      let printed = try String(decoding: Shell.output(servers.program.path, world), as: UTF8.self)
        .split(separator: "\n").map { line -> String in
          let parts = line.split(separator: "\t", maxSplits: 1)
          return try content(JSONSerialization.jsonObject(with: Data(parts[1].utf8)) as! [String: Any], parts[0])
        }
      let kafka = ["--bootstrap", broker.bootstrap, "--topic"]
      _ = try Shell.output(servers.program.path, world + kafka + [topic])
      let records = try broker.records(of: topic)
      let sent = try records.map { record in
        let value = try JSONSerialization.jsonObject(with: record.value) as! [String: Any]
        var event: [String: Any] = record.headers.isEmpty ? value : ["data": value]
        for (name, value) in record.headers where name.hasPrefix("ce_") { event[String(name.dropFirst(3))] = value }
        return try content(event, String(decoding: #require(record.key), as: UTF8.self))
      }
      #expect(sent.count == 400 && sent == printed)
      let inHeaders = records.filter { $0.headers["ce_specversion"] == "1.0" }.count
      #expect(inHeaders > 0 && inHeaders < 400)
      let missing = try Shell.run(servers.program.path, world + kafka + ["\(topic)-not"])
      #expect(missing.status == 69 && String(decoding: missing.errors, as: UTF8.self).contains("does not exist"))
    }

    @Test(
      "rates and times that nobody could wait for are refused",
      arguments: [
        "generate --events 1 --rate 1e-10", "generate --events 1 --rate nan", "generate --events 1 --rate 0",
        "demo --seconds 9300000000", "demo --seconds 0",
      ])
    func bounds(command: String) throws {
      let result = try Shell.run(Servers.shared().program.path, command.split(separator: " ").map(String.init))
      let says = String(decoding: result.errors, as: UTF8.self)
      #expect(result.status == 64 && (says.contains(" is from ") || says.contains("is not a")), "\(says)")
    }
  }
}
