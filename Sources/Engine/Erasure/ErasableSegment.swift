/// A segment as an erasure reads it, or puts it back.
package struct ErasableSegment: Sendable {
  package var firstPosition: Int64
  package var count: Int32
  package var payload: [UInt8]
  package var payloadDigest: [UInt8]
  package var identities: [UInt8]
  package init(firstPosition: Int64, count: Int32, payload: [UInt8], payloadDigest: [UInt8], identities: [UInt8]) {
    (self.firstPosition, self.count) = (firstPosition, count)
    (self.payload, self.payloadDigest, self.identities) = (payload, payloadDigest, identities)
  }
}
