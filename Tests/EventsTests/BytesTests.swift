import Randomness
import Testing

@testable import Events

@Suite("Short stretches of memory")
struct BytesTests {
  @Test("are the same where no byte differs, whatever their length and place")
  func comparison() {
    var random = SeededRandom(seed: 1)
    for count in 0...80 {
      let bytes = random.bytes(count + 3)
      for place in 0..<3 {
        // Behind the end everything may differ.
        var other = random.bytes(place) + bytes[..<count] + random.bytes(9)
        #expect(isSame(bytes, other, at: place, count: count))
        for index in 0..<count {
          other[place + index] ^= 1 << UInt8(random.below(8))
          #expect(!isSame(bytes, other, at: place, count: count), "\(count) bytes, the one at \(index) differs")
          other[place + index] = bytes[index]
        }
      }
    }
  }

  private func isSame(_ a: [UInt8], _ b: [UInt8], at place: Int, count: Int) -> Bool {
    a.withUnsafeBytes { a in b.withUnsafeBytes { a.baseAddress!.isSame(as: $0.baseAddress! + place, count: count) } }
  }

  @Test("are copied, and nothing beside them")
  func copy() {
    var random = SeededRandom(seed: 2)
    for count in 0...200 {
      let bytes = random.bytes(count + 1)
      for place in 0..<3 {
        let before = random.bytes(count + 8)
        var room = before
        room.withUnsafeMutableBytes { room in
          bytes.withUnsafeBytes { (room.baseAddress! + place).copyShort(from: $0.baseAddress!, count: count) }
        }
        var expected = before
        expected.replaceSubrange(place..<place + count, with: bytes[..<count])
        #expect(room == expected, "\(count) bytes")
      }
    }
  }
}
