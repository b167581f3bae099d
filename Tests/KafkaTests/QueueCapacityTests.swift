import Testing

@testable import Kafka

@Suite("How many records are held ahead")
struct QueueCapacityTests {
  @Test(
    "as many as throughput wants, unless their keys and headers are large",
    arguments: [
      // Bytes of key and headers, and how many messages may be held: 12 MiB of such, and none below 64.
      (0, 24_000), (40, 24_000), (1_000, 24_000), (2_000, 6_291), (10_000, 1_258), (100_000, 125), (1_000_000, 64),
    ])
  func table(bytes: Int, messages: Int) {
    var capacity = QueueCapacity()
    #expect(capacity.messages == 24_000)
    var narrowed = 0
    for _ in 0..<100 where capacity.narrows(after: 128, hiddenBytes: 128 * bytes) { narrowed += 1 }
    #expect(capacity.messages == messages)
    #expect(narrowed == (messages == 24_000 ? 0 : 1))
    // Small ones bring nothing back, and one large one among them takes nothing.
    var changes = 0
    for _ in 0..<100 where capacity.narrows(after: 128, hiddenBytes: 0) { changes += 1 }
    if capacity.narrows(after: 1, hiddenBytes: 1 << 19) { changes += 1 }
    #expect(changes == 0 && capacity.messages == messages)
  }
}
