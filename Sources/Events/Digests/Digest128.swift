/// 128 bits, as an identity's digest.
package struct Digest128: Hashable, Sendable {
  package var low: UInt64
  package var high: UInt64
  package init(low: UInt64, high: UInt64) { (self.low, self.high) = (low, high) }

  /// nil if these are not 16 bytes.
  package init?(bytes: UnsafeBufferPointer<UInt8>) {
    guard bytes.count == 16 else { return nil }
    let raw = UnsafeRawBufferPointer(bytes)
    self.init(
      low: UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self)),
      high: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
  }

  package init?(bytes: [UInt8]) {
    guard let digest = bytes.withUnsafeBufferPointer({ Digest128(bytes: $0) }) else { return nil }
    self = digest
  }

  /// 16 bytes: `low`, then `high`, both little-endian.
  package var bytes: [UInt8] {
    withUnsafeBytes(of: low.littleEndian) { Array($0) } + withUnsafeBytes(of: high.littleEndian) { Array($0) }
  }
}
