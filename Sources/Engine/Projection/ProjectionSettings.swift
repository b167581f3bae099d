/// How a projection's stage works.
package struct ProjectionSettings: Sendable {
  /// Memory for rows that stay behind a commit, in bytes.
  package var cacheBytes: Int
  /// Memory, in bytes, for rows that were changed or read since the last commit. The more, the fewer rows are written again and
  /// again, and read again.
  package var dirtyBytes: Int
  package init(cacheBytes: Int, dirtyBytes: Int = 16 << 20) {
    (self.cacheBytes, self.dirtyBytes) = (cacheBytes, dirtyBytes)
  }
  /// Where a batch, or the stored form of partial rows, has brought rows up to so many bytes, the rest waits until some are written and
  /// dropped; a write in the background is waited for.
  package var fullBytes: Int { (cacheBytes + dirtyBytes) / 8 * 9 }

  /// An event is flushed so long after it was folded, when nothing more comes.
  static let flushNanoseconds: Int64 = 5_000_000
  /// …or so long after it, while more comes.
  static let liveFlushNanoseconds: Int64 = 50_000_000
  /// …or so long, where there is much to catch up with.
  package static let loadedFlushNanoseconds: Int64 = 10_000_000_000
  /// Where there is much to catch up with, so many changed rows of a table are written ahead of the flush, if a row does not change
  /// so often meanwhile.
  static let writeAheadRows = 24_576
  static let writeAheadChanges = 2.0
  /// Of one table's changed rows so many are written in the background at once.
  static let writtenAtOnce = 49_152
  /// So many bytes of changed rows, about, are handed to the background at once, and of a table at least so many rows.
  static let pieceBytes = 8 << 20
  static let leastPieceRows = 64
  /// Where rows take this part of their memory, cold ones are dropped behind a commit, tables of this part of it at least.
  static let coldFromPart = 2
  static let coldTablePart = 16
  /// Names are dropped with a flush alone: where they take so many times the memory for what stays, one is due.
  static let nameExcess = 2
  /// So many events are folded between two looks at it. One alone may change 2,016 pairs of technologies.
  static let eventsBetweenLooks = 64
  /// Payload bytes read from the journal at once.
  static let readBytes = 4 << 20
  /// How often the journal is asked whether another instance has appended.
  static let pollNanoseconds: Int64 = 250_000_000
  static let retryNanoseconds: Int64 = 500_000_000
  /// What only waits says so in its state when so many tries have failed one after the other.
  package static let waitsUntilShown = 20
  static let longestRetryNanoseconds: Int64 = 30_000_000_000
  /// How often it is tried whether a generation of other versions is still live.
  static let foreignNanoseconds: Int64 = 5_000_000_000
}
