package import Projections

/// The changed rows of one table, as `COPY` takes them.
package struct TableChanges: Sendable {
  package var statements: TableStatements
  package var inserts: RowWriter
  package var updates: RowWriter
  package init(statements: TableStatements, inserts: RowWriter, updates: RowWriter) {
    (self.statements, self.inserts, self.updates) = (statements, inserts, updates)
  }
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

  /// Moves the cursor to `place`; `.lost` where it is of another epoch or place, or the journal has not the chain value there.
  func begin(_ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState) throws(StoreError)
  /// Puts the changed rows into the open transaction.
  func write(_ changes: [TableChanges]) throws(StoreError)
  /// A version of every row changed at or after `lastTurn`, at the position of this turn, and the turn itself.
  func makeVersions(_ tables: [TableStatements], at turn: Turn, since lastTurn: Int64) throws(StoreError)
  /// Outbox entries of this position, ordinals from 0 in order.
  func appendOutbox(_ events: [DerivedEvent], at position: Int64, chain: [UInt8]) throws(StoreError)
  /// Ends the transaction. Where it throws, it may have happened.
  func commit() throws(StoreError)

  /// The same as begin (also in an open transaction), write and commit, in the background; `finishFlush` waits for its end. One at a
  /// time, and nothing but `load` and `segments` is asked of the store in between.
  func startFlush(
    _ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState, _ changes: [TableChanges])
    throws(StoreError)
  /// The same as write, in the open transaction.
  func startWrite(_ changes: [TableChanges]) throws(StoreError)
  /// Whether `finishFlush` would not wait.
  func flushIsDone() -> Bool
  /// Waits for what was started last; throws what it threw.
  func finishFlush() throws(StoreError)
  /// Drops the connections, and with them an open transaction; the next call makes new ones.
  func reset()
}
