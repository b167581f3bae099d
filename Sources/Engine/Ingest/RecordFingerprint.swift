package import Events

/// What a record is told apart by: SHA-256 over timestamp, key and value (each behind its length), first 16 bytes.
package struct RecordFingerprint: Hashable, Sendable {
  package var offset: Int64
  package var digest: Digest128
  package init(offset: Int64, digest: Digest128) { (self.offset, self.digest) = (offset, digest) }
}
