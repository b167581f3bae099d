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
  /// `pleat.move_relay` compares epochs, and requires the places' chain values.
  case relayEpoch, relayPlaceChain
  /// A takeover waits for a commit that is still on its way.
  case takeoverWaits
  case takeoverRaisesEpoch
  /// A takeover requires the lease.
  case leaseIsChecked
  /// `pleat.register_instance` gives out starts that are at least the clock.
  case startsFollowTheClock
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
}
