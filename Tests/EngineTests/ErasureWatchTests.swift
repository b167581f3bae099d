import Events
import Testing

@testable import Engine

@Suite("Ingest's part in erasures")
struct ErasureWatchTests {
  private static let key = HashKey(k0: 1, k1: 2)
  private static let keys = ErasureKeys(people: key, identities: identityKey(of: key))
  private static let ann = Array("ann".utf8)
  private let partition = TopicPartition("t", 0)

  private static func batch(_ user: String, comment: String, offset: Int64) throws -> EventBatch {
    var batch = EventBatch()
    var value =
      #"{"type":"feedback_submitted","timestamp":"2026-10-01T00:00:00Z","data":{"project_id":"p","user_id":"\#(user)","#
      + #""success":true,"comment":"\#(comment)"}}"#
    let decoder = EventDecoder(identityKey: keys.identities)
    try value.withUTF8 {
      let content = RecordContent(value: UnsafeRawBufferPointer($0), headers: [], offset: offset)
      _ = try decoder.decode(content, now: Timestamp(microseconds: 1_800_000_000_000_000), into: &batch)
    }
    return batch
  }

  private func erasure(_ id: String, until: Int64, letters: Int64 = 0, searchedTo: Int64 = 0) -> OpenErasure {
    OpenErasure(
      id: id, hash: Self.keys.hash(of: Self.ann), number: 1, searchUntil: until, searchedTo: searchedTo,
      lettersUntil: letters, lettersTo: 0, isBusy: false, ends: [])
  }

  private func watch(_ store: FakeErasures) -> ErasureWatch {
    // Answered at once.
    let probe = AtOnce()
    let inquiries = Inquiries(onAsk: { probe.step() }, onAnswer: {})
    probe.stage = ProbeStage(probe: FakeSource(), inquiries: inquiries, topics: [], reporter: SilentReporter())
    probe.step()
    let watch = ErasureWatch(store: store, inquiries: inquiries, reporter: SilentReporter())
    watch.use(Self.key)
    return watch
  }

  private func at(_ seconds: Int64) -> Instant {
    Instant(monotonicNanoseconds: seconds * 1_000_000_000, wall: Timestamp(microseconds: 1_800_000_000_000_000))
  }

  /// A journal that takes longer than one step.
  private func long(_ count: Int = 200) throws -> FakeErasures {
    let store = FakeErasures()
    for index in 0..<count { store.add(try Self.batch("bob", comment: "x", offset: Int64(index))) }
    return store
  }

  @Test("an erasure that another has ended keeps nobody at work, and the next one is seen")
  func endedByAnother() throws {
    let store = try long()
    let watch = watch(store)
    store.erasures = [erasure("a", until: 200)]
    #expect(try !watch.prepare(at(1)) && watch.isAtWork)
    store.end("a")
    #expect(try watch.prepare(at(2)) && !watch.isAtWork)
    store.erasures = [erasure("b", until: 200)]
    #expect(try !watch.prepare(at(3)) && watch.isAtWork)
    // So is one that somebody who knows the id has gone on with.
    store.erasures[0].isBusy = true
    #expect(try watch.prepare(at(4)) && !watch.isAtWork)
    store.erasures = [erasure("c", until: 200)]
    #expect(try !watch.prepare(at(5)) && watch.isAtWork)
    store.end("c")
    watch.finish(at(7))
    #expect(!watch.isAtWork)
  }

  @Test("an erasure begun while a partition was taken over is noticed, once")
  func overtaken() throws {
    let store = try long(1)
    let watch = watch(store)
    #expect(try watch.prepare(at(1)) && !watch.isOvertaken())
    store.erasures = [erasure("a", until: 1)]
    #expect(try watch.isOvertaken())
    #expect(try watch.prepare(at(1)) && !watch.isOvertaken())
    store.erasures[0].ends = [.init(partition: partition, incarnation: 0, offset: 9)]
    #expect(try watch.isOvertaken())
    #expect(watch.people(of: partition, incarnation: 0).map(\.end) == [9])
  }

