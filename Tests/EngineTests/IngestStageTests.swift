import Events
import Testing

@testable import Engine

@Suite("Ingest")
struct IngestStageTests {
  /// One instance over a shared journal; the test is its lease keeper and its clock.
  final class Instance {
    let source: FakeSource
    let store: FakeJournalStore
    let leases = Leases()
    let tail = JournalTail(capacity: 1 << 20) {}
    let reporter = SilentReporter()
    let stage: IngestStage
    let probe: ProbeStage
    private var nanoseconds: Int64 = 0

    init(
      _ name: String, _ source: FakeSource, _ journal: FakeJournal, flushEvents: Int = 20,
      erasures: FakeErasures? = nil, topics: [String] = ["t"]
    ) {
      self.source = source
      store = FakeJournalStore(journal)
      let inquiries = Inquiries(onAsk: {}, onAnswer: {})
      probe = ProbeStage(probe: source, inquiries: inquiries, topics: topics, reporter: reporter)
      stage = IngestStage(
        source: source, inquiries: inquiries, store: store, leases: leases, tail: tail,
        directory: PartitionDirectory(),
        settings: IngestSettings(flushMilliseconds: 20, flushEvents: flushEvents, publishAll: true),
        reporter: reporter,
        erasures: erasures.map { [reporter] in ErasureWatch(store: $0, inquiries: inquiries, reporter: reporter) },
        onDirectoryChange: {})
      leases.register(InstanceID(name: name, start: 1))
    }

    func hold(_ partitions: [TopicPartition]) {
      leases.set(held: Set(partitions.map(LeaseResource.partition)), instances: ["a"], at: now)
    }

    var now: Instant {
      Instant(monotonicNanoseconds: nanoseconds, wall: Timestamp(microseconds: 1_800_000_000_000_000))
    }

    func steps(_ count: Int, answers: Bool = true) {
      for _ in 0..<count {
        nanoseconds += 30_000_000
        _ = stage.step(now)
        guard answers else { continue }
        while case .immediately = probe.step(now) {}
      }
    }
  }

  private let partition = TopicPartition("t", 0)
  private let other = TopicPartition("t", 1)

  private func record(_ id: String) -> FakeSource.Record {
    FakeSource.Record(
      key: "k",
      value:
        #"{"specversion":"1.0","id":"\#(id)","source":"s","type":"x","time":"2026-10-01T00:00:00Z","data":{"n":1}}"#)
  }

  @Test("what arrives is journaled in order, and the cursor reaches the end behind a marker")
  func order() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(
      partition, (0..<100).map { record("e\($0)") } + [FakeSource.Record(key: "", value: "", isMarker: true)])
    let instance = Instance("a", source, journal)
    instance.hold([partition])
    instance.steps(60)
    #expect(try journal.ids() == (0..<100).map { "e\($0)" })
    #expect(journal.cursors[partition]?.nextOffset == 101)
    #expect(source.published[partition] == 101)
  }

