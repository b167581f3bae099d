package import Events
package import Projections

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

/// Where a generation of a projection stands; writing with a lower epoch is `lost`.
package struct ProjectionCursor: Sendable {
  package var generation: Int32
  package var epoch: Int64
  package var place: ProjectionPlace
  package init(generation: Int32, epoch: Int64, place: ProjectionPlace) {
    (self.generation, self.epoch, self.place) = (generation, epoch, place)
  }
}

/// A segment as the journal holds it.
package struct StoredSegment: Sendable {
  package var firstPosition: Int64
  package var count: Int32
  package var partition: TopicPartition
  package var payload: [UInt8]
  package var identities: [UInt8]
  /// The chain value before it; nil where that is gone.
  package var previousChain: [UInt8]?
  /// The chain value after it.
  package var chain: [UInt8]
  package init(
    firstPosition: Int64, count: Int32, partition: TopicPartition, payload: [UInt8], identities: [UInt8],
    previousChain: [UInt8]?, chain: [UInt8]
  ) {
    (self.firstPosition, self.count, self.partition) = (firstPosition, count, partition)
    (self.payload, self.identities) = (payload, identities)
    (self.previousChain, self.chain) = (previousChain, chain)
  }
}

/// The changed rows of one table, as `COPY` takes them.
package struct TableChanges: Sendable {
  package var statements: TableStatements
  package var inserts: RowWriter
  package var updates: RowWriter
  package init(statements: TableStatements, inserts: RowWriter, updates: RowWriter) {
    (self.statements, self.inserts, self.updates) = (statements, inserts, updates)
  }
}

package enum ProjectionState: String, Sendable {
  case live
  case catchingUp = "catching_up"
  case failed, stopped
}

/// The rows of one generation of a projection, with what a fold reads and writes.
///
/// A transaction begins with `begin`, whose first statement moves the cursor by compare-and-swap on epoch and place and requires
/// that the journal still has the chain value of the new place, and ends with `commit`. In an open transaction `begin` moves the
/// cursor on. After any error but `.refused` of a read, its user calls `reset`, and takes the generation over again.
package protocol FoldStore: AnyObject, RowStream {
  /// Segments from the one that holds `position + 1` on, in order, up to about `bytes` of payload (at least one, if there is).
  func segments(after position: Int64, bytes: Int) throws(StoreError) -> [StoredSegment]
  /// The stored rows of these keys. Also while something is written in the background, for keys that were not written since the
  /// last commit.
  func load(_ statements: TableStatements, keys: KeyColumns, _ body: (inout RowReader) -> Void) throws(StoreError)

  func begin(_ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState) throws(StoreError)
  func write(_ changes: [TableChanges]) throws(StoreError)
  /// A version of every row changed at or after `lastTurn`, at the position of this turn, and the turn itself.
  func makeVersions(_ tables: [TableStatements], at turn: Turn, since lastTurn: Int64) throws(StoreError)
  /// Outbox entries of this position, ordinals from 0 in order.
  func appendOutbox(_ events: [DerivedEvent], at position: Int64, chain: [UInt8]) throws(StoreError)
  func commit() throws(StoreError)

  /// The same as begin (also in an open transaction), write and commit, in the background; `finishFlush` waits for its end. One at a
  /// time, and nothing but `load` and `segments` is asked of the store in between.
  func startFlush(
    _ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState, _ changes: [TableChanges])
    throws(StoreError)
  /// The same as write, in the open transaction.
  func startWrite(_ changes: [TableChanges]) throws(StoreError)
  func flushIsDone() -> Bool
  func finishFlush() throws(StoreError)
  func reset()
}

/// The live generation of a projection in the database, on connections of its own.
package protocol ProjectionStore: FoldStore {
  /// The live generation's cursor, its epoch raised, if the instance holds the lease `projection/NAME`. Makes the first
  /// generation if there is none yet. Throws `.foreign` where another version folded it.
  func takeOver(instance: InstanceID) throws(StoreError) -> ProjectionCursor
  /// Keeps why the projection does not go on, for `freshness`.
  func noteState(_ state: ProjectionState, reason: String?) throws(StoreError)
}
