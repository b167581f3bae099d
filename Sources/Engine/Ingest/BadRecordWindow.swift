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

  /// Above this the bits are shorter than the places.
  private static let greatestListed = 600

  /// The form that stands in the cursor's row, which each flush writes: how many there were; then, where any record is bad, the place in
  /// the ring, and the places of bad ones or, where these are many, its bits.
  package var stored: [UInt8] {
    if bad == 0 { return withInteger(UInt32(seen)) }
    var bytes = withInteger(UInt32(seen)) + withInteger(UInt32(next))
    if bad <= Self.greatestListed {
      for (index, word) in bits.enumerated() where word != 0 {
        for bit in 0..<64 where word & 1 << UInt64(bit) != 0 {
          withUnsafeBytes(of: UInt16(index * 64 + bit).littleEndian) { bytes.append(contentsOf: $0) }
        }
      }
      return bytes
    }
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
    let isListed = stored.count % 2 == 0 && (9...8 + 2 * Self.greatestListed).contains(stored.count)
    guard isListed || stored.count == 8 + bits.count * 8, integer(4) < Self.size else { return }
    self.seen = seen
    next = integer(4)
    if isListed {
      for at in stride(from: 8, to: stored.count, by: 2) {
        let place = Int(stored[at]) | Int(stored[at + 1]) << 8
        guard place < Self.size, bits[place >> 6] & 1 << UInt64(place & 63) == 0 else { continue }
        bits[place >> 6] |= 1 << UInt64(place & 63)
        bad += 1
      }
      return
    }
    for word in bits.indices {
      for byte in 0..<8 { bits[word] |= UInt64(stored[8 + word * 8 + byte]) << UInt64(8 * byte) }
      bad += bits[word].nonzeroBitCount
    }
  }
}