  @Test("a duplicate is counted and not journaled, also across a restart")
  func duplicates() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, ["a", "b", "a", "c"].map(record))
    let first = Instance("a", source, journal)
    first.hold([partition])
    first.steps(20)
    source.append(partition, ["b", "d", "d"].map(record))
    let second = Instance("b", source, journal)
    second.hold([partition])
    second.steps(20)
    #expect(try journal.ids() == ["a", "b", "c", "d"])
    #expect(journal.duplicates == 3)
  }

  @Test("a bad record becomes a dead letter, and the rest goes on")
  func deadLetters() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [record("a"), FakeSource.Record(key: "k", value: "{"), record("b")])
    let instance = Instance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    #expect(try journal.ids() == ["a", "b"])
    #expect(journal.deadLetters.map(\.refusal) == [Refusal(.malformedJSON)])
    #expect(journal.deadLetters[0].offset == 1)
  }

  @Test(
    "whatever becomes of appends and replies, every event is journaled once", arguments: 1...40 as ClosedRange<UInt64>)
  func onceThroughDoubt(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let (source, journal) = (FakeSource(), FakeJournal())
    var produced: [String] = []
    func produce(_ count: Int) {
      for _ in 0..<count {
        if random.next() % 5 == 0, let again = produced.suffix(50).randomElement(using: &random) {
          // A repeat meets its original: same partition.
          source.append(Int(again.dropFirst())! % 2 == 0 ? partition : other, [record(again)])
        } else {
          produced.append("e\(produced.count)")
          source.append(produced.count % 2 == 1 ? partition : other, [record(produced.last!)])
        }
      }
    }
    var instances = [Instance("a", source, journal, flushEvents: 11)]
    for round in 0..<30 {
      produce(Int(random.next() % 40))
      let instance = instances.last!
      var fates = random
      instance.store.fate = { [.happens, .happens, .isLost, .happensAndTheReplyIsLost].randomElement(using: &fates)! }
      instance.hold([partition, other])
      instance.steps(Int(random.next() % 30))
      _ = random.next()
      // Sometimes another takes over while the first still has something in memory; later the first wakes up, and writes nothing.
      if round % 7 == 3 { instances.append(Instance("i\(round)", source.another(), journal, flushEvents: 9)) }
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

  @Test("offsets that are gone are an alarm with the exact gap, and nothing is skipped")
  func gap() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { record("e\($0)") })
    let first = Instance("a", source, journal)
    first.hold([partition])
    first.steps(20)
    source.append(partition, (10..<30).map { record("e\($0)") })
    source.topics[partition]!.records.removeFirst(15)
    source.topics[partition]!.low = 15
    let second = Instance("b", source, journal)
    second.hold([partition])
    second.steps(20)
    #expect(journal.cursors[partition]?.state == .alarm)
    #expect(journal.cursors[partition]?.reason?.contains("offsets 10 to 14 are gone (5 of them)") == true)
    #expect(journal.position == 10)
  }

  @Test("a topic made anew is an alarm, whether it is shorter or has grown past the cursor", arguments: [5, 10, 40])
  func recreated(length: Int) throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { record("e\($0)") })
    let first = Instance("a", source, journal)
    first.hold([partition])
    first.steps(20)
    source.topics[partition] = (0, (0..<length).map { record("new\($0)") })
    let second = Instance("b", source, journal)
    second.hold([partition])
    second.steps(20)
    #expect(journal.cursors[partition]?.state == .alarm)
    #expect(journal.position == 10)
  }

  @Test("a topic made anew under an instance that found it empty is an alarm, though it was read on past the cursor")
  func recreatedWhileRead() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [])
    let instance = Instance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    source.append(partition, (0..<10).map { record("e\($0)") })
    instance.steps(20)
    #expect(journal.position == 10)
    source.topics[partition] = (0, (0..<40).map { record("new\($0)") })
    // Past the next check.
    instance.steps(4_000)
    #expect(journal.position == 40)
    #expect(journal.cursors[partition]?.state == .alarm)
    #expect(journal.cursors[partition]?.reason?.contains("offset 9 holds another record than it did") == true)
  }

  @Test(
    "a topic shorter than at the first start is an alarm before anything of it is read, and only then",
    arguments: [(5, 0, PartitionState.alarm), (10, 0, .running), (40, 0, .running), (5, 5, .alarm), (12, 11, .running)])
  func shortened(length: Int, nextOffset: Int64, state: PartitionState) throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    journal.cursors[partition] = PartitionCursor(
      partition: partition, epoch: 0, incarnation: 0, nextOffset: nextOffset, state: .running, reason: nil,
      clusterID: nil, journaled: nil, checked: nil, badRecords: [], firstEnd: 10)
    source.append(partition, (0..<length).map { record("e\($0)") })
    let instance = Instance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    #expect(journal.cursors[partition]?.state == state)
    #expect(journal.position == (state == .alarm ? 0 : Int64(length) - nextOffset))
  }

  @Test("Kafka away is said once, and reading goes on by itself")
  func outage() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [record("a")])
    let instance = Instance("a", source, journal)
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
    source.append(partition, [record("a")])
    let instance = Instance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    source.outage = .unavailable("no broker")
    // Long enough for the questions that are asked every minute.
    instance.steps(4_000)
    let second = instance.now.monotonicNanoseconds - 1_000_000_000
    #expect(instance.leases.progressing(since: second) == [LeaseResource.partition(partition)])
  }

  @Test("an offset that is not there for a moment, of a broker that then does not answer, is asked for again")
  func disturbed() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [record("a")])
    let instance = Instance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    source.append(partition, [record("b")])
    source.disturbed = partition
    instance.steps(20)
    source.outage = nil
    instance.steps(60)
    #expect(try journal.ids() == ["a", "b"])
  }

  @Test("nothing more is journaled of a partition that failed before it is checked, whatever others need")
  func checkedFirst() throws {
    for (failed, lost) in [(partition, other), (other, partition)] {
      let (source, journal) = (FakeSource(), FakeJournal())
      source.append(failed, [record("a")])
      source.append(lost, [record("b")])
      let instance = Instance("a", source, journal)
      instance.hold([failed, lost])
      instance.steps(20)
      // Made anew, and longer.
      source.topics[failed] = (0, [record("of"), record("another"), record("topic")])
      source.broken = (failed, lost)
      instance.steps(20)
      source.outage = nil
      instance.steps(60)
      #expect(try journal.ids().sorted() == ["a", "b"])
      #expect(journal.cursors[failed]?.state == .alarm && journal.cursors[lost]?.state == .running)
    }
  }

  @Test("a broker that does not answer holds up its own partitions alone, and they are read once it answers")
  func oneIsAway() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    for (partition, id) in [(partition, "a"), (other, "b")] { source.append(partition, [record(id)]) }
    let first = Instance("a", source, journal)
    first.hold([partition, other])
    first.steps(20)
    source.away = [partition]
    source.append(other, [record("c")])
    let second = Instance("b", source, journal)
    second.hold([partition, other])
    second.steps(20)
    #expect(try journal.ids() == ["a", "b", "c"])
    source.append(other, [record("d")])
    // Over the check of each minute.
    second.steps(2_100)
    source.append(other, [record("e")])
    second.steps(10)
    #expect(try journal.ids() == ["a", "b", "c", "d", "e"])
    #expect(second.reporter.messages.filter { $0.contains("is away") }.count == 1)
    source.append(partition, [record("f")])
    source.away = []
    second.steps(40)
    #expect(try journal.ids() == ["a", "b", "c", "d", "e", "f"])
    #expect(second.reporter.messages.contains { $0.contains("answers again") })
  }

  @Test("what was read before a failure is journaled once it is checked; then it is tried again, less and less often")
  func corrupt() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { record("e\($0)") })
    source.append(other, [record("a")])
    source.corrupt[partition] = 5
    let instance = Instance("a", source, journal)
    instance.hold([partition, other])
    instance.steps(40)
    #expect(try Set(journal.ids()) == Set((0..<5).map { "e\($0)" } + ["a"]))
    #expect(journal.cursors[partition]?.nextOffset == 5 && journal.cursors[partition]?.epoch == 1)
    instance.steps(1_000)
    #expect(3...8 ~= source.failures)
    source.append(other, [record("b")])
    instance.steps(5)
    #expect(try journal.ids().last == "b")
    source.corrupt = [:]
    instance.steps(1_000)
    #expect(try Set(journal.ids()) == Set((0..<10).map { "e\($0)" } + ["a", "b"]))
    #expect(journal.position == 12)
  }

  @Test(
    "a partition of which nothing comes is asked for anew, then over new connections, and readers see how far it is behind",
    arguments: [(FakeSource.Stall.untilAddedAnew, 0), (.untilRenewed, 1)])
  func stall(kind: FakeSource.Stall, renewals: Int) throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { record("e\($0)") })
    let instance = Instance("a", source, journal)
    instance.hold([partition])
    instance.steps(60)
    source.stalled[partition] = kind
    source.append(partition, (10..<20).map { record("e\($0)") })
    // Five minutes.
    instance.steps(10_000)
    #expect(try journal.ids() == (0..<20).map { "e\($0)" })
    #expect(source.renewals == renewals)
    #expect(instance.store.notedEnds[partition] == 20)
    #expect(
      instance.reporter.messages.contains { $0.contains("nothing has come of t/0 since offset 10, and it ends at 20") })
    // What is read to its end is not stalled, however long nothing comes.
    let count = instance.reporter.messages.count
    instance.steps(10_000)
    #expect(instance.reporter.messages.count == count && source.renewals == renewals)
  }

  @Test("who skips many aborted records is asked anew less and less often, and comes through")
  func slowStart() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { record("e\($0)") })
    // Three minutes; four are there after the third attempt.
    source.slow[partition] = 6_000
    let instance = Instance("a", source, journal)
    instance.hold([partition])
    instance.steps(22_000)
    #expect(try journal.ids() == (0..<10).map { "e\($0)" })
    #expect(source.renewals == 1)
  }

  @Test("over new connections everything is checked before more of it is journaled")
  func renewal() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    for each in [partition, other] { source.append(each, (0..<10).map { record("\(each.partition)-\($0)") }) }
    let instance = Instance("a", source, journal)
    instance.hold([partition, other])
    instance.steps(60)
    source.stalled[partition] = .untilRenewed
    source.append(partition, [record("0-10")])
    var steps = 0
    while source.renewals == 0, steps < 10_000 {
      instance.steps(1)
      steps += 1
    }
    // The new connections lead to another topic of the same name.
    source.topics[other]!.records[9] = record("another")
    source.append(other, [record("1-10")])
    instance.steps(100)
    #expect(journal.cursors[other]?.state == .alarm)
    #expect(try !journal.ids().contains("1-10") && journal.ids().contains("0-10"))
  }

  @Test("behind a transaction that stays open nothing is stalled")
  func openTransaction() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<20).map { record("e\($0)") })
    source.open[partition] = 10
    let instance = Instance("a", source, journal)
    instance.hold([partition])
    instance.steps(20_000)
    #expect(journal.cursors[partition]?.nextOffset == 10 && source.renewals == 0)
    #expect(instance.store.notedEnds[partition] == 20)
    source.open[partition] = nil
    instance.steps(10)
    #expect(journal.cursors[partition]?.nextOffset == 20)
  }

  @Test("what cannot be read again and again is said in the partition's row, until it can be read")
  func lastingFailure() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<20).map { record("e\($0)") })
    source.corrupt[partition] = 10
    let instance = Instance("a", source, journal)
    instance.hold([partition])
    instance.steps(60)
    #expect(journal.cursors[partition]?.reason == nil)
    instance.steps(5_000)
    let reason = try #require(journal.cursors[partition]?.reason)
    #expect(
      reason.hasPrefix("what stands at offset 10 cannot be read, and is tried again: a wrong checksum; `pleat skip t 0")
    )
    #expect(journal.cursors[partition]?.state == .running)
    source.corrupt[partition] = nil
    instance.steps(5_000)
    #expect(journal.cursors[partition]?.nextOffset == 20 && journal.cursors[partition]?.reason == nil)
  }

  @Test("a partition that is read, and whose broker does not answer its check, is checked later, and others are read")
  func checkWaits() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    for (partition, id) in [(partition, "a"), (other, "b")] { source.append(partition, [record(id)]) }
    let instance = Instance("a", source, journal)
    instance.hold([partition, other])
    instance.steps(20)
    source.away = [partition]
    instance.steps(2_500)
    source.append(other, [record("c")])
    instance.steps(10)
    #expect(try journal.ids() == ["a", "b", "c"])
    // Made anew while nobody could see it.
    source.topics[partition] = (0, ["x", "y", "z"].map(record))
    source.away = []
    instance.steps(2_500)
    #expect(journal.cursors[partition]?.state == .alarm && journal.cursors[other]?.state == .running)
    #expect(try journal.ids() == ["a", "b", "c"])
  }

  @Test("nothing is taken over before the cursor topic was read, and what is read is read on meanwhile")
  func erasuresAreAway() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    for (partition, id) in [(partition, "a"), (other, "b")] { source.append(partition, [record(id)]) }
    let instance = Instance("a", source, journal, erasures: FakeErasures())
    instance.hold([partition])
    instance.steps(20)
    source.erasuresAreAway = true
    instance.hold([partition, other])
    source.append(partition, [record("c")])
    instance.steps(50)
    #expect(try journal.ids() == ["a", "c"])
    source.append(partition, [record("d")])
    source.erasuresAreAway = false
    instance.steps(50)
    #expect(try journal.ids().sorted() == ["a", "b", "c", "d"])
  }

  @Test("a topic made anew while its partitions are taken over is an alarm: brokers are asked once that is done")
  func recreatedDuringTakeover() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    for (partition, id) in [(partition, "a"), (other, "b")] { source.append(partition, [record(id)]) }
    let first = Instance("a", source, journal)
    first.hold([partition, other])
    first.steps(20)
    let second = Instance("b", source, journal)
    second.hold([other])
    second.steps(2, answers: false)
    // Its answer comes while the other is taken over, which takes long.
    second.store.beforeTakeOver = { _ in
      for _ in 0..<3 { _ = second.probe.step(second.now) }
      for partition in [partition, other] { source.topics[partition] = (0, (0..<40).map { record("new\($0)") }) }
    }
    second.hold([partition, other])
    second.steps(50)
    #expect(journal.cursors[partition]?.state == .alarm && journal.cursors[other]?.state == .alarm)
    #expect(journal.position == 2)
  }

  @Test("who is overtaken before the broker has answered takes over again")
  func overtaken() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { record("e\($0)") })
    let (first, second) = (Instance("a", source, journal), Instance("b", source.another(), journal))
    first.hold([partition])
    first.steps(20)
    second.steps(5)
    second.hold([partition])
    // It asks, and hears nothing yet.
    second.steps(1, answers: false)
    source.append(partition, (10..<20).map { record("e\($0)") })
    first.steps(20)
    second.steps(50)
    source.append(partition, (20..<30).map { record("e\($0)") })
    second.steps(20)
    #expect(try journal.ids() == (0..<30).map { "e\($0)" })
    #expect(journal.cursors[partition]?.state == .running)
  }

  @Test("a first start waits for every topic; a later one reads those that are there")
  func firstStart() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [record("a")])
    let first = Instance("a", source, journal, topics: ["t", "u"])
    first.hold([partition])
    first.steps(200)
    #expect(try !journal.isInitialized && journal.ids().isEmpty)
    let second = TopicPartition("u", 0)
    source.append(second, [])
    first.steps(200)
    #expect(try journal.isInitialized && journal.ids() == ["a"])
    source.topics[second] = nil
    source.append(partition, [record("b")])
    let later = Instance("b", source.another(), journal, topics: ["t", "u"])
    later.hold([partition])
    later.steps(20)
    #expect(try journal.ids() == ["a", "b"])
  }

  @Test("a partition asked back while nothing is read is let go")
  func askedBack() {
    let (source, journal) = (FakeSource(), FakeJournal())
    for partition in [partition, other] { source.append(partition, []) }
    let instance = Instance("a", source, journal)
    instance.steps(5)
    source.away = [partition, other]
    instance.hold([partition, other])
    instance.steps(5)
    instance.leases.askToRelease([LeaseResource.partition(other)])
    instance.steps(5)
    #expect(instance.leases.takeReleased() == [LeaseResource.partition(other)])
    #expect(instance.leases.heldResources() == [LeaseResource.partition(partition)])
  }
}
