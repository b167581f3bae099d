import Events
import Randomness
import Testing

@testable import Engine

@Suite("Ingest")
struct IngestStageTests {
  private let partition = TopicPartition("t", 0)
  private let other = TopicPartition("t", 1)

  @Test("what arrives is journaled in order, and the cursor reaches the end behind a marker")
  func order() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(
      partition,
      (0..<100).map { FakeSource.Record(id: "e\($0)") } + [FakeSource.Record(key: "", value: "", isMarker: true)])
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(60)
    #expect(try journal.ids() == (0..<100).map { "e\($0)" })
    #expect(journal.cursors[partition]?.nextOffset == 101)
    #expect(source.published[partition] == 101)
  }

  @Test("lag tools see where ingest is by the second, also while there is always more to read")
  func offsetsWhileBehind() {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<2_000).map { FakeSource.Record(id: "e\($0)") })
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    var told: Set<Int64> = []
    for _ in 0..<120 {
      instance.steps(1)
      if let offset = source.published[partition] { told.insert(offset) }
    }
    #expect(instance.tail.moreFollows)
    #expect(told.count >= 3)
  }

  @Test("a duplicate is counted and not journaled, also across a restart")
  func duplicates() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, ["a", "b", "a", "c"].map(FakeSource.Record.init(id:)))
    let first = IngestInstance("a", source, journal)
    first.hold([partition])
    first.steps(20)
    source.append(partition, ["b", "d", "d"].map(FakeSource.Record.init(id:)))
    let second = IngestInstance("b", source, journal)
    second.hold([partition])
    second.steps(20)
    #expect(try journal.ids() == ["a", "b", "c", "d"])
    #expect(journal.duplicates == 3)
  }

  @Test("a bad record becomes a dead letter, and the rest goes on")
  func deadLetters() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(
      partition, [FakeSource.Record(id: "a"), FakeSource.Record(key: "k", value: "{"), FakeSource.Record(id: "b")])
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    #expect(try journal.ids() == ["a", "b"])
    #expect(journal.deadLetters.map(\.refusal) == [Refusal(.malformedJSON)])
    #expect(journal.deadLetters[0].offset == 1)
  }

  @Test("a record with more headers than can be read is a dead letter with its key and value, and the rest goes on")
  func tooManyHeaders() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    var record = FakeSource.Record(id: "b")
    record.hasTooManyHeaders = true
    source.append(partition, [FakeSource.Record(id: "a"), record, FakeSource.Record(id: "c")])
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    #expect(try journal.ids() == ["a", "c"])
    let letter = try #require(journal.deadLetters.first)
    #expect(journal.deadLetters.count == 1 && letter.refusal == Refusal(.tooLarge) && letter.headers.isEmpty)
    #expect(letter.key == Array(record.key.utf8) && letter.value == Array(record.value.utf8))
  }

  @Test("a dead letter keeps so much of what is larger")
  func keptBytes() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    let kept = IngestSettings.keptBytes
    source.append(
      partition,
      [kept, kept + 1].map { FakeSource.Record(key: "k", value: String(repeating: "v", count: $0)) })
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    #expect(journal.deadLetters.map(\.refusal) == [Refusal(.tooLarge), Refusal(.tooLarge)])
    #expect(journal.deadLetters.map { $0.value?.count } == [kept, kept])
  }

  @Test("however much arrives at once, a flush holds so many bytes, and one record more")
  func largeRecords() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    let comment = String(repeating: "x", count: 1_000_000)
    source.atOnce = 40
    source.append(partition, (0..<40).map { FakeSource.Record(id: "e\($0)", text: comment) })
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    #expect(try journal.ids().count == 40)
    #expect(journal.segments.map(\.draft.count) == [17, 17, 6])
  }

  @Test("nothing follows any more where the partition that was behind is given up")
  func quiet() {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<200).map { FakeSource.Record(id: "e\($0)") })
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(upTo: 20) { instance.tail.moreFollows }
    #expect(instance.tail.moreFollows)
    instance.hold([])
    instance.steps(20)
    #expect(instance.tail.moreFollows)
    instance.steps(20)
    #expect(!instance.tail.moreFollows)
  }

  @Test("a partition that pauses goes on behind the record that made it pause, also where its end was in sight")
  func pause() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    var window = BadRecordWindow()
    for _ in 1..<BadRecordWindow.size { window.record(isBad: true) }
    journal.cursors[partition] = PartitionCursor(
      partition: partition, epoch: 0, incarnation: 0, nextOffset: 0, state: .running, reason: nil, clusterID: nil,
      journaled: nil, checked: nil, badRecords: window.stored)
    source.append(
      partition, [FakeSource.Record(key: "k", value: "{")] + ["a", "b", "c"].map(FakeSource.Record.init(id:)))
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    #expect(journal.cursors[partition]?.state == .paused)
    #expect(journal.cursors[partition]?.nextOffset == 1)
    (journal.cursors[partition]!.state, journal.cursors[partition]!.badRecords) = (.running, [])
    instance.steps(60)
    #expect(try journal.ids() == ["a", "b", "c"])
  }

  @Test(
    "whatever becomes of appends and replies, every event is journaled once", arguments: 1...40 as ClosedRange<UInt64>)
  func onceThroughDoubt(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let (source, journal) = (FakeSource(), FakeJournal())
    var produced: [String] = []
    func produce(_ count: Int) {
      for _ in 0..<count {
        if random.next() % 5 == 0, let again = produced.suffix(50).randomElement(using: &random) {
          // A repeat meets its original: same partition.
          source.append(Int(again.dropFirst())! % 2 == 0 ? partition : other, [FakeSource.Record(id: again)])
        } else {
          produced.append("e\(produced.count)")
          source.append(produced.count % 2 == 1 ? partition : other, [FakeSource.Record(id: produced.last!)])
        }
      }
    }
    var instances = [IngestInstance("a", source, journal, flushEvents: 11)]
    for round in 0..<30 {
      produce(Int(random.next() % 40))
      let instance = instances.last!
      var fates = random
      instance.store.fate = { [.happens, .happens, .isLost, .happensAndTheReplyIsLost].randomElement(using: &fates)! }
      instance.hold([partition, other])
      instance.steps(Int(random.next() % 30))
      _ = random.next()
      // Sometimes another takes over while the first still has something in memory; later the first wakes up, and writes nothing.
      if round % 7 == 3 { instances.append(IngestInstance("i\(round)", source.another(), journal, flushEvents: 9)) }
      if round % 7 == 6, instances.count > 1 {
        let before = journal.position
        instances.removeFirst().steps(1)
        #expect(journal.position == before || instances.isEmpty)
      }
    }
    instances.last!.store.fate = { .happens }
    instances.last!.hold([partition, other])
    instances.last!.steps(400)
    let ids = try journal.ids()
    #expect(ids.count == Set(ids).count)
    #expect(Set(ids) == Set(produced))
  }

  @Test("Kafka away is said once, and reading goes on by itself")
  func outage() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [FakeSource.Record(id: "a")])
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    source.outage = .unavailable("no broker")
    instance.steps(100)
    #expect(instance.reporter.messages.filter { $0.contains("no broker") }.count == 1)
    source.outage = nil
    instance.steps(60)
    #expect(try journal.ids() == ["a"])
  }

  @Test("a lease is kept while Kafka is away: nobody else would read the partition")
  func keepsLeases() {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [FakeSource.Record(id: "a")])
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    source.outage = .unavailable("no broker")
    // Long enough for the questions that are asked every minute.
    instance.steps(4_000)
    let second = instance.now.monotonicNanoseconds - 1_000_000_000
    #expect(instance.leases.progressing(since: second) == [LeaseResource.partition(partition)])
  }

  @Test("nothing is taken over before the cursor topic was read, and what is read is read on meanwhile")
  func erasuresAreAway() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    for (partition, id) in [(partition, "a"), (other, "b")] { source.append(partition, [FakeSource.Record(id: id)]) }
    let instance = IngestInstance("a", source, journal, erasures: FakeErasures())
    instance.hold([partition])
    instance.steps(20)
    source.erasuresAreAway = true
    instance.hold([partition, other])
    source.append(partition, [FakeSource.Record(id: "c")])
    instance.steps(50)
    #expect(try journal.ids() == ["a", "c"])
    source.append(partition, [FakeSource.Record(id: "d")])
    source.erasuresAreAway = false
    instance.steps(50)
    #expect(try journal.ids().sorted() == ["a", "b", "c", "d"])
  }

  @Test("who is overtaken before the broker has answered takes over again")
  func overtaken() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { FakeSource.Record(id: "e\($0)") })
    let (first, second) = (IngestInstance("a", source, journal), IngestInstance("b", source.another(), journal))
    first.hold([partition])
    first.steps(20)
    second.steps(5)
    second.hold([partition])
    // It asks, and hears nothing yet.
    second.steps(1, answers: false)
    source.append(partition, (10..<20).map { FakeSource.Record(id: "e\($0)") })
    first.steps(20)
    second.steps(50)
    source.append(partition, (20..<30).map { FakeSource.Record(id: "e\($0)") })
    second.steps(20)
    #expect(try journal.ids() == (0..<30).map { "e\($0)" })
    #expect(journal.cursors[partition]?.state == .running)
  }

  @Test("a first start waits for every topic; a later one reads those that are there")
  func firstStart() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [FakeSource.Record(id: "a")])
    let first = IngestInstance("a", source, journal, topics: ["t", "u"])
    first.hold([partition])
    first.steps(200)
    #expect(try !journal.isInitialized && journal.ids().isEmpty)
    let second = TopicPartition("u", 0)
    source.append(second, [])
    first.steps(200)
    #expect(try journal.isInitialized && journal.ids() == ["a"])
    source.topics[second] = nil
    source.append(partition, [FakeSource.Record(id: "b")])
    let later = IngestInstance("b", source.another(), journal, topics: ["t", "u"])
    later.hold([partition])
    later.steps(20)
    #expect(try journal.ids() == ["a", "b"])
  }

  @Test("a partition asked back while nothing is read is let go")
  func askedBack() {
    let (source, journal) = (FakeSource(), FakeJournal())
    for partition in [partition, other] { source.append(partition, []) }
    let instance = IngestInstance("a", source, journal)
    instance.steps(5)
    source.away = [partition, other]
    instance.hold([partition, other])
    instance.steps(5)
    instance.leases.askToRelease([LeaseResource.partition(other)])
    instance.steps(5)
    #expect(instance.leases.released == [LeaseResource.partition(other)])
    #expect(instance.leases.heldResources() == [LeaseResource.partition(partition)])
  }
}
