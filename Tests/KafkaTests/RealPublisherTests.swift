import Engine
import Events
import Kafka
import Projections
import TestSupport
import Testing

@Suite("Publishing to a real Kafka", .serialized, .enabled(if: RealKafka.isAvailable, needsKafka))
struct RealPublisherTests {
  private let kafka: RealKafka
  private var configuration: KafkaClientConfiguration { kafka.configuration() }
  private let events = uniqueName("out")
  private let teams = uniqueName("teams")
  private let cursors = uniqueName("cursors")
  private let installation = uniqueName("uuid")

  init() throws {
    kafka = try RealKafka.shared()
    try kafka.createTopic(events)
    try kafka.createTopic(teams)
  }

  @Test("entries and places are published together, to their topics, under their subjects")
  func publishing() throws {
    let publisher = try open()
    defer { publisher.close() }
    #expect(publisher.isTransactional)
    let here = RelayPlace(position: 2, ordinal: 3, chain: [9, 8], checkedUntil: RFC3339.parse("2026-01-01T10:00:00Z"))
    try publisher.publish([entry(position: 1), entry(position: 2, topic: .teams)], places: ["projects": here])
    #expect(try committed(events) == [entry(position: 1).json])
    #expect(try committed(teams) == [entry(position: 2).json])
    #expect(try places(publisher) == ["projects": here])
  }

  @Test("of a projection's places the newest counts, and projections do not disturb each other")
  func newestPlace() throws {
    let publisher = try open()
    defer { publisher.close() }
    try publisher.publish([entry(position: 1)], places: ["projects": place(1), "models": place(5)])
    try publisher.publish([], places: ["projects": place(2)])
    #expect(try places(publisher) == ["projects": place(2), "models": place(5)])
  }

  @Test("who opens later fences who opened earlier, and the fenced one publishes nothing")
  func fencing() throws {
    let earlier = try open()
    defer { earlier.close() }
    try earlier.publish([entry(position: 1)], places: ["projects": place(1)])
    let later = try open()
    defer { later.close() }
    #expect(isInDoubt { try earlier.publish([entry(position: 2)], places: ["projects": place(2)]) })
    #expect(isInDoubt { try earlier.publish([entry(position: 2)], places: ["projects": place(2)]) })
    #expect(try places(later) == ["projects": place(1)])
    try later.publish([entry(position: 2)], places: ["projects": place(2)])
    #expect(try committed(events) == [entry(position: 1).json, entry(position: 2).json])
  }

  @Test("another installation is not fenced")
  func installations() throws {
    let one = try open()
    defer { one.close() }
    let other = makePublisher(installation: uniqueName("other"))
    try other.open()
    defer { other.close() }
    try one.publish([entry(position: 1)], places: ["projects": place(1)])
  }

