import Testing

@testable import Engine
@testable import Events

@Suite("The journal's end in memory")
struct JournalTailTests {
  private func batch(_ first: Int64, _ count: Int, bytes: Int = 100) -> JournalBatch {
    var events = EventBatch()
    for _ in 0..<count {
      events.events.append(
        Event(
          type: .other, envelope: .bare, row: 0, typeName: .none, source: .none, id: .none,
          time: Timestamp(microseconds: 0),
          offset: 0, attributes: .none, unknown: .none))
    }
    return JournalBatch(
      firstPosition: first, previousChain: nil, chain: [], partition: TopicPartition("t", 0), events: events,
      byteCount: bytes)
  }

  private func at(_ seconds: Int64) -> Instant {
    Instant(monotonicNanoseconds: seconds * 1_000_000_000, wall: Timestamp(microseconds: 0))
  }

  @Test("a reader gets the batch that holds its next position, and none across a gap")
  func next() {
    let tail = JournalTail(capacity: 1_000) {}
    tail.publish([batch(1, 10), batch(11, 5), batch(30, 5)])
    #expect(tail.next(after: 0, reader: "r", at: at(0))?.firstPosition == 1)
    #expect(tail.next(after: 4, reader: "r", at: at(0))?.firstPosition == 1)
    #expect(tail.next(after: 10, reader: "r", at: at(0))?.firstPosition == 11)
    #expect(tail.next(after: 15, reader: "r", at: at(0)) == nil)
    #expect(tail.firstPosition(behind: 15) == 30)
    #expect(tail.next(after: 34, reader: "r", at: at(0)) == nil)
  }

  @Test("memory is bounded: the oldest go first")
  func bounded() {
    let tail = JournalTail(capacity: 250) {}
    for i in 0..<10 { tail.publish([batch(Int64(i * 10 + 1), 10)]) }
    #expect(tail.next(after: 0, reader: "r", at: at(0)) == nil)
    #expect(tail.next(after: 80, reader: "r", at: at(0))?.firstPosition == 81)
  }

  @Test("ingest waits for a reader that moves, not for one that stands still")
  func waits() {
    let tail = JournalTail(capacity: 400) {}
    tail.publish([batch(1, 10), batch(11, 10), batch(21, 10)])
    #expect(!tail.mustWait(at: at(0)))
    _ = tail.next(after: 0, reader: "slow", at: at(0))
    #expect(tail.mustWait(at: at(1)))
    _ = tail.next(after: 20, reader: "slow", at: at(1))
    #expect(!tail.mustWait(at: at(1)))
    _ = tail.next(after: 5, reader: "stuck", at: at(1))
    #expect(tail.mustWait(at: at(2)))
    #expect(!tail.mustWait(at: at(9)))
  }

  @Test("after a doubt nothing is left")
  func clear() {
    let tail = JournalTail(capacity: 400) {}
    tail.publish([batch(1, 10)])
    tail.clear()
    #expect(tail.next(after: 0, reader: "r", at: at(0)) == nil)
  }
}
