/// A segment as the journal holds it.
package struct StoredSegment: Sendable {
  package var firstPosition: Int64
  package var count: Int32
  package var partition: TopicPartition
  package var payload: [UInt8]
  package var identities: [UInt8]
  /// The chain value before it; nil where that is gone.
  package var previousChain: [UInt8]?
  /// The chain value after it.
  package var chain: [UInt8]
  package init(
    firstPosition: Int64, count: Int32, partition: TopicPartition, payload: [UInt8], identities: [UInt8],
    previousChain: [UInt8]?, chain: [UInt8]
  ) {
    (self.firstPosition, self.count, self.partition) = (firstPosition, count, partition)
    (self.payload, self.identities) = (payload, identities)
    (self.previousChain, self.chain) = (previousChain, chain)
  }
}
