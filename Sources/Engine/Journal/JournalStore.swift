package import Events

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