  @Test("the dead letters belong to what is to be done, and the id is looked for from the beginning")
  func letters() throws {
    let store = FakeErasures()
    store.add(try Self.batch("bob", comment: "by ann", offset: 0))
    store.add(try Self.batch("ann", comment: "x", offset: 1))
    let letter = Array(#"{"ann":1,"ann":2}"#.utf8)
    store.storedLetters = [ErasableLetter(id: 5, path: "/data/ann", key: nil, value: letter, headers: [])]
    // As by somebody who did not find the id: it came with the second segment.
    store.erasures = [erasure("a", until: 2, letters: 5, searchedTo: 2)]
    let watch = watch(store)
    for second in 1...40 where store.appended.isEmpty {
      _ = try watch.prepare(at(Int64(2 * second)))
      watch.finish(at(Int64(2 * second + 1)))
    }
    #expect(store.appended == ["a"])
    #expect(store.rewrittenSegments.keys.sorted() == [1, 2])
    #expect(store.emptiedLetters.map(\.id) == [5] && store.emptiedLetters[0].dropsPath)
  }

  @Test("what somebody who knew the id has left is not said to be done by who finds it no more")
  func left() throws {
    let store = FakeErasures()
    store.add(try Self.batch("bob", comment: "x", offset: 0))
    store.add(try Self.batch("bob", comment: "by ann", offset: 1))
    store.erasures = [erasure("a", until: 2, searchedTo: 1)]
    store.erasures[0].wasBusy = true
    let watch = watch(store)
    for second in 1...20 {
      // What is read meanwhile goes on.
      if try !watch.prepare(at(Int64(2 * second))) { #expect(second < 3) }
      watch.finish(at(Int64(2 * second + 1)))
    }
    #expect(store.appended.isEmpty && store.erasures[0].searchedTo == 1)
    // `forget` again.
    store.erasures[0].isBusy = true
    #expect(try watch.prepare(at(50)))
    (store.erasures[0].isBusy, store.erasures[0].searchedTo) = (false, 2)
    watch.finish(at(60))
    #expect(store.appended == ["a"])
  }

  @Test("nobody waits for what `forget` may end: it goes on beside the reading")
  func beside() throws {
    let store = try long()
    store.add(try Self.batch("ann", comment: "x", offset: 300))
    store.erasures = [erasure("a", until: 201)]
    store.erasures[0].wasBusy = true
    let watch = watch(store)
    #expect(try watch.prepare(at(1)) && store.rewrittenSegments.isEmpty)
    for second in 1...100 where store.appended.isEmpty { watch.finish(at(Int64(2 * second))) }
    #expect(store.appended == ["a"] && store.rewrittenSegments.keys.sorted() == [201])
  }

  @Test("in a database that goes back in the middle of it the journal is searched from where it is noted")
  func goesBack() throws {
    let store = FakeErasures()
    for index in 0..<400 {
      store.add(try Self.batch(index == 5 || index == 395 ? "ann" : "bob", comment: "x", offset: Int64(index)))
    }
    store.erasures = [erasure("a", until: 400)]
    let watch = watch(store)
    var second: Int64 = 0
    func prepare(until condition: () -> Bool) throws {
      while !condition(), second < 200 {
        second += 1
        _ = try watch.prepare(at(second))
      }
    }
    try prepare { store.erasures[0].searchedTo > 100 }
    #expect(store.rewrittenSegments.keys.sorted() == [6] && store.erasures[0].searchedTo < 400)
    store.goBack()
    watch.doubt()
    try prepare { store.erasures[0].searchedTo == 400 }
    #expect(store.rewrittenSegments.keys.sorted() == [6, 396])
  }

  @Test("while an erasure is at work each step does a page of it, and nothing in between")
  func pace() throws {
    let store = try long(100)
    let watch = watch(store)
    #expect(try watch.prepare(at(1)))
    store.erasures = [erasure("a", until: 100)]
    #expect(try watch.isOvertaken())
    var steps = 0
    watch.finish(at(2))
    while watch.isAtWork, steps < 1_000 {
      steps += 1
      watch.finish(at(2))
    }
    // 16 segments a page, once to look for the id.
    #expect((100 / 16...100 / 16 + 4).contains(steps), "\(steps)")
    watch.finish(at(4))
    #expect(store.appended == ["a"] && !watch.isAtWork)
  }

  private static let paths: [(path: String, id: String, holds: Bool)] = [
    ("/data/ann", "ann", true), ("/data/bob", "ann", false), ("/data/u~1ann~0x/0", "u/ann~x", true),
    ("/data/a~01", "a~1", true), ("/data/user-10", "user-1", false), ("ce_ann", "ann", true),
  ]

  @Test("an id is found in a path, its escapes undone", arguments: paths)
  func path(_ sample: (path: String, id: String, holds: Bool)) {
    #expect(JournalEraser.holds(Array(sample.id.utf8), inPath: sample.path) == sample.holds)
  }
}

/// Steps the probe where somebody asks.
private final class AtOnce: @unchecked Sendable {
  var stage: ProbeStage?

  func step() { _ = stage?.step(Instant(monotonicNanoseconds: 1, wall: Timestamp(microseconds: 0))) }
}
