import Events

/// Reads the journal in its order, some megabytes at a time.
package struct JournalWalk {
  private let store: any FoldStore
  private var batch: JournalBatch?
  private var backlog: [JournalBatch] = []

  package init(_ store: any FoldStore) { self.store = store }

  /// The batch that holds the first event behind `position`, which is where this walk has come to; nil at the journal's end. No
  /// flush may be on its way.
  package mutating func batch(after position: Int64) throws(StoreError) -> JournalBatch? {
    if let batch, batch.lastPosition > position { return batch }
    if backlog.isEmpty {
      backlog = try store.segments(after: position, bytes: ProjectionSettings.readBytes)
        .map { (segment) throws(StoreError) in try JournalBatch(segment) }
    }
    guard let next = backlog.first else {
      batch = nil
      return nil
    }
    backlog.removeFirst()
    guard next.firstPosition <= position + 1 else {
      throw .refused(
        "the journal has no event at position \(position + 1): its next segment begins at \(next.firstPosition)")
    }
    batch = next
    return next
  }

  /// Whether `batch(after:)` would ask the store.
  package func mustRead(after position: Int64) -> Bool {
    backlog.isEmpty && (batch.map { $0.lastPosition <= position } ?? true)
  }
}
