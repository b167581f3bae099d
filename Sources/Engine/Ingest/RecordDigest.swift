package import Events

/// What a record is told apart by: the first 16 bytes of SHA-256 over timestamp, key and value, each of these two behind its
/// length (8 bytes, little-endian; −1 where there is none).
package func recordDigest(timestampMilliseconds: Int64, key: [UInt8]?, value: [UInt8]?) -> Digest128 {
  func integer(_ value: Int64) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
  var bytes = integer(timestampMilliseconds)
  for part in [key, value] {
    bytes += integer(part.map { Int64($0.count) } ?? -1)
    if let part { bytes += part }
  }
  let digest = SHA256.digest(of: bytes)
  func word(_ at: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(digest[at + $1]) << UInt64(8 * $1) } }
  return Digest128(low: word(0), high: word(8))
}
