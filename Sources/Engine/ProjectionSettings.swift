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

  /// An event is flushed so long after it was folded, when nothing more comes.
  static let flushNanoseconds: Int64 = 5_000_000
  /// …or so long after it, while more comes.
  static let liveFlushNanoseconds: Int64 = 50_000_000
  /// …or so long, where there is much to catch up with.
  static let loadedFlushNanoseconds: Int64 = 5_000_000_000
  /// Where there is much to catch up with, so many changed rows of a table are written ahead of the flush, if a row does not change
  /// so often meanwhile.
  static let writeAheadRows = 8_192
  static let writeAheadChanges = 2.0
  /// So many changed rows, about, are handed to the background at once; of more, the rest is waited for.
  static let flushRows = 100_000
  /// Where so many times the memory for rows is used within a batch, or by the stored form of partial rows, the rest waits until some
  /// is written and dropped.
  static let excess = 2
  /// So many events are folded between two looks at it. One alone may change 2,016 pairs of technologies.
  static let eventsBetweenLooks = 64
  /// Payload bytes read from the journal at once.
  static let readBytes = 4 << 20
  /// How often the journal is asked whether another instance has appended.
  static let pollNanoseconds: Int64 = 250_000_000
  static let retryNanoseconds: Int64 = 500_000_000
  static let longestRetryNanoseconds: Int64 = 30_000_000_000
  /// How often it is tried whether a generation of other versions is still live.
  static let foreignNanoseconds: Int64 = 5_000_000_000
}
