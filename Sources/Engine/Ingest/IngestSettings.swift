/// What ingest is told by the configuration.
package struct IngestSettings: Sendable {
  package var flushNanoseconds: Int64
  package var flushEvents: Int
  /// `relay.publish: all`.
  package var publishAll: Bool

  package init(flushMilliseconds: Int, flushEvents: Int, publishAll: Bool) {
    self.flushNanoseconds = Int64(flushMilliseconds) * 1_000_000
    self.flushEvents = flushEvents
    self.publishAll = publishAll
  }

  /// While a flush is on its way, at most so many flushes' worth of events wait for the next.
  static let pendingFlushes = 2
  /// Dead letters and events that wait for a flush hold so many bytes at most, and one record more.
  static let pendingBytes = 16 << 20
  /// A dead letter keeps of key and value the first so many bytes each, and headers only where they are no more: what compression
  /// makes small may be of any size.
  static let keptBytes = 16 << 20
  /// What a dead letter takes besides.
  static let letterBytes = 256
  /// Events asked of the source at once.
  static let pollLimit = 2_000
  /// Failures at one place, one after the other, until the partition's row says so.
  static let failuresUntilShown = 5
  /// A source that stalls is made anew, and not again for so long.
  static let renewalNanoseconds: Int64 = 600_000_000_000
  /// How often a partition's fingerprints are checked.
  static let checkNanoseconds: Int64 = 60_000_000_000
  /// What was heard of the cursor topic longer ago says nothing about a takeover.
  static let answerNanoseconds: Int64 = 5_000_000_000
  /// How often it is looked whether the probe has found other partitions.
  static let discoverNanoseconds: Int64 = 1_000_000_000
  /// How often an alarmed or paused partition's row is looked at for `skip` and `resume`.
  static let decisionNanoseconds: Int64 = 1_000_000_000
  /// Without anything to do it looks again after so long.
  static let idleNanoseconds: Int64 = 250_000_000
  static let retryNanoseconds: Int64 = 500_000_000
  static let greatestRetryNanoseconds: Int64 = 8_000_000_000
  /// Where a poll brings fewer events than these, the next ones are left where they are until the flush is due, or so long at most:
  /// waking up for every record costs more than the record.
  static let fewEvents = 64
  static let restNanoseconds: Int64 = 20_000_000
  /// Where nothing is on its way for so long, nothing follows, though there was more to read: a partition was given up, stands still,
  /// or has an open transaction.
  static let quietNanoseconds: Int64 = 1_000_000_000
  /// How often leases are told that there is progress.
  static let progressNanoseconds: Int64 = 100_000_000
}
