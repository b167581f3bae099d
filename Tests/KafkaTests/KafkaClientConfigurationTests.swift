import Kafka
import Testing

@Suite("The properties of Kafka clients")
struct KafkaClientConfigurationTests {
  @Test("what exactly-once delivery depends on cannot be set", arguments: KafkaClientConfiguration.reserved.sorted())
  func reserved(property: String) {
    let configuration = KafkaClientConfiguration(bootstrap: "127.0.0.1:1", properties: [property: "1"])
    #expect(throws: KafkaConfigurationError.reserved(property: property)) { try configuration.validate() }
  }

  @Test("reports that nobody takes cannot be asked for, which is no question of delivery")
  func statistics() {
    let text = KafkaConfigurationError.reserved(property: "statistics.interval.ms").description
    #expect(text.contains("`statistics.interval.ms` cannot be set") && text.contains("memory"))
  }

  @Test(
    "what librdkafka refuses beside what Pleat sets, or of a transactional producer alone, is refused",
    arguments: [
      ("socket.timeout.ms", "60000"), ("linger.ms", "8000"), ("queue.buffering.backpressure.threshold", "2"),
    ])
  func refusedOfRealClients(property: String, value: String) {
    let configuration = KafkaClientConfiguration(bootstrap: "127.0.0.1:1", properties: [property: value])
    let error = #expect(throws: KafkaConfigurationError.self) { try configuration.validate() }
    guard case .unusable(let text) = error, text.contains("`\(property)`") else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "a property that cannot be used is named, and its value is not",
    arguments: [
      ("no.such.property", "s3cret", KafkaConfigurationError.unknown(property: "no.such.property")),
      ("socket.timeout.ms", "s3cret", .invalid(property: "socket.timeout.ms")),
    ])
  func refused(property: String, value: String, expected: KafkaConfigurationError) {
    let configuration = KafkaClientConfiguration(bootstrap: "127.0.0.1:1", properties: [property: value])
    let error = #expect(throws: KafkaConfigurationError.self) { try configuration.validate() }
    #expect(error == expected)
    #expect(error?.description.contains(property) == true && error?.description.contains(value) == false)
  }

  @Test("properties that are fine one by one, and not together, are refused with the reason")
  func contradiction() {
    let configuration = KafkaClientConfiguration(
      bootstrap: "127.0.0.1:1", properties: ["fetch.max.bytes": "1000000", "receive.message.max.bytes": "1000"])
    let error = #expect(throws: KafkaConfigurationError.self) { try configuration.validate() }
    guard case .unusable(let text) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(text.contains("receive.message.max.bytes"))
  }

  @Test("a source is made whatever the longest message", arguments: ["1000", "1000000", "3000000"])
  func longMessages(bytes: String) throws {
    let source = try KafkaSource(
      KafkaClientConfiguration(bootstrap: "127.0.0.1:1", properties: ["message.max.bytes": bytes]), log: quiet)
    source.close()
  }

  @Test(
    "a leader that falls silent is left after ten seconds, or after what the properties say",
    arguments: [(nil, 10_000), (25_000, 25_000)] as [(Int?, Int)])
  func silence(said: Int?, milliseconds: Int) throws {
    let lines = LogLines()
    // Longer than librdkafka wants it to be beside the timeout: it names both.
    var properties = ["fetch.wait.max.ms": "29900"]
    if let said { properties["socket.timeout.ms"] = "\(said)" }
    let source = try KafkaSource(
      KafkaClientConfiguration(bootstrap: "127.0.0.1:1", properties: properties), log: lines.log)
    source.close()
    #expect(lines.all.contains { $0.contains("`socket.timeout.ms` (\(milliseconds))") }, "\(lines.all)")
  }

  @Test("properties of security and of one kind of client are taken, and not shown")
  func accepted() throws {
    let configuration = KafkaClientConfiguration(
      bootstrap: "127.0.0.1:1",
      properties: [
        "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "u",
        "sasl.password": "s3cret", "compression.type": "lz4", "fetch.wait.max.ms": "10",
        "socket.timeout.ms": "30100", "linger.ms": "7999",
      ])
    try configuration.validate()
    #expect(!"\(configuration)".contains("s3cret"))
  }
}
