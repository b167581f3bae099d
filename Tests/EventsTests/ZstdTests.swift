import Events
import Randomness
import Testing

@Suite("Zstd")
struct ZstdTests {
  private func compressed(_ bytes: [UInt8]) -> [UInt8] {
    bytes.withUnsafeBytes { Zstd.compress($0, level: 1) }
  }

  private func decompressed(_ frame: [UInt8], maximumSize: Int = 1 << 20) throws(ZstdError) -> [UInt8] {
    let result = frame.withUnsafeBytes { bytes in
      Result { () throws(ZstdError) in try Zstd.decompress(bytes, maximumSize: maximumSize) }
    }
    return try result.get()
  }

  @Test("what was compressed comes back", arguments: [0, 1, 100, 300_000])
  func roundTrip(count: Int) throws {
    var random = SeededRandom(seed: UInt64(count))
    let noise = random.bytes(count)
    let even = [UInt8](repeating: 7, count: count)
    #expect(try decompressed(compressed(noise)) == noise)
    #expect(try decompressed(compressed(even)) == even)
  }

  @Test("a frame is refused that says more than the limit")
  func bounded() {
    let frame = compressed([UInt8](repeating: 0, count: 1001))
    #expect(throws: ZstdError.tooLarge) { try decompressed(frame, maximumSize: 1000) }
    #expect(throws: Never.self) { try decompressed(frame, maximumSize: 1001) }
  }

  @Test("what is not one whole frame is refused")
  func malformed() {
    let frame = compressed(Array(repeatElement(Array("some text, ".utf8), count: 50).joined()))
    for bad in [[], [1, 2, 3, 4, 5], Array(frame.dropLast()), frame + [0], frame + frame] {
      #expect(throws: ZstdError.malformed) { try decompressed(bad) }
    }
  }
}
