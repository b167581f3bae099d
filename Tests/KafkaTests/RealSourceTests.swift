import Engine
import Events
import Foundation
import Kafka
import TestSupport
import Testing

let needsKafka: Comment =
  "KAFKA_HOME is not set: transactions, fencing, lost offsets, recreated topics and restarts of a broker go unchecked"

@Suite("Reading from a real Kafka", .serialized, .enabled(if: RealKafka.isAvailable, needsKafka))
struct RealSourceTests {
  private let kafka: RealKafka
  private var configuration: KafkaClientConfiguration { kafka.configuration() }
  private let topic = uniqueName("in")
  private var partition: TopicPartition { TopicPartition(topic, 0) }

  init() throws { kafka = try RealKafka.shared() }

  @Test("aborted records are not seen, and the end is reached behind a transaction's marker")
  func transactions() throws {
    try kafka.createTopic(topic)
    let producer = try makeTransactionalProducer(configuration, id: topic)
    defer { producer.close() }
    for (value, commits) in [("1", true), ("2", false), ("3", true)] {
      try producer.begin()
      try producer.send(topic: topic, partition: 0, key: "k", value: value)
      try producer.flush()
      if commits { try producer.commit() } else { try producer.abort() }
    }
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(partition, from: 0, handle: 1)
    var collected = Collected()
    // Three records, each with a marker behind it.
    try collected.poll(source, until: "the end is reached") { $0.events.contains(.end(handle: 1, offset: 6)) }
    #expect(collected.values == ["1", "3"])
    #expect(source.cachedEnd(partition) == 6)
    let probe = makeProbe(configuration)
    defer { probe.close() }
    let answer = try probe.answer(partition, at: [5])
    #expect(answer.high == 6 && answer.last?.offset == 4 && answer.records.isEmpty)
  }

  @Test("headers are there whatever the value, and compressed or not", arguments: ["none", "zstd", "lz4"])
  func headers(compression: String) throws {
    try kafka.createTopic(topic)
    let producer = try KafkaProducer(
      kafka.configuration(properties: ["compression.type": compression]), log: quiet)
    defer { producer.close() }
    var expected: [Collected.Event] = []
    for (i, value) in ["value", "", nil, "\0", String(repeating: "v", count: 5_000)].enumerated() {
      for (k, headers) in [[], [("ce_id", Array("x".utf8)), ("", [])]].enumerated() {
        try producer.send(topic: topic, partition: 0, key: "k", value: value, headers: headers)
        expected.append(
          .record(
            handle: 1, offset: Int64(2 * i + k), key: "k", value: value,
            headers: headers.isEmpty ? [:] : ["ce_id": "x", "": ""]))
      }
    }
    try producer.flush()
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(partition, from: 0, handle: 1)
    var collected = Collected()
    try collected.poll(source, until: "the end is reached") { $0.events.contains(.end(handle: 1, offset: 10)) }
    #expect(collected.events.dropLast() == expected[...])
  }

  @Test("records with large headers are held ahead by bytes, not by number, and come once and in order")
  func largeHeaders() throws {
    try kafka.createTopic(topic)
    let producer = try KafkaProducer(kafka.configuration(properties: ["compression.type": "none"]), log: quiet)
    defer { producer.close() }
    let header = ("large", [UInt8](repeating: 120, count: 50_000))
    for i in 0..<2_000 { try producer.send(topic: topic, partition: 0, key: "k", value: "\(i)", headers: [header]) }
    try producer.flush()
    let source = try makeSource(configuration)
    defer { source.close() }
    var reading = try Following(source, partition)
    try reading.poll(until: "some are read") { $0.collected.values.count >= 200 }
    // Nobody takes any, and librdkafka fetches as many as it may: it has the time in which another client fetches all of them.
    try waitUntil("some are held") { source.heldMessages > 0 }
    let other = try makeSource(configuration)
    defer { other.close() }
    var all = try Following(other, partition)
    try all.poll(until: "the other is at the end") { $0.isAtEnd(2_000) }
    #expect(source.heldMessages <= 400)
    try reading.poll(until: "the end is reached") { $0.isAtEnd(2_000) }
    #expect(reading.collected.values == (0..<2_000).map { "\($0)" })
  }

