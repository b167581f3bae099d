import Events

/// Reads the journal in its order, some megabytes at a time.
package struct JournalWalk: JournalBatches {
  private let store: any FoldStore
  private var batch: JournalBatch?
  /// Read and not unpacked yet, in order.
  private var backlog: ArraySlice<StoredSegment> = []

  package init(_ store: any FoldStore) { self.store = store }

  /// The batch that holds the first event behind `position`, which is where this walk has come to; nil at the journal's end.
  package mutating func batch(after position: Int64) throws(StoreError) -> JournalBatch? {
    if let batch, batch.lastPosition > position { return batch }
    if backlog.isEmpty { backlog = try store.segments(after: position, bytes: ProjectionSettings.readBytes)[...] }
    batch = nil
    guard let next = try backlog.popFirst().map({ (segment) throws(StoreError) in try JournalBatch(segment) }) else {
      return nil
    }
    guard next.follows(position) else { throw next.doesNotFollow(position) }
    batch = next
    return next
  }
}
