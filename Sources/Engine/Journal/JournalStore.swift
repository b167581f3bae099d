package import Events

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
    reason: String?,
    clusterID: String?, journaled: RecordFingerprint?, checked: RecordFingerprint?, badRecords: [UInt8],
    firstEnd: Int64? = nil
  ) {
    (self.partition, self.epoch, self.incarnation, self.nextOffset) = (partition, epoch, incarnation, nextOffset)
    (self.state, self.reason, self.clusterID) = (state, reason, clusterID)
    (self.journaled, self.checked, self.badRecords) = (journaled, checked, badRecords)
    self.firstEnd = firstEnd
  }
}

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
    leastTime: Timestamp,
    greatestTime: Timestamp, payload: [UInt8], payloadDigest: [UInt8], identities: [UInt8], identitiesDigest: [UInt8]
  ) {
    (self.partition, self.incarnation, self.count) = (partition, incarnation, count)
    (self.firstOffset, self.nextOffset) = (firstOffset, nextOffset)
    (self.leastTime, self.greatestTime) = (leastTime, greatestTime)
    (self.payload, self.payloadDigest) = (payload, payloadDigest)
    (self.identities, self.identitiesDigest) = (identities, identitiesDigest)
  }
}

/// A record that was refused, as it came; milliseconds since the epoch, −1 where the broker has none.
package struct DeadLetter: Sendable {
  package var partition: TopicPartition
  package var incarnation: Int32
  package var offset: Int64
  package var refusal: Refusal
  package var key: [UInt8]?
  package var value: [UInt8]?
  package var headers: [(name: [UInt8], value: [UInt8]?)]
  package var timestampMilliseconds: Int64

  package init(
    partition: TopicPartition, incarnation: Int32, offset: Int64, refusal: Refusal, key: [UInt8]?, value: [UInt8]?,
    headers: [(name: [UInt8], value: [UInt8]?)], timestampMilliseconds: Int64
  ) {
    (self.partition, self.incarnation, self.offset, self.refusal) = (partition, incarnation, offset, refusal)
    (self.key, self.value, self.headers, self.timestampMilliseconds) = (key, value, headers, timestampMilliseconds)
  }

  /// Of key, value and headers.
  var byteCount: Int {
    (key?.count ?? 0) + (value?.count ?? 0) + headers.reduce(0) { $0 + $1.name.count + ($1.value?.count ?? 0) }
  }
}

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
    deadLetters: Int64,
    state: PartitionState, reason: String?, journaled: RecordFingerprint?, badRecords: [UInt8]
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

/// Ingest's side of the journal, on a connection of its own.
package protocol JournalStore: AnyObject {
  /// The key of people's hashes and of identities' digests.
  func hashKey() throws(StoreError) -> HashKey
  /// Whether `initialize` has been called for the installation.
  func isInitialized() throws(StoreError) -> Bool
  /// Stores, once for the installation, what `relay.publish` says and where the topics ended then; later calls change nothing.
  func initialize(publishAll: Bool, ends: [(TopicPartition, Int64)]) throws(StoreError)
  /// The cursor of a partition, if it has one yet.
  func cursor(_ partition: TopicPartition) throws(StoreError) -> PartitionCursor?
  /// Makes the cursor at `offset` (if there is none), raises its epoch if the instance holds the partition's lease, and returns
  /// it. Waits for a commit still on its way, and ends the backends that block it for longer than a second.
  func takeOver(_ partition: TopicPartition, instance: InstanceID, firstOffset: Int64, clusterID: String)
    throws(StoreError) -> PartitionCursor
  /// The identities columns of the segments of a partition's incarnation that reach past `offset`, oldest first.
  func identities(_ partition: TopicPartition, incarnation: Int32, from offset: Int64) throws(StoreError) -> [[UInt8]]
  /// Begins a flush; its end is `finishAppend`'s. One at a time. `flush` encodes what was read: it is called once, on whatever
  /// thread, while the caller goes on.
  func startAppend(_ flush: @escaping () -> JournalFlush) throws(StoreError)
  /// Whether `finishAppend` would not wait.
  func appendIsDone() -> Bool
  /// Waits for the flush: where each of its segments stands.
  func finishAppend() throws(StoreError) -> [AppendedSegment]
  /// Notes an alarm or the result of a check in the cursor's row, by compare-and-swap on the epoch.
  func note(
    _ partition: TopicPartition, epoch: Int64, state: PartitionState, reason: String?, clusterID: String?,
    checked: RecordFingerprint?
  ) throws(StoreError)
  /// Notes where a partition ends, of which nothing is read meanwhile, by compare-and-swap on the epoch.
  func note(end: Int64, of partition: TopicPartition, epoch: Int64) throws(StoreError)
  /// Drops the connection; the next call makes a new one.
  func reset()
}
