import Events

@testable import Engine

/// One instance over a shared journal; the test is its lease keeper and its clock.
final class IngestInstance {
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

  /// Until it holds, or after so many.
  func steps(upTo count: Int, until condition: () -> Bool) {
    for _ in 0..<count where !condition() { steps(1) }
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

extension FakeSource.Record {
  /// An event with this id.
  init(id: String) { self.init(id: id, text: "1") }

  init(id: String, text: String) {
    self.init(
      key: "k",
      value:
        #"{"specversion":"1.0","id":"\#(id)","source":"s","type":"x","time":"2026-10-01T00:00:00Z","data":{"n":"\#(text)"}}"#
    )
  }
}
