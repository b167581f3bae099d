import Randomness
import Testing

@testable import Engine

@Suite("The window of bad records")
struct BadRecordWindowTests {
  @Test("fewer than 10,000 records never pause a partition")
  func tooFew() {
    var window = BadRecordWindow()
    for _ in 0..<9_999 { window.record(isBad: true) }
    #expect(!window.tooMany)
    window.record(isBad: true)
    #expect(window.tooMany)
  }

  @Test("more than half pauses, exactly half does not")
  func half() {
    var window = BadRecordWindow()
    for i in 0..<10_000 { window.record(isBad: i % 2 == 0) }
    #expect(window.bad == 5_000)
    #expect(!window.tooMany)
    window.record(isBad: true)
    #expect(window.bad == 5_000)
    window.record(isBad: true)
    window.record(isBad: true)
    #expect(window.bad == 5_001)
    #expect(window.tooMany)
  }

  @Test(
    "what is stored comes back, and counts on as if nothing had happened",
    arguments: [0, 1, 37, 9_999, 10_000, 25_003],
    [3, 17, 400])
  func stored(count: Int, oneIn: UInt64) {
    var window = BadRecordWindow()
    var random = SeededRandom(seed: UInt64(count))
    for _ in 0..<count { window.record(isBad: random.next() % oneIn == 0) }
    let stored = window.stored
    #expect(stored.count <= (window.bad <= 600 ? 8 + 2 * window.bad : 8 + 157 * 8))
    var restored = BadRecordWindow(stored: stored)
    for _ in 0..<12_000 {
      let isBad = random.next() % 2 == 0
      window.record(isBad: isBad)
      restored.record(isBad: isBad)
      #expect(window.bad == restored.bad && window.tooMany == restored.tooMany)
    }
  }

  @Test(
    "bytes that nobody stored are an empty window",
    arguments: [[], [1], [255, 255, 255, 255], [UInt8](repeating: 255, count: 50)])
  func garbage(bytes: [UInt8]) {
    let window = BadRecordWindow(stored: bytes)
    #expect(window.seen == 0 && window.bad == 0)
  }
}
