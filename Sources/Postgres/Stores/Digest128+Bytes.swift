package import Events

extension Digest128 {
  /// 16 bytes: both words little-endian, the low one first.
  var bytes: [UInt8] {
    withUnsafeBytes(of: low.littleEndian) { Array($0) } + withUnsafeBytes(of: high.littleEndian) { Array($0) }
  }

  /// nil if these are not 16 bytes.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    let words = bytes.withUnsafeBytes {
      (
        UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)),
        UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
    self.init(low: words.0, high: words.1)
  }
}
