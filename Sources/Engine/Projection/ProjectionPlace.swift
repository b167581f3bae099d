package import Events

/// Where a projection stands in the journal, with what its fold must know of everything before.
package struct ProjectionPlace: Sendable {
  /// The last event folded; 0 for none.
  package var position: Int64
  /// The chain value of the segment that holds `position`; empty at 0.
  package var chain: [UInt8]
  /// Greatest event time folded; nil before the first event.
  package var greatestTime: Timestamp?
  /// Position of the last turn of the day; 0 before the first.
  package var lastDayTurn: Int64
  package init(position: Int64, chain: [UInt8], greatestTime: Timestamp?, lastDayTurn: Int64) {
    (self.position, self.chain, self.greatestTime, self.lastDayTurn) = (position, chain, greatestTime, lastDayTurn)
  }

  /// nil before the first event.
  package var watermark: Timestamp? { greatestTime.map(TurnFinder.watermark) }
}
