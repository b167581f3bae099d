import Events
import Testing

@testable import Engine

@Suite("What ingest finds out about its partitions, and what it does then")
struct IngestCheckTests {
  private let partition = TopicPartition("t", 0)
  private let other = TopicPartition("t", 1)

  @Test("offsets that are gone are an alarm with the exact gap, and nothing is skipped")
  func gap() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { FakeSource.Record(id: "e\($0)") })
    let first = IngestInstance("a", source, journal)
    first.hold([partition])
    first.steps(20)
    source.append(partition, (10..<30).map { FakeSource.Record(id: "e\($0)") })
    source.topics[partition]!.records.removeFirst(15)
    source.topics[partition]!.low = 15
    let second = IngestInstance("b", source, journal)
    second.hold([partition])
    second.steps(20)
    #expect(journal.cursors[partition]?.state == .alarm)
    #expect(journal.cursors[partition]?.reason?.contains("offsets 10 to 14 are gone (5 of them)") == true)
    #expect(journal.position == 10)
    // Readers see how far behind it is, also of what comes from now on.
    second.steps(200)
    #expect(second.store.notedEnds[partition] == 30)
    source.append(partition, (30..<40).map { FakeSource.Record(id: "e\($0)") })
    second.steps(4_000)
    #expect(second.store.notedEnds[partition] == 40 && journal.position == 10)
    // Somebody decides between the look at the row and the note.
    second.store.beforeNoteEnd = {
      journal.cursors[partition]?.epoch += 1
      journal.cursors[partition]?.state = .running
      journal.cursors[partition]?.nextOffset = 15
      second.store.beforeNoteEnd = nil
    }
    second.steps(2_500)
    #expect(journal.position == 35 && second.store.beforeNoteEnd == nil)
    #expect(!second.reporter.messages.contains { $0.contains("did not succeed") || $0.contains("database") })
  }

  @Test(
    "what was read before a gap is journaled before the alarm, which says what is gone, also where that fails",
    arguments: [(FakeJournalStore.Fate.happens, 15), (.isLost, 10), (.happensAndTheReplyIsLost, 15)])
  func gapBehindWhatWasRead(fate: FakeJournalStore.Fate, reached: Int) throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { FakeSource.Record(id: "e\($0)") })
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(60)
    #expect(journal.position == 10)
    // It fails behind five records, which wait for the check, and retention is faster than that.
    source.append(partition, (10..<20).map { FakeSource.Record(id: "e\($0)") })
    source.corrupt[partition] = 15
    instance.steps(3, answers: false)
    #expect(source.failures == 1 && journal.position == 10)
    source.corrupt[partition] = nil
    source.topics[partition]!.records.removeFirst(18)
    source.topics[partition]!.low = 18
    var isFirst = true
    instance.store.fate = {
      defer { isFirst = false }
      return isFirst ? fate : .happens
    }
    instance.steps(100)
    #expect(try journal.ids() == (0..<reached).map { "e\($0)" })
    let cursor = try #require(journal.cursors[partition])
    #expect(cursor.state == .alarm && cursor.nextOffset == Int64(reached))
    #expect(cursor.reason?.contains("offsets \(reached) to 17 are gone (\(18 - reached) of them)") == true)
  }

  @Test("a topic made anew is an alarm, whether it is shorter or has grown past the cursor", arguments: [5, 10, 40])
  func recreated(length: Int) throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { FakeSource.Record(id: "e\($0)") })
    let first = IngestInstance("a", source, journal)
    first.hold([partition])
    first.steps(20)
    source.topics[partition] = (0, (0..<length).map { FakeSource.Record(id: "new\($0)") })
    let second = IngestInstance("b", source, journal)
    second.hold([partition])
    second.steps(20)
    #expect(journal.cursors[partition]?.state == .alarm)
    #expect(journal.position == 10)
  }

  @Test("a topic made anew under an instance that found it empty is an alarm, though it was read on past the cursor")
  func recreatedWhileRead() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [])
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    source.append(partition, (0..<10).map { FakeSource.Record(id: "e\($0)") })
    instance.steps(20)
    #expect(journal.position == 10)
    source.topics[partition] = (0, (0..<40).map { FakeSource.Record(id: "new\($0)") })
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
    source.append(partition, (0..<length).map { FakeSource.Record(id: "e\($0)") })
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    #expect(journal.cursors[partition]?.state == state)
    #expect(journal.position == (state == .alarm ? 0 : Int64(length) - nextOffset))
  }

  @Test("an offset that is not there for a moment, of a broker that then does not answer, is asked for again")
  func disturbed() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [FakeSource.Record(id: "a")])
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    source.append(partition, [FakeSource.Record(id: "b")])
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
      source.append(failed, [FakeSource.Record(id: "a")])
      source.append(lost, [FakeSource.Record(id: "b")])
      let instance = IngestInstance("a", source, journal)
      instance.hold([failed, lost])
      instance.steps(20)
      // Made anew, and longer.
      source.topics[failed] = (
        0, [FakeSource.Record(id: "of"), FakeSource.Record(id: "another"), FakeSource.Record(id: "topic")]
      )
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
    for (partition, id) in [(partition, "a"), (other, "b")] { source.append(partition, [FakeSource.Record(id: id)]) }
    let first = IngestInstance("a", source, journal)
    first.hold([partition, other])
    first.steps(20)
    source.away = [partition]
    source.append(other, [FakeSource.Record(id: "c")])
    let second = IngestInstance("b", source, journal)
    second.hold([partition, other])
    second.steps(20)
    #expect(try journal.ids() == ["a", "b", "c"])
    source.append(other, [FakeSource.Record(id: "d")])
    // Over the check of each minute.
    second.steps(2_100)
    source.append(other, [FakeSource.Record(id: "e")])
    second.steps(10)
    #expect(try journal.ids() == ["a", "b", "c", "d", "e"])
    #expect(second.reporter.messages.filter { $0.contains("is away") }.count == 1)
    source.append(partition, [FakeSource.Record(id: "f")])
    source.away = []
    second.steps(40)
    #expect(try journal.ids() == ["a", "b", "c", "d", "e", "f"])
    #expect(second.reporter.messages.contains { $0.contains("answers again") })
  }

  @Test("what was read before a failure is journaled once it is checked; then it is tried again, less and less often")
  func corrupt() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<10).map { FakeSource.Record(id: "e\($0)") })
    source.append(other, [FakeSource.Record(id: "a")])
    source.corrupt[partition] = 5
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition, other])
    instance.steps(40)
    #expect(try Set(journal.ids()) == Set((0..<5).map { "e\($0)" } + ["a"]))
    #expect(journal.cursors[partition]?.nextOffset == 5 && journal.cursors[partition]?.epoch == 1)
    instance.steps(1_000)
    #expect(3...8 ~= source.failures)
    source.append(other, [FakeSource.Record(id: "b")])
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
    source.append(partition, (0..<10).map { FakeSource.Record(id: "e\($0)") })
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(60)
    source.stalled[partition] = kind
    source.append(partition, (10..<20).map { FakeSource.Record(id: "e\($0)") })
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
    source.append(partition, (0..<10).map { FakeSource.Record(id: "e\($0)") })
    // Three minutes; four are there after the third attempt.
    source.slow[partition] = 6_000
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(22_000)
    #expect(try journal.ids() == (0..<10).map { "e\($0)" })
    #expect(source.renewals == 1)
  }

  @Test("over new connections everything is checked before more of it is journaled")
  func renewal() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    for each in [partition, other] {
      source.append(each, (0..<10).map { FakeSource.Record(id: "\(each.partition)-\($0)") })
    }
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition, other])
    instance.steps(60)
    source.stalled[partition] = .untilRenewed
    source.append(partition, [FakeSource.Record(id: "0-10")])
    instance.steps(upTo: 10_000) { source.renewals > 0 }
    // The new connections lead to another topic of the same name.
    source.topics[other]!.records[9] = FakeSource.Record(id: "another")
    source.append(other, [FakeSource.Record(id: "1-10")])
    instance.steps(100)
    #expect(journal.cursors[other]?.state == .alarm)
    #expect(try !journal.ids().contains("1-10") && journal.ids().contains("0-10"))
  }

  @Test("behind a transaction that stays open nothing is stalled, and the partition's row names it until it has ended")
  func openTransaction() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<20).map { FakeSource.Record(id: "e\($0)") })
    source.open[partition] = 10
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(1_000)
    #expect(journal.cursors[partition]?.nextOffset == 10 && journal.cursors[partition]?.reason == nil)
    instance.steps(20_000)
    let reason = try #require(journal.cursors[partition]?.reason)
    #expect(reason.hasPrefix("a producer's transaction has been open at offset 10 for more than a minute"))
    #expect(journal.cursors[partition]?.nextOffset == 10 && journal.cursors[partition]?.state == .running)
    #expect(source.renewals == 0 && instance.store.notedEnds[partition] == 20)
    #expect(instance.reporter.messages.filter { $0 == "t/0: \(reason)" }.count == 1)
    source.open[partition] = nil
    source.corrupt[partition] = 10
    instance.steps(6_000)
    #expect(journal.cursors[partition]?.reason?.hasPrefix("what stands at offset 10 cannot be read") == true)
    source.corrupt[partition] = nil
    instance.steps(upTo: 2_000) { journal.cursors[partition]?.nextOffset == 20 }
    #expect(journal.cursors[partition]?.nextOffset == 20 && journal.cursors[partition]?.reason == nil)
  }

  @Test("what cannot be read again and again is said in the partition's row, until it can be read")
  func lastingFailure() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, (0..<20).map { FakeSource.Record(id: "e\($0)") })
    source.corrupt[partition] = 10
    let instance = IngestInstance("a", source, journal)
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

  @Test("what fails with others again and again, and is at its end, goes on at once, and is not called unreadable")
  func failsWithOthers() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    source.append(partition, [FakeSource.Record(id: "a")])
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition])
    instance.steps(20)
    for _ in 0..<10 {
      source.gone = "another topic does not exist"
      instance.steps(10)
      #expect(source.gone == nil)
    }
    source.append(partition, [FakeSource.Record(id: "b")])
    instance.steps(10)
    #expect(try journal.ids() == ["a", "b"])
    #expect(journal.cursors[partition]?.reason == nil)
  }

  @Test("a partition that is read, and whose broker does not answer its check, is checked later, and others are read")
  func checkWaits() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    for (partition, id) in [(partition, "a"), (other, "b")] { source.append(partition, [FakeSource.Record(id: id)]) }
    let instance = IngestInstance("a", source, journal)
    instance.hold([partition, other])
    instance.steps(20)
    source.away = [partition]
    instance.steps(2_500)
    source.append(other, [FakeSource.Record(id: "c")])
    instance.steps(10)
    #expect(try journal.ids() == ["a", "b", "c"])
    // Made anew while nobody could see it.
    source.topics[partition] = (0, ["x", "y", "z"].map(FakeSource.Record.init(id:)))
    source.away = []
    instance.steps(2_500)
    #expect(journal.cursors[partition]?.state == .alarm && journal.cursors[other]?.state == .running)
    #expect(try journal.ids() == ["a", "b", "c"])
  }

  @Test("a topic made anew while its partitions are taken over is an alarm: brokers are asked once that is done")
  func recreatedDuringTakeover() throws {
    let (source, journal) = (FakeSource(), FakeJournal())
    for (partition, id) in [(partition, "a"), (other, "b")] { source.append(partition, [FakeSource.Record(id: id)]) }
    let first = IngestInstance("a", source, journal)
    first.hold([partition, other])
    first.steps(20)
    let second = IngestInstance("b", source, journal)
    second.hold([other])
    second.steps(2, answers: false)
    // Its answer comes while the other is taken over, which takes long.
    second.store.beforeTakeOver = { _ in
      for _ in 0..<3 { _ = second.probe.step(second.now) }
      for partition in [partition, other] {
        source.topics[partition] = (0, (0..<40).map { FakeSource.Record(id: "new\($0)") })
      }
    }
    second.hold([partition, other])
    second.steps(50)
    #expect(journal.cursors[partition]?.state == .alarm && journal.cursors[other]?.state == .alarm)
    #expect(journal.position == 2)
  }
}
