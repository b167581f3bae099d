/// Folds the journal as far as it is asked to, for whoever looks at what comes out: no lease, no tail.
package final class JournalFold {
  private let run: FoldRun
  private let now: () -> Instant
  private var journal: any JournalBatches

  /// `now` bounds how long a transaction stays open, and nothing else.
  package init(_ run: FoldRun, _ journal: any JournalBatches, now: @escaping () -> Instant) {
    (self.run, self.journal, self.now) = (run, journal, now)
  }

  /// Everything up to it is folded and written.
  package var position: Int64 { run.cursor.place.position }

  /// Folds up to and with the position, and writes it all; `onStep` is told from time to time how far it is.
  package func fold(through position: Int64, _ onStep: (Int64) throws -> Void) throws {
    while run.place.position < position {
      guard let batch = try journal.batch(after: run.place.position) else {
        throw StoreError.refused("the journal ends at position \(run.place.position), and not at \(position)")
      }
      let moment = now()
      try run.fold(batch, through: position, moment)
      try run.flushUnderLoad(moment)
      try onStep(run.place.position)
    }
    try run.flush()
  }
}
