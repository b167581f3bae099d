/// Moves a partition's cursor over the records from `from` to before `to`, and counts them; `lost` where it is not at `from`,
/// or of another epoch.
package struct CursorMove: Sendable {
  package var partition: TopicPartition
  package var epoch: Int64
  package var from: Int64
  package var to: Int64
  /// The partition's high watermark as ingest last saw it, for lag; nil if unknown.
  package var endOffset: Int64?
  package var duplicates: Int64
  package var deadLetters: Int64
  package var state: PartitionState
  package var reason: String?
  package var journaled: RecordFingerprint?
  package var badRecords: [UInt8]

  package init(
    partition: TopicPartition, epoch: Int64, from: Int64, to: Int64, endOffset: Int64?, duplicates: Int64,
    deadLetters: Int64, state: PartitionState, reason: String?, journaled: RecordFingerprint?, badRecords: [UInt8]
  ) {
    (self.partition, self.epoch, self.from, self.to) = (partition, epoch, from, to)
    (self.endOffset, self.duplicates, self.deadLetters) = (endOffset, duplicates, deadLetters)
    (self.state, self.reason) = (state, reason)
    (self.journaled, self.badRecords) = (journaled, badRecords)
  }
}

/// All that one flush of ingest writes, in one transaction.
package struct JournalFlush: Sendable {
  /// Sorted by partition.
  package var moves: [CursorMove] = []
  package var segments: [SegmentDraft] = []
  package var deadLetters: [DeadLetter] = []
  package init() {}
}
