/// What is asked of a partition's broker.
package struct PartitionQuestion: Hashable, Sendable {
  package var partition: TopicPartition
  /// Of records, each once, besides the last one; nil where only the ends are asked for.
  package var offsets: [Int64]?

  package init(_ partition: TopicPartition, offsets: [Int64]?) {
    (self.partition, self.offsets) = (partition, offsets)
  }
}

/// What a partition was when its broker was asked, `read_uncommitted`.
package struct PartitionAnswer: Sendable {
  /// Its lowest offset, and its high watermark.
  package var low: Int64
  package var high: Int64
  /// The records at the offsets asked for, as far as they are there: not compacted, not deleted, no marker, before the end, readable.
  package var records: [RecordFingerprint]
  /// The last record; nil where none is near the end, or can be read there.
  package var last: RecordFingerprint?

  package init(low: Int64, high: Int64, records: [RecordFingerprint] = [], last: RecordFingerprint? = nil) {
    (self.low, self.high, self.records, self.last) = (low, high, records, last)
  }
}

/// Asks the brokers. A call waits for them, some seconds at most. One thread uses it.
package protocol Probe: AnyObject {
  func clusterID() throws(SourceError) -> String
  /// Every partition of the topic, in order.
  func partitions(of topic: String) throws(SourceError) -> [TopicPartition]
  /// Answers the questions, no partition twice, by their index and in any order, each as soon as it can be. What it does not come to,
  /// because others took their time, is asked again.
  func ask(_ questions: [PartitionQuestion], _ body: (Int, Result<PartitionAnswer, SourceError>) -> Void)
  /// The newest record of each erasure in the cursor topic; none where there is no such topic.
  func erasureRecords() throws(SourceError) -> [ErasureRecord]
  /// Publishes offsets to the group, for lag tools; nothing depends on it.
  func publish(offsets: [(TopicPartition, Int64)])
  /// Called again and again while nothing is asked: what is not used for long may go.
  func rest()
  func close()
}
