package import Engine

/// Reads the journal in its order, and ahead of whoever asks: while some megabytes are folded, a thread reads and unpacks the next ones.
package final class JournalReadAhead: JournalBatches {
  /// Of payload, read at once. Unpacked they take several times that; there are two of them.
  private static let readBytes = 2 << 20

  private let source: PostgresProjectionStore
  private let worker = BackgroundWorker()
  private var batches: ArraySlice<JournalBatch> = []
  /// What the thread has read; its own from `start` until it is waited for.
  private var ahead: Result<[JournalBatch], StoreError> = .success([])
  private var isReading = false

  /// Nobody else uses `source` while this is there.
  package init(_ source: PostgresProjectionStore) { self.source = source }

  package func batch(after position: Int64) throws(StoreError) -> JournalBatch? {
    while let first = batches.first, first.lastPosition <= position { batches.removeFirst() }
    if batches.isEmpty { batches = try next(after: position)[...] }
    guard let batch = batches.first else { return nil }
    guard batch.follows(position) else { throw batch.doesNotFollow(position) }
    return batch
  }

  private func next(after position: Int64) throws(StoreError) -> [JournalBatch] {
    var read: [JournalBatch] = []
    if isReading {
      worker.wait()
      isReading = false
      read = try ahead.get()
    }
    // Where the journal ended a moment ago, there may be more by now.
    if read.isEmpty { read = try Self.read(source, after: position) }
    if let last = read.last?.lastPosition {
      isReading = true
      worker.start { [self] in
        do throws(StoreError) {
          ahead = .success(try Self.read(source, after: last))
        } catch {
          ahead = .failure(error)
        }
      }
    }
    return read
  }

  private static func read(_ source: PostgresProjectionStore, after position: Int64) throws(StoreError)
    -> [JournalBatch]
  {
    try source.segments(after: position, bytes: readBytes).map { (segment) throws(StoreError) in
      try JournalBatch(segment)
    }
  }
}
