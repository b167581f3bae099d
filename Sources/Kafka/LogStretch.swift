import Engine

/// Some offsets of a partition.
struct LogStretch: Hashable, Sendable {
  var partition: TopicPartition
  var offsets: Range<Int64>

  init(_ partition: TopicPartition, _ offsets: Range<Int64>) {
    (self.partition, self.offsets) = (partition, offsets)
  }

  /// The one record at an offset.
  init(_ partition: TopicPartition, at offset: Int64) { self.init(partition, offset..<offset + 1) }

  /// Where the last record before `end` stands: transaction markers and what a compaction took have offsets, too.
  init(_ partition: TopicPartition, lastBefore end: Int64) { self.init(partition, end - Self.lookBack..<end) }

  private static let lookBack: Int64 = 16
}
