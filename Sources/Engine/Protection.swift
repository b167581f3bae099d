/// What the stages protect their promises with, so that the simulator can show for each that its loss would be noticed: a build
/// with `MUTATIONS` can take one out. In every other build `holds` is a constant.
package enum Protection: String, CaseIterable, Sendable {
  /// The duplicates window is primed from the journal.
  case windowIsPrimed
  /// After doubt ingest drops what it has in memory.
  case doubtDropsMemory
  /// After doubt the tail in memory is dropped, too.
  case doubtClearsTail
  /// …and where a projection is taken over.
  case takeoverClearsTail
  /// The topic is checked to be the one that was read.
  case fingerprints
  /// …and, before anything of it is read, to be as long as at the first start.
  case firstEndIsCompared
  /// What is folded continues, by its chain values, what was folded before.
  case batchesAreChained
  /// After a failure the projection in memory is thrown away.
  case failureDropsProjection
  /// Rows that were dropped in an open transaction are read over its own connection.
  case droppedRowsAreWaitedFor
  /// The relay fences its predecessor before it reads how far that came.
  case fencingBeforeReading
  /// After doubt the relay starts over from what the cursor topic says.
  case relayStartsOver
  /// Where the database went back, the ids on the output topics are read back.
  case readingBack
  /// Every start reads back until the database has passed what was found.
  case checkedUntil
  /// Where that was passed is kept, so that a database that goes back to before it once more is noticed.
  case passedIsKept
  /// What was asked back is released also where nothing of it was read.
  case askedBackIsReleased
  /// A check compares the partition's row with what is in memory.
  case cursorIsCompared
  /// What `initialize` stores is stored again in a database that went back to before it.
  case initializesAgain
  /// The journal's chain value tells the relay that the database went back.
  case relayChecksChain
  /// A cursor before PostgreSQL's copy tells it, too, where the journal has all of that.
  case cursorAheadIsNoticed

  /// What a rebuild derives goes nowhere.
  case rebuildIsSilent
  /// A rebuild does not pass the live fold.
  case rebuildStaysBehind
  /// Before a partition is read, erasures that the database has forgotten are looked for in the cursor topic.
  case erasuresAreLookedFor
  /// …and the journal is erased again.
  case erasedBeforeReading
  /// An erasure that began during a takeover is noticed.
  case erasureOvertakes
  /// What is read of an erased person is erased before it is journaled.
  case arrivalsAreErased
  /// …and that it was met is noted before, where a skip has begun the erasure again.
  case meetingIsNoted

  #if MUTATIONS
    /// Set before the first stage is made, and never after.
    nonisolated(unsafe) package static var removed: Set<Protection> = [] {
      didSet { removesNothing = removed.isEmpty }
    }
    nonisolated(unsafe) fileprivate static var removesNothing = true
  #endif
}

@inline(__always)
func holds(_ protection: Protection) -> Bool {
  #if MUTATIONS
    return Protection.removesNothing || !Protection.removed.contains(protection)
  #else
    return true
  #endif
}