  @Test("what a publisher sent before it died is not seen, and is published once by its successor")
  func deathInTheMiddle() throws {
    let first = try open()
    try first.publish([entry(position: 1)], places: ["projects": place(1)])
    first.close()
    // The publisher's own transaction, up to the moment before its commit.
    let dying = try makeTransactionalProducer(configuration, id: "pleat-relay-\(installation)")
    try dying.begin()
    try dying.send(topic: events, key: "k", value: entry(position: 2).json)
    try dying.send(topic: cursors, partition: 0, key: "projects", value: #"{"position":2,"ordinal":0,"chain":"02"}"#)
    try dying.flush()
    dying.close()
    let successor = try open()
    defer { successor.close() }
    #expect(try places(successor) == ["projects": place(1)])
    try successor.publish([entry(position: 2)], places: ["projects": place(2)])
    #expect(try committed(events) == [entry(position: 1).json, entry(position: 2).json])
    #expect(try places(successor) == ["projects": place(2)])
  }

  @Test("a cursor is not read past somebody else's open transaction: only when that has ended is it known")
  func openTransactionOverTheCursor() throws {
    let publisher = try open()
    defer { publisher.close() }
    try publisher.publish([], places: ["projects": place(1)])
    let other = try makeTransactionalProducer(configuration, id: uniqueName("somebody"))
    defer { other.close() }
    try other.begin()
    try other.send(topic: cursors, partition: 0, key: "models", value: #"{"position":1,"ordinal":0,"chain":"01"}"#)
    try other.flush()
    try publisher.publish([], places: ["projects": place(2)])
    #expect(isInDoubt { _ = try publisher.readCursor() })
    try other.abort()
    #expect(try places(publisher) == ["projects": place(2)])
  }

  @Test("a missing cursor topic is said, and made compacted with one partition")
  func missingCursorTopic() throws {
    let publisher = makePublisher(installation: installation)
    try publisher.open()
    defer { publisher.close() }
    guard case .topicMissing = try publisher.readCursor() else {
      Issue.record("the topic should be missing")
      return
    }
    #expect(try publisher.createCursorTopic())
    #expect(try !publisher.createCursorTopic())
    #expect(try places(publisher) == [:])
    let (partitions, policy) = try kafka.administer { admin in
      (try admin.partitionCount(of: cursors), try admin.setting("cleanup.policy", of: cursors))
    }
    #expect(partitions == 1 && policy == "compact")
  }

  @Test(
    "a cursor topic that would lose the cursor is an alarm",
    arguments: [(1, "delete"), (1, "compact,delete"), (2, "compact")])
  func unfitCursorTopic(partitions: Int32, policy: String) throws {
    try kafka.createTopic(cursors, partitions: partitions, settings: [("cleanup.policy", policy)])
    let publisher = makePublisher(installation: installation)
    try publisher.open()
    defer { publisher.close() }
    #expect(isAlarm { _ = try publisher.readCursor() })
  }

  @Test("a record on the cursor topic that is none of Pleat's is an alarm")
  func foreignCursor() throws {
    let publisher = try open()
    defer { publisher.close() }
    try produce(configuration, to: cursors, ["hello"])
    #expect(isAlarm { _ = try publisher.readCursor() })
  }

  @Test("an output topic that does not exist is an alarm that names it")
  func missingOutputTopic() throws {
    let publisher = LogPublisher(
      KafkaOutputLog(
        configuration, installation: installation, outputTopic: events, teamTopic: "nowhere", cursorTopic: cursors,
        log: quiet))
    let error = #expect(throws: PublishError.self) { try publisher.open() }
    guard case .alarm(let text) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(text.contains("nowhere"))
  }

  @Test("ids are read back from all output topics, from a time on, without what was aborted")
  func readingBack() throws {
    let publisher = try open()
    defer { publisher.close() }
    try publisher.publish(
      [
        entry(position: 1, asOf: "2026-01-01T09:00:00Z"), entry(position: 2, asOf: "2026-01-01T10:00:00Z"),
        entry(position: 3, topic: .teams, asOf: "2026-01-01T11:00:00Z"),
      ], places: ["projects": place(3)])
    let other = try makeTransactionalProducer(configuration, id: uniqueName("somebody"))
    defer { other.close() }
    try other.begin()
    try other.send(topic: events, key: "k", value: entry(position: 4, asOf: "2026-01-01T12:00:00Z").json)
    try other.flush()
    try other.abort()
    try produce(configuration, to: events, ["none of ours", "{}"])
    let found = try readBack(publisher, from: RFC3339.parse("2026-01-01T10:00:00Z")!)
    #expect(found.ids == ["id-2", "id-3"])
    #expect(found.greatest == RFC3339.parse("2026-01-01T11:00:00Z"))
    let none = try readBack(publisher, from: RFC3339.parse("2026-01-02T10:00:00Z")!)
    #expect(none.ids.isEmpty && none.greatest == nil)
  }

  @Test("a broker that dies leaves the publisher in doubt, and the successor knows what happened")
  func brokerDeath() throws {
    let own = try RealKafka()
    defer { own.remove() }
    try own.start()
    for topic in [events, teams] { try own.createTopic(topic) }
    let publisher = LogPublisher(
      KafkaOutputLog(
        own.configuration(), installation: installation, outputTopic: events, teamTopic: teams, cursorTopic: cursors,
        log: quiet))
    defer { publisher.close() }
    try publisher.open()
    try publisher.createCursorTopic()
    try publisher.publish([entry(position: 1)], places: ["projects": place(1)])
    own.kill()
    #expect(isInDoubt { try publisher.publish([entry(position: 2)], places: ["projects": place(2)]) })
    #expect(isInDoubt { try publisher.open() })
    try own.start()
    try waitUntil("the publisher opens again", milliseconds: 60_000) { !isInDoubt { try publisher.open() } }
    #expect(try places(publisher) == ["projects": place(1)])
    try publisher.publish([entry(position: 2)], places: ["projects": place(2)])
    #expect(try committed(events, of: own) == [entry(position: 1).json, entry(position: 2).json])
  }

  @Test("of several brokers, a cursor topic that one alone has is told apart")
  func copies() throws {
    func hasOneCopy(_ kafka: RealKafka, _ topic: String) throws -> Bool {
      try CursorTopic(topic, kafka.configuration(), log: quiet).hasOneCopy()
    }
    let three = try RealKafka(nodes: 3)
    defer { three.remove() }
    try three.start()
    for (topic, replicas) in [("one", Int32(1)), ("two", 2)] {
      try waitUntil("every node has registered", milliseconds: 60_000) {
        (try? three.administer { try $0.create(topic, partitions: 1, replication: replicas) }) != nil
      }
    }
    // Whichever broker answers.
    try waitUntil("every node knows both", milliseconds: 60_000) { try hasOneCopy(three, "one") }
    let two = try three.administer { try $0.copies(of: "two") }
    #expect(two.map { [$0.brokers, $0.replicas] } == [3, 2])
    #expect(try !hasOneCopy(three, "two"))
    // There is only one broker.
    try kafka.createTopic(cursors)
    #expect(try !hasOneCopy(kafka, cursors))
  }

  // MARK: Helpers

  private func makePublisher(installation: String) -> LogPublisher {
    LogPublisher(
      KafkaOutputLog(
        configuration, installation: installation, outputTopic: events, teamTopic: teams, cursorTopic: cursors,
        log: quiet))
  }

  /// Open, with a cursor topic.
  private func open() throws -> LogPublisher {
    let publisher = makePublisher(installation: installation)
    try publisher.open()
    try publisher.createCursorTopic()
    return publisher
  }

  private func places(_ publisher: LogPublisher) throws -> [String: RelayPlace] {
    guard case .places(let places) = try publisher.readCursor() else {
      throw TestSupportError("the cursor topic is missing")
    }
    return places
  }

  /// What a `read_committed` reader sees of a topic's only partition.
  private func committed(_ topic: String, of kafka: RealKafka? = nil) throws -> [String] {
    let source = try makeSource((kafka ?? self.kafka).configuration())
    defer { source.close() }
    let partition = TopicPartition(topic, 0)
    let probe = makeProbe((kafka ?? self.kafka).configuration())
    defer { probe.close() }
    let end = try probe.answer(partition).high
    try source.add(partition, from: 0, handle: 1)
    var collected = Collected()
    // A commit is answered before its marker is written: the end may be behind what it was.
    try collected.poll(source, until: "the end is reached") { collected in
      collected.events.contains { event in
        if case .end(_, let offset) = event { offset >= end } else { false }
      }
    }
    return collected.values
  }

  private func isInDoubt(_ body: () throws -> Void) -> Bool {
    do {
      try body()
      return false
    } catch PublishError.inDoubt {
      return true
    } catch {
      Issue.record("\(error)")
      return false
    }
  }

  private func isAlarm(_ body: () throws -> Void) -> Bool {
    do {
      try body()
      return false
    } catch PublishError.alarm {
      return true
    } catch {
      Issue.record("\(error)")
      return false
    }
  }
}

/// All of it, piece by piece.
private func readBack(_ publisher: LogPublisher, from: Timestamp) throws -> ReadBack {
  var state = ReadBack(from: from)
  while try !publisher.readBack(&state) {}
  return state
}