  @Test("what is read fails where connections are made anew, to be checked, and goes on over them where it has come to")
  func renew() throws {
    try kafka.createTopic(topic, partitions: 2)
    let values = (0..<2_000).map { "\($0)" }
    try produce(configuration, to: topic, values)
    let other = TopicPartition(topic, 1)
    let source = try makeSource(configuration)
    defer { source.close() }
    var reading = try Following(source, partition)
    try source.add(other, from: 0, handle: 100)
    try reading.poll(limit: 10, until: "some are read") { $0.collected.values.count >= 100 }
    #expect(reading.collected.values.count < 2_000 && !reading.hasFailed)
    source.renew()
    try source.remove(other)
    try reading.poll(until: "the end is reached") { $0.isAtEnd(2_000) }
    #expect(reading.hasFailed && !reading.collected.events.contains(.failed(handle: 100)))
    #expect(reading.collected.values == values)
    #expect(source.cachedEnd(partition) == 2_000)
    try source.add(other, from: 0, handle: 101)
    try reading.poll(until: "the other's end is reached again") {
      $0.collected.events.contains(.end(handle: 101, offset: 0))
    }
  }

  @Test("an open transaction hides what stands behind it, until it ends")
  func openTransaction() throws {
    try kafka.createTopic(topic)
    let open = try makeTransactionalProducer(configuration, id: topic)
    defer { open.close() }
    try open.begin()
    try open.send(topic: topic, partition: 0, key: "k", value: "open")
    try open.flush()
    try produce(configuration, to: topic, ["behind"])
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(partition, from: 0, handle: 1)
    var collected = Collected()
    try collected.poll(source, until: "an end is reached") { !$0.events.isEmpty }
    #expect(collected.events == [.end(handle: 1, offset: 0)])
    let probe = makeProbe(configuration)
    defer { probe.close() }
    let answer = try probe.answer(partition)
    #expect(answer.high == 2 && answer.last?.offset == 1)
    let committedEnd = try kafka.administer { try $0.committedEnd(of: partition) }
    #expect(committedEnd == 0)
    try open.commit()
    try collected.poll(source, until: "the end is reached") { $0.events.contains(.end(handle: 1, offset: 3)) }
    #expect(collected.values == ["open", "behind"])
  }

  @Test("an offset that is gone, or not there yet, is said, and nothing is delivered until the partition is added anew")
  func offsetOutOfRange() throws {
    try kafka.createTopic(topic)
    try produce(configuration, to: topic, (0..<10).map { "\($0)" })
    try kafka.administer { try $0.deleteRecords(partition, before: 4) }
    let source = try makeSource(configuration)
    defer { source.close() }
    let probe = makeProbe(configuration)
    defer { probe.close() }
    let answer = try probe.answer(partition, at: [3, 4])
    #expect((answer.low, answer.high) == (4, 10) && answer.records.map(\.offset) == [4])
    for (handle, gone) in [(1, Int64(0)), (2, 3), (3, 11)] {
      var collected = Collected()
      try source.add(partition, from: gone, handle: handle)
      try collected.poll(source, until: "the gap is said") { !$0.events.isEmpty }
      #expect(collected.events == [.outOfRange(handle: handle)])
    }
    var collected = Collected()
    try source.add(partition, from: 4, handle: 4)
    try collected.poll(source, until: "the end is reached") { $0.events.contains(.end(handle: 4, offset: 10)) }
    #expect(collected.values == (4..<10).map { "\($0)" })
  }

  @Test("an answer to an earlier start never stops a later one")
  func lateAnswers() throws {
    try kafka.createTopic(topic)
    try produce(configuration, to: topic, (0..<10).map { "\($0)" })
    let source = try makeSource(configuration)
    defer { source.close() }
    let calls = Counter()
    source.wake = { calls.increment() }
    for round in 0..<100 {
      try source.add(partition, from: 1_000, handle: 2 * round)
      if round % 2 == 0 {
        // A start itself is in the queue first; then the answer is there, and is not taken.
        let before = calls.value
        let taken = try source.poll(limit: 10) { _ in }
        try waitUntil("there is an answer") { taken > 0 || calls.value > before }
      } else {
        // At several moments of the fetch that finds the offset missing.
        for _ in 0..<(round * 20) { _ = try source.poll(limit: 10) { _ in } }
      }
      try source.add(partition, from: 5, handle: 2 * round + 1)
      var collected = Collected()
      try collected.poll(source, until: "the end is reached") {
        $0.events.contains(.end(handle: 2 * round + 1, offset: 10))
      }
      #expect(collected.values == (5..<10).map { "\($0)" })
      #expect(collected.events.count == 6)
    }
  }

  @Test("a recreated topic shows in its end and in its fingerprints")
  func recreatedTopic() throws {
    try kafka.createTopic(topic)
    try produce(configuration, to: topic, ["a", "b", "c"])
    let probe = makeProbe(configuration)
    defer { probe.close() }
    let before = try probe.answer(partition, at: [1, 3])
    #expect(before.records.map(\.offset) == [1] && before.last?.offset == 2)
    #expect(try probe.answer(partition, at: [1]).records == before.records)
    try kafka.administer { admin in
      try admin.delete(topic)
      try admin.create(topic, partitions: 1)
    }
    try produce(configuration, to: topic, ["x", "y"])
    let after = try probe.answer(partition, at: [1])
    #expect(after.high == 2 && after.records == [after.last] && after.records != before.records)
  }

