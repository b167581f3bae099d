import Engine
import Events
import Kafka
import TestSupport
import Testing

@Suite("The embedded broker")
struct EmbeddedBrokerTests {
  private let broker: EmbeddedBroker
  private var configuration: KafkaClientConfiguration {
    KafkaClientConfiguration(bootstrap: broker.bootstrap, group: "pleat-test")
  }

  init() throws { broker = try EmbeddedBroker(topics: [("events", 2), ("out", 1)], log: quiet) }

  @Test("records come in order, with key, value, headers and their absence, and then the end")
  func orderOfRecords() throws {
    let producer = try KafkaProducer(configuration, log: quiet)
    defer { producer.close() }
    try producer.send(topic: "events", partition: 0, key: "a", value: "1")
    try producer.send(
      topic: "events", partition: 0, key: nil, value: "2",
      headers: [("ce_id", Array("x".utf8)), ("empty", []), ("absent", nil)])
    try producer.send(topic: "events", partition: 0, key: "b", value: nil)
    try producer.flush()
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(TopicPartition("events", 0), from: 0, handle: 7)
    var collected = Collected()
    try collected.poll(source, until: "the end is reached") { $0.events.contains(.end(handle: 7, offset: 3)) }
    #expect(
      collected.events == [
        .record(handle: 7, offset: 0, key: "a", value: "1", headers: [:]),
        .record(
          handle: 7, offset: 1, key: nil, value: "2",
          headers: ["ce_id": "x", "empty": "", "absent": "(absent)"]),
        .record(handle: 7, offset: 2, key: "b", value: nil, headers: [:]),
        .end(handle: 7, offset: 3),
      ])
  }

  @Test("a record with more headers than librdkafka reads is handed over without them, and what follows it, too")
  func tooManyHeaders() throws {
    let producer = try KafkaProducer(configuration, log: quiet)
    defer { producer.close() }
    let header: (name: String, value: [UInt8]?) = ("", nil)
    for (value, count) in [("1", 100_000), ("2", 100_001), ("3", 0)] {
      try producer.send(
        topic: "events", partition: 0, key: "k", value: value, headers: Array(repeating: header, count: count))
    }
    try producer.flush()
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(TopicPartition("events", 0), from: 0, handle: 1)
    var found: [String] = []
    try waitUntil("all are there") {
      _ = try source.poll(limit: 10) { event in
        switch event {
        case .record(_, let record):
          let text = [record.key, record.content.value].map { String(decoding: $0!, as: UTF8.self) }.joined()
          found.append("\(text) \(record.content.headers.count) \(record.content.hasTooManyHeaders)")
        case .partitionError(_, let text): found.append(text)
        default: break
        }
      }
      return found.count >= 3
    }
    #expect(found == ["k1 100000 false", "k2 0 true", "k3 0 false"])
  }

  @Test("the cluster's id says that it is the embedded broker, and topics have their partitions")
  func clusterAndPartitions() throws {
    let probe = makeProbe(configuration)
    defer { probe.close() }
    #expect(EmbeddedBroker.isEmbedded(clusterID: try probe.clusterID()))
    #expect(try probe.partitions(of: "events") == [TopicPartition("events", 0), TopicPartition("events", 1)])
    let ends = probe.ends(of: try ["events", "out"].flatMap(probe.partitions))
    #expect(try ends.map { try $0.answer.get().low } == [0, 0, 0])
  }

  @Test("a partition that nobody leads, or whose broker is down, does not keep the others from being answered")
  func brokerDown() throws {
    let several = try EmbeddedBroker(topics: [("several", 4)], brokers: 3, log: quiet)
    defer { several.stop() }
    for (partition, leader) in [Int32(1), 2, 3, -1].enumerated() {
      several.lead("several", Int32(partition), by: leader)
    }
    let own = KafkaClientConfiguration(bootstrap: several.bootstrap, group: "pleat-test")
    try produce(own, to: "several", partition: 2, ["1", "2"], idempotent: false)
    let probe = makeProbe(own)
    defer { probe.close() }
    let questions = (0..<4).map { PartitionQuestion(TopicPartition("several", Int32($0)), offsets: [0]) }
    func ask() -> [Int: Result<PartitionAnswer, SourceError>] {
      var results: [Int: Result<PartitionAnswer, SourceError>] = [:]
      probe.ask(questions) { results[$0] = $1 }
      return results
    }
    func isAnswered(_ result: Result<PartitionAnswer, SourceError>?) -> Bool { (try? result?.get()) != nil }
    #expect((0..<4).map { isAnswered(ask()[$0]) } == [true, true, true, false])
    several.setDown(true, broker: 1)
    // Until it knows who is down, that takes its time, and the rest is asked again.
    var results: [Int: Result<PartitionAnswer, SourceError>] = [:]
    try waitUntil("the others are answered", milliseconds: 30_000) {
      results = ask()
      return isAnswered(results[1]) && isAnswered(results[2])
    }
    let answer = try #require(results[2]).get()
    #expect(!isAnswered(results[0]) && answer.records.map(\.offset) == [0] && answer.last?.offset == 1)
    several.setDown(false, broker: 1)
    try waitUntil("it answers again", milliseconds: 20_000) { isAnswered(ask()[0]) }
  }

  @Test("wake is called when records arrive for who has polled everything")
  func wake() throws {
    let source = try makeSource(configuration)
    defer { source.close() }
    let calls = Counter()
    source.wake = { calls.increment() }
    try source.add(TopicPartition("events", 1), from: 0, handle: 1)
    var collected = Collected()
    try collected.poll(source, until: "the end of nothing is reached") { !$0.events.isEmpty }
    #expect(try source.poll(limit: 10) { _ in } == 0)
    let before = calls.value
    try produce(configuration, to: "events", partition: 1, ["1"], idempotent: false)
    try waitUntil("somebody was woken") { calls.value > before }
    try collected.poll(source, until: "the record is there") { $0.values == ["1"] }
  }

  @Test("poll hands over no more than it is asked for")
  func limit() throws {
    try produce(configuration, to: "events", (0..<100).map { "\($0)" })
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(TopicPartition("events", 0), from: 0, handle: 1)
    var collected = Collected()
    try waitUntil("all are there") {
      let before = collected.events.count
      let count = try source.poll(limit: 7) { collected.add($0) }
      #expect(count <= 7 && collected.events.count == before + count)
      return collected.values.count == 100
    }
  }

  @Test("poll hands over no record more once it has so many bytes, and what is left comes the next time, or never")
  func bytes() throws {
    let values = (0..<90).map { String(repeating: "\($0 % 10)", count: 10_000) }
    try produce(configuration, to: "events", values)
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(TopicPartition("events", 0), from: 0, handle: 1)
    var collected = Collected()
    func poll(_ bytes: Int) throws -> Polled {
      let before = collected.values.count
      let polled = try source.poll(limit: 1_000, bytes: bytes) { collected.add($0) }
      #expect(collected.values.count - before <= (bytes + 9_999) / 10_000)
      return polled
    }
    try waitUntil("some are there") { try poll(35_000).events > 0 }
    var isDry = true
    try waitUntil("most are there") {
      isDry = try poll(35_000).isDry
      return collected.values.count >= 50
    }
    #expect(!isDry && collected.values == Array(values.prefix(collected.values.count)))
    // What was taken from the queue belongs to the start before.
    try source.add(TopicPartition("events", 0), from: 80, handle: 2)
    let count = collected.values.count
    try waitUntil("the end is reached") {
      isDry = try poll(35_000).isDry
      return collected.events.contains(.end(handle: 2, offset: 90))
    }
    #expect(isDry && Array(collected.values[count...]) == Array(values[80...]))
    // What waits to be handed over keeps no client from ending.
    try source.add(TopicPartition("events", 0), from: 0, handle: 3)
    try waitUntil("some are there") { try poll(1).events > 0 }
    source.renew()
    try waitUntil("it is read over new connections") {
      _ = try poll(1)
      return collected.events.contains(.failed(handle: 3))
    }
  }

  @Test("a partition that is added again starts anew under its new handle, and nothing comes under the old one")
  func addingAgain() throws {
    let values = (0..<3_000).map { "\($0)" }
    try produce(configuration, to: "events", values)
    let source = try makeSource(configuration)
    defer { source.close() }
    for handle in 1...20 {
      let start = Int64.random(in: 0..<3_000)
      try source.add(TopicPartition("events", 0), from: start, handle: handle)
      var collected = Collected()
      try collected.poll(source, limit: 50, until: "some are there") { !$0.events.isEmpty }
      for (i, event) in collected.events.enumerated() {
        switch event {
        case .record(let of, let offset, _, _, _): #expect(of == handle && offset == start + Int64(i))
        case .end(let of, let offset): #expect(of == handle && offset == 3_000)
        default: Issue.record("unexpected \(event)")
        }
      }
    }
  }

  @Test("what is left of a batch is not handed over under a handle given in the middle of it")
  func addingWithinPoll() throws {
    try produce(configuration, to: "events", (0..<200).map { "\($0)" })
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(TopicPartition("events", 0), from: 0, handle: 1)
    var collected = Collected()
    var addedAgain = false
    try waitUntil("the end is reached") {
      _ = try source.poll(limit: 500) { event in
        collected.add(event)
        if collected.values.count == 10, !addedAgain {
          addedAgain = true
          do { try source.add(TopicPartition("events", 0), from: 0, handle: 2) } catch { Issue.record(error) }
        }
      }
      return collected.events.contains(.end(handle: 2, offset: 200))
    }
    #expect(collected.values == (0..<10).map { "\($0)" } + (0..<200).map { "\($0)" })
  }

  @Test("a partition whose fetches fail says so, and goes on with nothing lost or repeated where it is added anew")
  func failingFetches() throws {
    let expected = (0..<3_000).map { "\($0)" }
    try produce(configuration, to: "events", Array(expected[0..<2_000]))
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(TopicPartition("events", 0), from: 0, handle: 1)
    var collected = Collected()
    try collected.poll(source, limit: 10, until: "some are there") { $0.values.count >= 1_000 }
    // Unknown server error, corrupt message, invalid record.
    broker.failFetches(codes: [-1, 2, 87])
    try produce(configuration, to: "events", Array(expected[2_000...]))
    var handle = 1
    try collected.poll(source, limit: 10, until: "all are there") { collected in
      if collected.events.last == .failed(handle: handle) {
        handle += 1
        try? source.add(TopicPartition("events", 0), from: Int64(collected.values.count), handle: handle)
      }
      return collected.values.count >= 3_000
    }
    #expect(collected.values == expected)
    #expect(handle > 1)
  }

  @Test("a topic that is gone fails everything that is read, and nothing is lost or repeated where it comes back")
  func vanishing() throws {
    let unknownTopic: Int32 = 3
    try produce(configuration, to: "events", ["1", "2"])
    let source = try makeSource(configuration)
    defer { source.close() }
    var reading = try Following(source, TopicPartition("events", 0))
    try source.add(TopicPartition("out", 0), from: 0, handle: 100)
    try reading.poll(until: "the ends are reached") {
      $0.isAtEnd(2) && $0.collected.events.contains(.end(handle: 100, offset: 0))
    }
    // Without a leader it asks anew what the topic is.
    broker.setError(unknownTopic, of: "events")
    broker.lead("events", 0, by: -1)
    try reading.poll(until: "both have failed") {
      $0.hasFailed && $0.collected.events.contains(.failed(handle: 100))
    }
    broker.setError(0, of: "events")
    broker.lead("events", 0, by: 1)
    try produce(configuration, to: "events", ["3"])
    try reading.poll(until: "it is read on") { $0.isAtEnd(3) }
    #expect(reading.collected.values == ["1", "2", "3"])
  }

  @Test("a removed partition is silent, and another one goes on")
  func removing() throws {
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(TopicPartition("events", 0), from: 0, handle: 1)
    try source.add(TopicPartition("events", 1), from: 0, handle: 2)
    try source.remove(TopicPartition("events", 0))
    try source.remove(TopicPartition("events", 0))
    try source.remove(TopicPartition("never", 3))
    try produce(configuration, to: "events", partition: 0, ["silent"])
    try produce(configuration, to: "events", partition: 1, ["heard"])
    var collected = Collected()
    try collected.poll(source, until: "the end is reached") { $0.events.contains(.end(handle: 2, offset: 1)) }
    #expect(collected.values == ["heard"])
  }

  @Test("a publisher waits for delivery, has no transactions, and makes no cursor topic")
  func publishing() throws {
    let publisher = LogPublisher(
      KafkaOutputLog(
        configuration, installation: "u", outputTopic: "out", teamTopic: "out", cursorTopic: "pleat.cursors", log: quiet
      ))
    defer { publisher.close() }
    try publisher.open()
    #expect(!publisher.isTransactional)
    try publisher.publish([entry(position: 1)], places: ["projects": place(1)])
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(TopicPartition("out", 0), from: 0, handle: 1)
    var collected = Collected()
    try collected.poll(source, until: "the end is reached") { $0.events.contains(.end(handle: 1, offset: 1)) }
    #expect(collected.values == [entry(position: 1).json])
  }

  @Test("a transaction that was committed although its connections broke is known as one")
  func disturbedTransaction() throws {
    let producer = try makeTransactionalProducer(configuration, id: "t")
    defer { producer.close() }
    for breaks in [false, false, true] {
      try producer.begin()
      try producer.send(topic: "out", key: "k", value: "v")
      try producer.flush()
      if breaks { for isDown in [true, false] { broker.setDown(isDown, broker: 1) } }
      try producer.commit()
      #expect(producer.wasDisturbed == breaks)
    }
  }

  @Test("a broker that is away is an error that passes, and what librdkafka says of it reaches the log")
  func brokerAway() throws {
    let lines = LogLines()
    let probe = KafkaProbe(configuration, cursorTopic: nil, log: lines.log)
    defer { probe.close() }
    broker.stop()
    let error = #expect(throws: SourceError.self) { try probe.clusterID() }
    guard case .unavailable = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(lines.all.contains { $0.contains("refused") })
  }
}
