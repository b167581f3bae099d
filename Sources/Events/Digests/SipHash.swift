/// 16 bytes of key, read as two little-endian words.
package struct HashKey: Hashable, Sendable {
  package var k0: UInt64
  package var k1: UInt64
  package init(k0: UInt64, k1: UInt64) { (self.k0, self.k1) = (k0, k1) }
}

/// SipHash-2-4 with 64 bits of output (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012).
package func sipHash24(_ key: HashKey, _ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
  var state = SipState(key, wide: false)
  state.absorb(bytes)
  return state.finish64()
}

/// SipHash-2-4 with 128 bits of output, as the authors' reference implementation has it.
package func sipHash24Wide(_ key: HashKey, _ bytes: UnsafeBufferPointer<UInt8>) -> Digest128 {
  var state = SipState(key, wide: true)
  state.absorb(bytes)
  return state.finish128()
}

private struct SipState {
  private var v0, v1, v2, v3: UInt64

  @inline(__always)
  init(_ key: HashKey, wide: Bool) {
    v0 = key.k0 ^ 0x736F_6D65_7073_6575
    v1 = key.k1 ^ 0x646F_7261_6E64_6F6D ^ (wide ? 0xEE : 0)
    v2 = key.k0 ^ 0x6C79_6765_6E65_7261
    v3 = key.k1 ^ 0x7465_6462_7974_6573
  }

  @inline(__always)
  private mutating func round() {
    v0 = v0 &+ v1
    v1 = (v1 &<< 13 | v1 &>> 51) ^ v0
    v0 = v0 &<< 32 | v0 &>> 32
    v2 = v2 &+ v3
    v3 = (v3 &<< 16 | v3 &>> 48) ^ v2
    v0 = v0 &+ v3
    v3 = (v3 &<< 21 | v3 &>> 43) ^ v0
    v2 = v2 &+ v1
    v1 = (v1 &<< 17 | v1 &>> 47) ^ v2
    v2 = v2 &<< 32 | v2 &>> 32
  }

  @inline(__always)
  private mutating func absorb(word: UInt64) {
    v3 ^= word
    round()
    round()
    v0 ^= word
  }

  /// The whole message: whole words, then the rest with the length's low byte on top.
  @inline(__always)
  mutating func absorb(_ bytes: UnsafeBufferPointer<UInt8>) {
    let raw = UnsafeRawBufferPointer(bytes)
    let whole = raw.count & ~7
    var i = 0
    while i < whole {
      absorb(word: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)))
      i += 8
    }
    var last = UInt64(truncatingIfNeeded: raw.count) &<< 56
    if i < raw.count, raw.count > 8 {
      // Some of the last eight bytes were taken in already.
      let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: raw.count &- 8, as: UInt64.self))
      last |= word &>> UInt64(truncatingIfNeeded: 8 &* (8 &- (raw.count &- whole)))
    } else {
      var shift: UInt64 = 0
      while i < raw.count {
        last |= UInt64(raw[i]) &<< shift
        shift += 8
        i += 1
      }
    }
    absorb(word: last)
  }

  @inline(__always)
  private var folded: UInt64 { v0 ^ v1 ^ v2 ^ v3 }

  @inline(__always)
  private mutating func fourRounds() {
    round()
    round()
    round()
    round()
  }

  @inline(__always)
  mutating func finish64() -> UInt64 {
    v2 ^= 0xFF
    fourRounds()
    return folded
  }

  @inline(__always)
  mutating func finish128() -> Digest128 {
    v2 ^= 0xEE
    fourRounds()
    let low = folded
    v1 ^= 0xDD
    fourRounds()
    return Digest128(low: low, high: folded)
  }
}
