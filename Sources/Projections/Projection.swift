package import Events

/// A fold over the journal: `(state, event, position) → changes`, with no clock, no I/O and no randomness in it.
///
/// The engine drives it, always in this order, from one thread:
/// 1. `wantRows` names the rows that a range of events cannot be folded without; the engine loads them (`Table.absorb`).
/// 2. `fold` folds the range. What it touches besides need not be there: a row that is not in memory begins as a partial row,
///    onto whose stored form it is laid when the engine flushes.
/// 3. At a flush the engine loads the stored form of partial rows, then writes what changed, with the cursor, in one transaction.
/// 4. At a turn of the hour the engine writes what the rules read (at a turn of the day everything, and then versions) and runs the
///    rules, all in the transaction that moves the cursor past the event that turned.
///
/// Whatever the borders of batches and flushes, the rows come out the same. After an error the engine throws the projection
/// away and makes a new one: memory is never repaired.
package protocol Projection {
  /// As `freshness` and `rebuild` name it.
  static var name: String { get }
  /// Grows with every change of what a row holds.
  static var version: Int { get }

  /// Every table, in the order in which they are written.
  var tables: [any Table] { get }

  /// Those of `tables`, in their order, whose stored rows the rules read: of these, what the rules need
  /// (`RowLayout.rulesNeed`) is written before the rules run, while the others may
  /// wait for the next flush. Tables that must be written together (`Table.rowsOwner`) stand here together.
  var tablesOfRules: [any Table] { get }

  /// Those of `tables` whose rows `wantRows` and `fanOut` read: to all others it is only added. All of them, where a projection says
  /// nothing else.
  var tablesOfFolding: [any Table] { get }

  /// Those of its queries that whoever has the rows of a table in memory can answer.
  var pageQueries: [PageQuery] { get }

  /// Asks its tables (`RowCache.want`) for the rows that these events cannot be folded without. Called in rounds, numbered from
  /// 0, with the wanted rows loaded in between, until it returns false: nothing more is wanted.
  mutating func wantRows(for events: Range<Int>, of batch: EventBatch, round: Int) -> Bool

  /// Folds events of a batch whose first event has the position `firstPosition`.
  mutating func fold(_ events: Range<Int>, of batch: EventBatch, firstPosition: Int64)

  /// Whether this event may touch more rows than memory holds, and so is folded alone, by `fanOut`. Asked before the events that precede
  /// it in its batch are folded, and maybe again afterwards: what is not sure says yes.
  func fansOut(_ index: Int, of batch: EventBatch) -> Bool

  /// Folds one such event, a page of the rows behind it at a call: streams them from the store, where everything before it is
  /// already written, and calls `store.flush()` where memory is full. Returns whether there is more: then it is called again with
  /// the same event, in the same transaction, and nothing else is folded in between.
  mutating func fanOut(_ index: Int, of batch: EventBatch, position: Int64, store: any RowStream) throws -> Bool

  /// Runs the rules at a turn of the hour. What is to be remembered goes into the tables' rows at `turn.position`.
  mutating func runRules(at turn: Turn, store: any RowStream) throws -> [DerivedEvent]

  /// Gives memory back, if the clean rows hold more than `bytes` together. Called when nothing is dirty, and never between
  /// `wantRows` and the last fold of its events. (Inside `fanOut` the projection does it itself, behind each flush.)
  /// Returns whether rows went that were touched since the call before: they may be in a flush that is still on its way.
  @discardableResult
  mutating func evict(keeping bytes: Int) -> Bool
  /// What the names in memory take, which `evict` drops.
  var nameBytes: Int { get }
}

extension Projection {
  package var nameBytes: Int { 0 }
  package var tablesOfFolding: [any Table] { tables }
  package var pageQueries: [PageQuery] { [] }
}

/// Rounds of `wantRows` that no fold needs.
package let tooManyWantingRounds = 8
