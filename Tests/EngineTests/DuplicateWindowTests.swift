import Events
import Randomness
import Testing

@testable import Engine

@Suite("The duplicates window")
struct DuplicateWindowTests {
  private func digest(_ value: UInt64) -> Digest128 {
    Digest128(low: value &* 0x9E37_79B9_7F4A_7C15, high: value)
  }

  @Test(
    "an identity is a duplicate at 1 to 100,000 offsets behind its original, and not further",
    arguments: [(1, true), (2, true), (99_999, true), (100_000, true), (100_001, false), (250_000, false)])
  func span(distance: Int64, isDuplicate: Bool) {
    var window = DuplicateWindow()
    window.insert(digest(1), at: 500)
    #expect(window.contains(digest(1), before: 500 + distance) == isDuplicate)
  }

  @Test("it agrees with a plain list over random identities and gaps in the offsets", arguments: [1, 2, 3] as [UInt64])
  func agreesWithAList(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var window = DuplicateWindow()
    var list: [(UInt64, Int64)] = []
    var offset: Int64 = 0
    var duplicates = 0
    for _ in 0..<20_000 {
      offset += random.next() % 50 == 0 ? Int64(random.next() % 30_000) : 1 + Int64(random.next() % 3)
      // Few distinct low words, so that probe runs are long.
      let value = random.next() % 9_000
      list.removeAll { $0.1 < offset - 100_000 }
      let expected = list.contains { $0.0 == value }
      let found = window.contains(digest(value), before: offset)
      #expect(found == expected)
      if found {
        duplicates += 1
      } else {
        window.insert(digest(value), at: offset)
        list.append((value, offset))
      }
    }
    #expect(duplicates > 500)
  }
}
