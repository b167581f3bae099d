/// Whether ingest goes on in a partition, as the database has it.
package enum PartitionState: String, Sendable {
  case running
  /// An alarm: an offset that is gone, a truncated or recreated topic. `pleat skip` decides.
  case alarm
  /// Too many bad records: `pleat resume` goes on.
  case paused
}

/// Where ingest goes on in a partition, at `nextOffset`, as the database has it; writing with a lower epoch is `lost`.
package struct PartitionCursor: Sendable {
  package var partition: TopicPartition
  package var epoch: Int64
  package var incarnation: Int32
  package var nextOffset: Int64
  package var state: PartitionState
  package var reason: String?
  package var clusterID: String?
  /// Of the last journaled record.
  package var journaled: RecordFingerprint?
  /// Of the record that was last in the topic at the previous check.
  package var checked: RecordFingerprint?
  /// Of the last 10,000 records, which were bad; see `BadRecordWindow`.
  package var badRecords: [UInt8]
  /// Where the partition ended at the installation's first start; nil where that is not known, or says nothing any more.
  package var firstEnd: Int64?

  package init(
    partition: TopicPartition, epoch: Int64, incarnation: Int32, nextOffset: Int64, state: PartitionState,
    reason: String?, clusterID: String?, journaled: RecordFingerprint?, checked: RecordFingerprint?,
    badRecords: [UInt8], firstEnd: Int64? = nil
  ) {
    (self.partition, self.epoch, self.incarnation, self.nextOffset) = (partition, epoch, incarnation, nextOffset)
    (self.state, self.reason, self.clusterID) = (state, reason, clusterID)
    (self.journaled, self.checked, self.badRecords) = (journaled, checked, badRecords)
    self.firstEnd = firstEnd
  }
}
