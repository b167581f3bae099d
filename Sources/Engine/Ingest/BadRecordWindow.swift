/// Which of a partition's last 10,000 records were bad, as bits in a ring.
///
/// Where more than half of them are, once there were as many, somebody sends the wrong thing, and the partition pauses.
package struct BadRecordWindow: Sendable {
  package static let size = 10_000

  private var bits = [UInt64](repeating: 0, count: (size + 63) / 64)
  private var next = 0
  package private(set) var seen = 0
  package private(set) var bad = 0

  package init() {}

  package var tooMany: Bool { seen == Self.size && bad * 2 > Self.size }

  @inline(__always)
  package mutating func record(isBad: Bool) {
    let word = next >> 6
    let bit: UInt64 = 1 << UInt64(next & 63)
    if bits[word] & bit != 0 { bad -= 1 }
    if isBad {
      bits[word] |= bit
      bad += 1
    } else {
      bits[word] &= ~bit
    }
    next = next + 1 == Self.size ? 0 : next + 1
    if seen < Self.size { seen += 1 }
  }

  /// The form that stands in the cursor's row: how many there were, then the place in the ring and its bits, where any record is bad.
  package var stored: [UInt8] {
    if bad == 0 { return withInteger(UInt32(seen)) }
    var bytes = withInteger(UInt32(seen)) + withInteger(UInt32(next))
    for word in bits { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }
    return bytes
  }

  private func withInteger(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

  /// Bytes that no `stored` made count as an empty window.
  package init(stored: [UInt8]) {
    func integer(_ at: Int) -> Int {
      stored[at..<at + 4].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    }
    guard stored.count >= 4 else { return }
    let seen = integer(0)
    guard seen <= Self.size else { return }
    if stored.count == 4 {
      self.seen = seen
      next = seen == Self.size ? 0 : seen
      return
    }
    guard stored.count == 8 + bits.count * 8, integer(4) < Self.size else { return }
    self.seen = seen
    next = integer(4)
    for word in bits.indices {
      for byte in 0..<8 { bits[word] |= UInt64(stored[8 + word * 8 + byte]) << UInt64(8 * byte) }
      bad += bits[word].nonzeroBitCount
    }
  }
}
