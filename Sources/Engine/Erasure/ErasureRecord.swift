package import Events

/// An erasure as the cursor topic keeps it: who by the hash alone, and where each input partition ended when it was asked for.
package struct ErasureRecord: Hashable, Sendable {
  package struct End: Hashable, Sendable {
    package var partition: TopicPartition
    package var incarnation: Int32
    package var offset: Int64
    package init(partition: TopicPartition, incarnation: Int32, offset: Int64) {
      (self.partition, self.incarnation, self.offset) = (partition, incarnation, offset)
    }
  }

  /// A UUID in lowercase.
  package var id: String
  package var hash: UInt64
  /// `ErasureKeys.mark` of the key behind the hash; nil where an earlier version wrote none.
  package var keyMark: UInt64?
  package var requestedAt: Timestamp
  package var ends: [End]
  package init(id: String, hash: UInt64, keyMark: UInt64? = nil, requestedAt: Timestamp, ends: [End]) {
    (self.id, self.hash, self.keyMark, self.requestedAt, self.ends) = (id, hash, keyMark, requestedAt, ends)
  }
}