  @Test("that a topic is gone is said of what is read, before anything of one made anew is handed over")
  func recreatedUnderTheSource() throws {
    try kafka.createTopic(topic)
    try produce(configuration, to: topic, ["a", "b"])
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(partition, from: 0, handle: 1)
    var collected = Collected()
    try collected.poll(source, until: "the end is reached") { $0.events.contains(.end(handle: 1, offset: 2)) }
    try kafka.administer { try $0.delete(topic) }
    try collected.poll(source, until: "it is said to be gone") { $0.events.contains(.failed(handle: 1)) }
    try kafka.createTopic(topic)
    try produce(configuration, to: topic, ["x", "y", "z"])
    // Whatever else there is to say of the old one.
    _ = try source.poll(limit: 1_000) { collected.add($0) }
    #expect(collected.values == ["a", "b"])
    try source.add(partition, from: 2, handle: 2)
    try collected.poll(source, until: "the new end is reached") { $0.events.contains(.end(handle: 2, offset: 3)) }
    #expect(collected.values == ["a", "b", "z"])
  }

  @Test("several partitions are asked about at once, each for several records")
  func manyRecords() throws {
    try kafka.createTopic(topic, partitions: 3)
    let other = TopicPartition(topic, 1)
    let empty = TopicPartition(topic, 2)
    for (number, values) in [["a", "b", "c"], ["x"]].enumerated() {
      let producer = try KafkaProducer(configuration, log: quiet)
      defer { producer.close() }
      for value in values { try producer.send(topic: topic, partition: Int32(number), key: "k", value: value) }
      try producer.flush()
    }
    try kafka.administer { try $0.deleteRecords(partition, before: 1) }
    let probe = makeProbe(configuration)
    defer { probe.close() }
    let questions = [
      PartitionQuestion(partition, offsets: [0, 1, 2]), PartitionQuestion(empty, offsets: []),
      PartitionQuestion(other, offsets: [7]),
      PartitionQuestion(TopicPartition(topic, 3), offsets: nil),
    ]
    var answers: [Int: PartitionAnswer] = [:]
    probe.ask(questions) { answers[$0] = try? $1.get() }
    #expect(answers[0]?.records.map(\.offset) == [1, 2] && answers[0]?.last == answers[0]?.records.last)
    #expect(answers[0].map { [$0.low, $0.high] } == [1, 3])
    #expect(answers[1].map { $0.records.isEmpty && $0.last == nil && $0.low == 0 && $0.high == 0 } == true)
    #expect(answers[2]?.records == [] && answers[2]?.last?.offset == 0)
    #expect(answers[3] == nil)
    probe.ask([]) { _, _ in Issue.record("an answer to nothing") }
  }

  @Test("whatever a poll hands over is given back in it")
  func released() throws {
    try kafka.createTopic(topic)
    try produce(configuration, to: topic, (0..<1_000).map { "value \($0)" })
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(partition, from: 0, handle: 1)
    var held: [(value: UnsafeRawBufferPointer, text: String)] = []
    var seen = 0
    try waitUntil("all is read") {
      _ = try source.poll(limit: 300) { event in
        switch event {
        case .record(_, let record):
          held.append((record.content.value!, String(decoding: record.content.value!, as: UTF8.self)))
        case .released:
          // Everything since the last one is still there.
          #expect(held.allSatisfy { String(decoding: $0.value, as: UTF8.self) == $0.text })
          seen += held.count
          held = []
        default: break
        }
      }
      #expect(held.isEmpty)
      return seen == 1_000
    }
  }

  @Test("a fingerprint is that of timestamp, key and value")
  func fingerprint() throws {
    try kafka.createTopic(topic)
    try produce(configuration, to: topic, ["value"])
    let source = try makeSource(configuration)
    defer { source.close() }
    try source.add(partition, from: 0, handle: 1)
    var digests: [RecordFingerprint] = []
    try waitUntil("the record is there") {
      _ = try source.poll(limit: 1) { event in
        guard case .record(_, let record) = event else { return }
        digests.append(
          RecordFingerprint(
            offset: record.content.offset,
            digest: recordDigest(
              timestampMilliseconds: record.timestampMilliseconds, key: record.key.map { Array($0) },
              value: record.content.value.map { Array($0) })))
      }
      return !digests.isEmpty
    }
    let probe = makeProbe(configuration)
    defer { probe.close() }
    #expect(try probe.answer(partition, at: [0]).records == [digests[0]])
  }

