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
  /// The partition failed in another way: nothing is delivered for it until it is added anew. The text is for people.
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

/// What came of a poll.
package struct Polled: Hashable, Sendable {
  /// How many events were handed over.
  package var events: Int
  /// Whether nothing more had arrived.
  package var isDry: Bool
  package init(events: Int, isDry: Bool) { (self.events, self.isDry) = (events, isDry) }
}

/// Why the brokers did not give, or tell, what they were asked for.
package enum SourceError: Error, Sendable {
  /// The broker is away, or answers with an error that passes: try again. The text is for people.
  case unavailable(String)
  /// The topic does not exist.
  case unknownTopic(String)
  /// The brokers answer, and tell nothing of this topic. The text is for people.
  case refusedTopic(String, String)

  /// For people.
  package var text: String {
    switch self {
    case .unavailable(let text), .refusedTopic(_, let text): text
    case .unknownTopic(let topic): "the topic \(topic) does not exist; create it, or change kafka.topics"
    }
  }
}

/// What a record is told apart by: SHA-256 over timestamp, key and value (each behind its length), first 16 bytes.
package struct RecordFingerprint: Hashable, Sendable {
  package var offset: Int64
  package var digest: Digest128
  package init(offset: Int64, digest: Digest128) { (self.offset, self.digest) = (offset, digest) }
}

/// The input topics, `read_committed`, partitions assigned by hand; no call waits for a broker. One thread uses it, but for `wake`.
package protocol Source: AnyObject {
  /// Called (from any thread) when `poll` may have something.
  var wake: (@Sendable () -> Void)? { get set }
  /// Starts to deliver a partition at an offset; events carry the handle. A partition that is there already starts anew, under
  /// the new handle.
  func add(_ partition: TopicPartition, from offset: Int64, handle: Int) throws(SourceError)
  func remove(_ partition: TopicPartition) throws(SourceError)
  /// Goes on over new connections: what it was made from (certificates, addresses) may be others by now. Whatever is read when
  /// they are made fails, so that it is checked.
  func renew()
  /// Hands over what has arrived, without waiting: at most `limit` events (more where many partitions fail at once), and no
  /// further record once there were so many bytes of values, keys and headers.
  func poll(limit: Int, bytes: Int, _ body: (SourceEvent) -> Void) throws(SourceError) -> Polled
  /// The high watermark as the last fetch reported it, without asking; nil if unknown.
  func cachedEnd(_ partition: TopicPartition) -> Int64?
  func close()
}

extension Source {
  /// However many bytes that is; returns how many events.
  package func poll(limit: Int, _ body: (SourceEvent) -> Void) throws(SourceError) -> Int {
    try poll(limit: limit, bytes: .max, body).events
  }
}
