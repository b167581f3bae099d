package import Events

package struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var topic: String
  package var partition: Int32
  package init(_ topic: String, _ partition: Int32) { (self.topic, self.partition) = (topic, partition) }
  package static func < (a: Self, b: Self) -> Bool { (a.topic, a.partition) < (b.topic, b.partition) }
  package var description: String { "\(topic)/\(partition)" }
}

/// What a poll of the source brought, in order.
package enum SourceEvent {
  /// `handle` as given to `add`. The memory behind a record is valid until the next `.released`.
  case record(handle: Int, SourceRecord)
  /// The memory of the records so far is gone when this has been heard. Every record is followed by one, in the same poll.
  case released
  /// Everything before `offset` has been delivered, and nothing stands there yet.
  case endReached(handle: Int, offset: Int64)
  /// The offset asked for is not there any more (or not yet): nothing is delivered for this partition until it is added anew.
  case offsetOutOfRange(handle: Int)
  /// The partition failed in another way; librdkafka goes on by itself. The text is for people.
  case partitionError(handle: Int, String)
}

package struct SourceRecord {
  package var content: RecordContent
  package var key: UnsafeRawBufferPointer?
  /// Milliseconds since the epoch; −1 where the broker has none.
  package var timestampMilliseconds: Int64
  @inlinable
  package init(content: RecordContent, key: UnsafeRawBufferPointer?, timestampMilliseconds: Int64) {
    (self.content, self.key, self.timestampMilliseconds) = (content, key, timestampMilliseconds)
  }
}

package enum SourceError: Error, Sendable {
  /// The broker is away, or answers with an error that passes: try again. The text is for people.
  case unavailable(String)
  /// The topic does not exist.
  case unknownTopic(String)
}

/// What a record is told apart by: SHA-256 over timestamp, key and value (each behind its length), first 16 bytes.
package struct RecordFingerprint: Hashable, Sendable {
  package var offset: Int64
  package var digest: Digest128
  package init(offset: Int64, digest: Digest128) { (self.offset, self.digest) = (offset, digest) }
}

/// Some offsets of a partition.
package struct LogStretch: Hashable, Sendable {
  package var partition: TopicPartition
  package var offsets: Range<Int64>

  package init(_ partition: TopicPartition, _ offsets: Range<Int64>) {
    (self.partition, self.offsets) = (partition, offsets)
  }

  /// The one record at an offset.
  package init(_ partition: TopicPartition, at offset: Int64) { self.init(partition, offset..<offset + 1) }

  /// Where the last record before `end` stands: transaction markers and what a compaction took have offsets, too.
  package init(_ partition: TopicPartition, lastBefore end: Int64) { self.init(partition, end - Self.lookBack..<end) }

  private static let lookBack: Int64 = 16
}

/// The input topics, `read_committed`, partitions assigned by hand. One thread uses it, but for `wake`.
package protocol Source: AnyObject {
  /// Called (from any thread) when `poll` may have something.
  var wake: (@Sendable () -> Void)? { get set }
  func clusterID() throws(SourceError) -> String
  /// Every partition of the topics, in order.
  func partitions(of topics: [String]) throws(SourceError) -> [TopicPartition]
  /// Starts to deliver a partition at an offset; events carry the handle. A partition that is there already starts anew, under
  /// the new handle.
  func add(_ partition: TopicPartition, from offset: Int64, handle: Int) throws(SourceError)
  func remove(_ partition: TopicPartition) throws(SourceError)
  /// Stops and resumes delivery of everything, where memory must stay bounded. Idempotent.
  func setPaused(_ paused: Bool)
  /// Hands over what has arrived, at most `limit` events, without waiting; returns how many.
  func poll(limit: Int, _ body: (SourceEvent) -> Void) throws(SourceError) -> Int
  /// Lowest offset and high watermark, asked from the broker (`read_uncommitted`).
  func watermarks(_ partition: TopicPartition) throws(SourceError) -> (low: Int64, high: Int64)
  /// The high watermark as the last fetch reported it, without asking; nil if unknown.
  func cachedEnd(_ partition: TopicPartition) -> Int64?
  /// The fingerprint of the last record of each stretch; nil where none has such an offset (compacted, deleted, a marker, beyond
  /// the end). Stretches of several partitions are read at once, those of one partition one after the other.
  func lastRecords(of stretches: [LogStretch]) throws(SourceError) -> [RecordFingerprint?]
  /// Publishes offsets to the group, for lag tools; nothing depends on it.
  func publish(offsets: [(TopicPartition, Int64)])
  func close()
}