  @Test("a topic that does not exist is named")
  func unknownTopic() throws {
    let probe = makeProbe(configuration)
    defer { probe.close() }
    let errors = [
      #expect(throws: SourceError.self) { _ = try probe.partitions(of: topic) },
      #expect(throws: SourceError.self) { _ = try probe.answer(partition) },
    ]
    for error in errors {
      guard case .unknownTopic(topic) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test("a topic of which the brokers tell nothing keeps nobody from hearing of others")
  func refusedTopic() throws {
    try kafka.createTopic(topic)
    try produce(configuration, to: topic, ["value"])
    let probe = makeProbe(configuration)
    defer { probe.close() }
    let error = #expect(throws: SourceError.self) { _ = try probe.partitions(of: "no topic's name") }
    guard case .refusedTopic("no topic's name", let text) = error, text.contains("Invalid topic") else {
      Issue.record("\(String(describing: error))")
      return
    }
    var answered: [Int: Bool] = [:]
    probe.ask([
      PartitionQuestion(TopicPartition("no topic's name", 0), offsets: nil), PartitionQuestion(partition, offsets: nil),
    ]) {
      answered[$0] = (try? $1.get()) != nil
    }
    #expect(answered == [0: false, 1: true])
  }

  @Test("nothing is lost or repeated where the broker is killed and comes back")
  func brokerRestart() throws {
    let own = try RealKafka()
    defer { own.remove() }
    try own.start()
    try own.createTopic(topic)
    let first = (0..<1_000).map { "\($0)" }
    let second = (1_000..<2_000).map { "\($0)" }
    try produce(own.configuration(), to: topic, first)
    let source = try makeSource(own.configuration())
    defer { source.close() }
    let probe = makeProbe(own.configuration())
    defer { probe.close() }
    let cluster = try probe.clusterID()
    #expect(!EmbeddedBroker.isEmbedded(clusterID: cluster))
    try source.add(partition, from: 0, handle: 1)
    var collected = Collected()
    try collected.poll(source, limit: 10, until: "some are there") { $0.values.count >= 500 }
    own.kill()
    #expect(throws: SourceError.self) { try probe.answer(partition) }
    try own.start()
    try produce(own.configuration(), to: topic, second)
    try collected.poll(source, until: "all are there") { $0.values.count >= 2_000 }
    #expect(collected.values == first + second)
    #expect(try probe.clusterID() == cluster)
  }

  @Test("a batch with a wrong checksum is never skipped")
  func corruptBatch() throws {
    let own = try RealKafka()
    defer { own.remove() }
    try own.start()
    try own.createTopic(topic)
    for value in ["before", "corrupted", "behind"] { try produce(own.configuration(), to: topic, [value]) }
    try own.stop()
    let file = "\(own.directory)/data/\(topic)-0/00000000000000000000.log"
    var log = try Data(contentsOf: URL(fileURLWithPath: file))
    let place = try #require(log.range(of: Data("corrupted".utf8)))
    log[place.lowerBound] ^= 1
    try log.write(to: URL(fileURLWithPath: file))
    try own.start()
    let source = try makeSource(own.configuration())
    defer { source.close() }
    for (handle, offset) in [(1, Int64(0)), (2, 1), (3, 1)] {
      try source.add(partition, from: offset, handle: handle)
      var collected = Collected()
      try collected.poll(source, until: "it has failed") { $0.events.contains(.failed(handle: handle)) }
      #expect(collected.values == (offset == 0 ? ["before"] : []))
    }
    // Asked about, it answers: what cannot be read is not told of.
    let probe = makeProbe(own.configuration())
    defer { probe.close() }
    let answer = try probe.answer(partition, at: [0, 1])
    #expect(answer.high == 3 && answer.records.map(\.offset) == [0] && answer.last?.offset == 0)
  }

  @Test("offsets are published to the group, for lag tools")
  func publishedOffsets() throws {
    try kafka.createTopic(topic, partitions: 2)
    let probe = makeProbe(configuration)
    defer { probe.close() }
    probe.publish(offsets: [(TopicPartition(topic, 0), 7), (TopicPartition(topic, 1), 9)])
    let output = "\(kafka.directory)/\(topic).groups"
    try waitUntil("the group has the offsets", milliseconds: 60_000) {
      let tool = try ChildProcess(
        [
          "\(RealKafka.home!)/bin/kafka-consumer-groups.sh", "--bootstrap-server", kafka.bootstrap, "--describe",
          "--group", configuration.group,
        ], output: output)
      try waitUntil("the tool has ended", milliseconds: 30_000) { tool.hasEnded() }
      let lines = try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n").filter {
        $0.contains(topic)
      }
      let offsets = lines.map { $0.split(separator: " ")[2...3].joined(separator: ":") }
      return offsets.sorted() == ["0:7", "1:9"]
    }
  }
}
