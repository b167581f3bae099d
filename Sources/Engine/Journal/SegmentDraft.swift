package import Events

/// A segment without its position yet: `count` events of the records from `firstOffset` to before `nextOffset`. Digests are
/// SHA-256, 32 bytes.
package struct SegmentDraft: Sendable {
  package var partition: TopicPartition
  package var incarnation: Int32
  package var count: Int32
  package var firstOffset: Int64
  package var nextOffset: Int64
  package var leastTime: Timestamp
  package var greatestTime: Timestamp
  /// The event batch in its binary form, zstd, and its SHA-256.
  package var payload: [UInt8]
  package var payloadDigest: [UInt8]
  package var identities: [UInt8]
  package var identitiesDigest: [UInt8]

  package init(
    partition: TopicPartition, incarnation: Int32, count: Int32, firstOffset: Int64, nextOffset: Int64,
    leastTime: Timestamp, greatestTime: Timestamp, payload: [UInt8], payloadDigest: [UInt8], identities: [UInt8],
    identitiesDigest: [UInt8]
  ) {
    (self.partition, self.incarnation, self.count) = (partition, incarnation, count)
    (self.firstOffset, self.nextOffset) = (firstOffset, nextOffset)
    (self.leastTime, self.greatestTime) = (leastTime, greatestTime)
    (self.payload, self.payloadDigest) = (payload, payloadDigest)
    (self.identities, self.identitiesDigest) = (identities, identitiesDigest)
  }
}

/// Where a segment came to stand.
package struct AppendedSegment: Sendable {
  package var firstPosition: Int64
  /// The chain values before and after it.
  package var previousChain: [UInt8]
  package var chain: [UInt8]
  package init(firstPosition: Int64, previousChain: [UInt8], chain: [UInt8]) {
    (self.firstPosition, self.previousChain, self.chain) = (firstPosition, previousChain, chain)
  }
}
