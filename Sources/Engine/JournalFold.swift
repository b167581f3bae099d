import Events

/// Folds the journal as far as it is asked to, for whoever looks at what comes out: no lease, no tail, no time.
package final class JournalFold {
  private let run: FoldRun
  private var walk: JournalWalk

  package init(_ run: FoldRun, _ store: any FoldStore) {
    self.run = run
    walk = JournalWalk(store)
  }

  /// Everything up to it is folded and written.
  package var position: Int64 { run.cursor.place.position }

  /// Folds up to and with the position, and writes it all; `onStep` is told from time to time how far it is.
  package func fold(through position: Int64, _ onStep: (Int64) throws -> Void) throws {
    // Flushes are due by what is dirty, never by a clock: there is none here.
    let now = Instant(monotonicNanoseconds: 0, wall: Timestamp(microseconds: 0))
    while run.place.position < position {
      if walk.mustRead(after: run.place.position) { try run.finishFlush() }
      guard let batch = try walk.batch(after: run.place.position) else {
        throw StoreError.refused("the journal ends at position \(run.place.position), and not at \(position)")
      }
      try run.fold(batch, through: position, now)
      try run.flushUnderLoad(now)
      try onStep(run.place.position)
    }
    try run.flush()
  }
}
