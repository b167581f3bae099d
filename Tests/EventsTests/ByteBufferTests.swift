import Events
import Randomness
import Testing

@Suite("Bytes that grow at their end")
struct ByteBufferTests {
  @Test("hold what an array would, whatever was appended, overwritten or taken back", arguments: [1, 2] as [UInt64])
  func agreesWithAnArray(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var buffer = ByteBuffer()
    buffer.reserve(Int(random.next() % 100))
    var array: [UInt8] = []
    var copies: [(ByteBuffer, [UInt8])] = []
    for _ in 0..<20_000 {
      let value = random.next()
      let bytes = withUnsafeBytes(of: value.bigEndian) { Array($0) }
      switch random.next() % 40 {
      case 0:
        array.removeLast(Int(value % UInt64(array.count + 1)))
        buffer.truncate(to: array.count)
      case 1 where array.count >= 4:
        let place = Int(value % UInt64(array.count - 3))
        array.replaceSubrange(place..<place + 4, with: bytes[4...])
        buffer.overwrite(at: place, bigEndian: UInt32(truncatingIfNeeded: value))
      case 2: copies.append((buffer, array))
      case 3..<10:
        array.append(bytes[0])
        buffer.append(bytes[0])
      case 10..<15:
        array += bytes[6...]
        buffer.append(bigEndian: UInt16(truncatingIfNeeded: value))
      case 15..<20:
        array += bytes[4...]
        buffer.append(bigEndian: UInt32(truncatingIfNeeded: value))
      case 20..<23:
        array += bytes
        buffer.append(bigEndian: value)
      case 23..<27:
        // Of every length.
        var rest = value >> (value & 63)
        buffer.append(varint: rest)
        while rest > 127 {
          array.append(UInt8(rest % 128 + 128))
          rest /= 128
        }
        array.append(UInt8(rest))
      default:
        let some = random.bytes(Int(value % 100))
        array += some
        buffer.append(some)
      }
      if buffer.count != array.count { Issue.record("\(buffer.count) bytes, not \(array.count)") }
    }
    #expect(buffer.array == array && buffer.withBytes { Array($0) } == array)
    // What was copied stays what it was.
    #expect(copies.count > 100 && copies.allSatisfy { $0.array == $1 })
  }
}
