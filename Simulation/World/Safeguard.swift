/// What the database's functions and the broker protect against, so that a mutation can take it out in the simulated ones.
package enum Safeguard: String, CaseIterable, Sendable {
  /// `pleat.append` compares epochs, and places.
  case appendEpoch, appendPlace
  /// `pleat.append` locks the journal's head.
  case headLock
  /// `pleat.note_partition` compares epochs.
  case noteEpoch
  /// `pleat.move_projection` compares epochs, places, and requires the new place's chain value.
  case projectionEpoch, projectionPlace, chainValue
  /// …and lets no generation in the making pass the live one.
  case makingStaysBehind
  /// `pleat.move_relay` compares epochs, and requires the places' chain values.
  case relayEpoch, relayPlaceChain
  /// A takeover waits for a commit that is still on its way.
  case takeoverWaits
  case takeoverRaisesEpoch
  /// A takeover requires the lease.
  case leaseIsChecked
  /// `pleat.register_instance` gives out starts that are at least the clock.
  case startsFollowTheClock
  /// …and only to who knows the last one.
  case registrationCompares
  /// Outbox entries are written in the transaction that moves the cursor.
  case outboxInTransaction
  /// Cursor records are in the transaction of the events.
  case cursorInTransaction
  /// The end of a log is asked from a `read_uncommitted` client.
  case uncommittedEnd
  /// `auto.offset.reset=error`
  case gapIsError
  /// A later producer of the same transactional id fences an earlier one.
  case fencing

  /// What takes the live generation over requires that it still is the live one, once it has waited for its row.
  case livePhase
  /// An instance folds generations of its own versions, and no other.
  case ownVersion
  /// A lower version never takes the place of a higher one.
  case versionsOnlyGrow
  /// `pleat.begin_rebuild` raises the epoch.
  case rebuildRaisesEpoch
  /// `pleat.seize_projection` and `pleat.swap_generation` require the lease of the rebuild.
  case rebuildLease
  /// `pleat.swap_generation` compares both epochs, and both places.
  case swapLiveEpoch, swapOwnEpoch, swapPlace

  /// `pleat.begin_erasure` raises every partition's epoch.
  case erasureRaisesEpochs
  /// …and keeps the ids of requests that extend an erasure.
  case extensionIsKnown
  /// `pleat.skip` takes the ends of erasures into the next incarnation.
  case skipErasesAgain
  /// `pleat.rewrite_segments` compares what it replaces.
  case rewriteCompares
  /// `pleat.append_erasure` requires that the journal is searched, that every end is reached, and that all that is rewritten is listed.
  case erasureIsSearched, erasureReachesEnds, erasureListsAll
  /// `pleat.begin_retry` raises the partition's epoch.
  case retryRaisesEpoch
  /// `pleat.finish_retry` waits for erasures that have not looked at the letter, and deletes it with what it journals.
  case retryWaitsForErasure, retryDeletesLetter
}
