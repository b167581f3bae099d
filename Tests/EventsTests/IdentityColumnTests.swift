import Randomness
import Testing

@testable import Events

@Suite("The identities column")
struct IdentityColumnTests {
  private let key = HashKey(k0: 0x0123_4567_89AB_CDEF, k1: 42)

  private func event(_ source: Symbol, _ id: Symbol, _ offset: Int64) -> Event {
    Event(
      type: .projectOpened, envelope: .structured, row: 0, typeName: .none, source: source, id: id,
      time: Timestamp(microseconds: 0), offset: offset, attributes: .none, unknown: .none)
  }

  private func digest(_ text: String) -> Digest128 {
    Array(text.utf8).withUnsafeBufferPointer { sipHash24Wide(key, $0) }
  }

  @Test("gives the digest of source, zero byte and id, with the offset, and none for an event without id")
  func digests() throws {
    var batch = EventBatch()
    let somebody = batch.strings.intern("somebody")
    batch.projectsOpened = [ProjectOpened(projectID: somebody, userID: somebody)]
    let uuid = "0a300ee9-f9e4-5697-a51a-efc7fafaba67"
    let ids = [uuid, "order-000123", "order-124", "", uuid.uppercased(), "x"]
    let source = batch.strings.intern("/shop")
    for (i, id) in ids.enumerated() {
      batch.events.append(event(source, id.isEmpty ? .none : batch.strings.intern(id), Int64(100 + i * i)))
    }
    let erased = Digest128(low: 0x1122_3344_5566_7788, high: 0xFFEE_DDCC_BBAA_9988)
    let symbol = erased.bytes.withUnsafeBufferPointer { batch.strings.intern($0) }
    batch.erasedIdentities = [symbol]
    batch.events.append(event(source, symbol, 1000))

    let found = try IdentityColumn.digests(of: batch.encoded().identities, key: key)
    #expect(found.map(\.offset) == [100, 101, 104, 116, 125, 1000])
    #expect(found.map(\.digest) == ids.filter { !$0.isEmpty }.map { digest("/shop\0" + $0) } + [erased])
  }

  @Test("takes less where ids have their time in front")
  func sortedIDs() throws {
    var batch = EventBatch()
    let somebody = batch.strings.intern("somebody")
    batch.projectsOpened = [ProjectOpened(projectID: somebody, userID: somebody)]
    var random = SeededRandom(seed: 7)
    for i in 0..<2000 {
      let time = String(0x0190_0000_0000 + i * 3, radix: 16)
      let tail = random.bytes(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      let id = "0\(time.prefix(7))-\(time.suffix(4))-7abc-b\(tail.prefix(3))-\(tail.suffix(12))"
      batch.events.append(event(somebody, batch.strings.intern(id), Int64(i)))
    }
    #expect(batch.encoded().identities.count < 2000 * 11)
  }
}
