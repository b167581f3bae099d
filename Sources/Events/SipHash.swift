/// 16 bytes of key, read as two little-endian words.
package struct HashKey: Hashable, Sendable {
  package var k0: UInt64
  package var k1: UInt64
  package init(k0: UInt64, k1: UInt64) { (self.k0, self.k1) = (k0, k1) }
}

/// 128 bits, as an identity's digest.
package struct Digest128: Hashable, Sendable {
  package var low: UInt64
  package var high: UInt64
  package init(low: UInt64, high: UInt64) { (self.low, self.high) = (low, high) }
}
