import Engine
import Kafka
import TestSupport
import Testing

@Suite("Sending to a real Kafka", .enabled(if: RealKafka.isAvailable, needsKafka))
struct RealProducerTests {
  private let kafka: RealKafka
  private let topic = uniqueName("sent")

  init() throws { kafka = try RealKafka.shared() }

  @Test("a queue that is full makes the sender wait, and everything arrives in order")
  func backpressure() throws {
    try kafka.createTopic(topic)
    let sent = (0..<20_000).map { "\($0)" }
    try produce(kafka.configuration(properties: ["queue.buffering.max.messages": "100"]), to: topic, sent)
    let source = try makeSource(kafka.configuration())
    defer { source.close() }
    try source.add(TopicPartition(topic, 0), from: 0, handle: 1)
    var collected = Collected()
    try collected.poll(source, until: "the end is reached") { $0.events.contains(.end(handle: 1, offset: 20_000)) }
    #expect(collected.values == sent)
  }

  @Test("a record that is too large is an error of its send, and the others arrive")
  func tooLarge() throws {
    try kafka.createTopic(topic)
    let producer = try KafkaProducer(kafka.configuration(), log: quiet)
    defer { producer.close() }
    try producer.send(topic: topic, key: nil, value: "fits")
    #expect(throws: KafkaError.self) {
      try producer.send(topic: topic, key: nil, value: String(repeating: "x", count: 2_000_000))
    }
    try producer.flush()
    let probe = makeProbe(kafka.configuration())
    defer { probe.close() }
    #expect(try probe.answer(TopicPartition(topic, 0)).high == 1)
  }

  @Test("keys land on the partitions where Java's producers put them")
  func partitioning() throws {
    try kafka.createTopic(topic, partitions: 16)
    let producer = try KafkaProducer(kafka.configuration(), log: quiet)
    defer { producer.close() }
    // murmur2 of the key, without its sign, modulo 16.
    let expected: [(String, Int32)] = [("abc", 11), ("kafka", 4), ("technology/Swift", 5)]
    for (key, _) in expected { try producer.send(topic: topic, key: key, value: key) }
    try producer.flush()
    let source = try makeSource(kafka.configuration())
    defer { source.close() }
    var found: [String: Int32] = [:]
    for number in 0..<16 { try source.add(TopicPartition(topic, Int32(number)), from: 0, handle: number) }
    try waitUntil("all are there") {
      _ = try source.poll(limit: 100) { event in
        if case .record(let handle, let record) = event {
          found[String(decoding: record.key!, as: UTF8.self)] = Int32(handle)
        }
      }
      return found.count == expected.count
    }
    #expect(found == Dictionary(uniqueKeysWithValues: expected))
  }
}
