package import Events

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

/// A record as it lies in the client's memory: valid until the next `SourceEvent.released`.
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
