import Events
package import Projections

/// A projection at a place in the journal: folds batches into its rows, and has the store write them.
///
/// Its drivers (the live stage, a rebuild, `verify`) decide what is folded, how far, and when it is written. A flush is on its way
/// while the next events are folded. A turn of the hour, and an event that fans out, have a transaction of their own, in which
/// everything before is written first. After any error a run is of no use any more: its driver makes another from the cursor.
package final class FoldRun {
  package let store: any FoldStore
  private var projection: any Projection
  private let settings: ProjectionSettings
  /// Whether derived events go into the outbox; the rules run, and remember, in any case.
  private let publishes: Bool

  /// What is written.
  package private(set) var cursor: ProjectionCursor
  /// What is folded in memory, written or not.
  package private(set) var place: ProjectionPlace
  /// What a flush says of the projection, for `freshness`.
  package var state = ProjectionState.catchingUp
  private var finder: TurnFinder

  private var batch: JournalBatch?
  /// The first event of `batch`, from the one last asked about on, that fans out; its count if none does.
  private var nextFanOut = -1
  private var inFlight: ProjectionPlace?
  /// Since when something is folded that no flush has begun to write, in monotonic nanoseconds.
  package private(set) var dirtySince: Int64?
  package private(set) var foldedEvents: Int64 = 0

  /// `projection` has nothing in memory yet.
  package init(
    _ projection: any Projection, at cursor: ProjectionCursor, in store: any FoldStore,
    settings: ProjectionSettings, publishes: Bool
  ) {
    (self.projection, self.cursor, self.store) = (projection, cursor, store)
    (self.settings, self.publishes) = (settings, publishes)
    place = cursor.place
    finder = TurnFinder(greatestTime: cursor.place.greatestTime)
    if cursor.place.position == 0 { for table in projection.tables { table.assumeEmpty() } }
  }

  // MARK: Folding

  /// Folds the batch, which holds the event behind `place`, to its end or to the position `last`, or up to and with the next
  /// event that has a transaction of its own: a step stays short. Returns how many derived events were committed.
  @discardableResult
  package func fold(_ batch: JournalBatch, through last: Int64 = .max, _ now: Instant) throws -> Int {
    if self.batch !== batch {
      self.batch = batch
      nextFanOut = -1
    }
    let events = batch.events
    let index = Int(place.position + 1 - batch.firstPosition)
    let end = Int(min(last, batch.lastPosition) + 1 - batch.firstPosition)
    precondition(index >= 0 && index < end, "a batch that does not hold the next event")
    let special = nextSpecial(events, in: index..<end)
    if special.index > index {
      if dirtySince == nil { dirtySince = now.monotonicNanoseconds }
      try foldRange(index..<special.index, of: batch)
    }
    guard special.index < end else { return 0 }
    if special.turns { return try turn(at: special.index, of: batch) }
    try foldFanOut(special.index, of: batch)
    return 0
  }

  /// The next event that turns the hour or fans out, or the end. An event that does both turns first, and is folded in the turn.
  private func nextSpecial(_ events: EventBatch, in range: Range<Int>) -> (index: Int, turns: Bool) {
    if nextFanOut < range.lowerBound { nextFanOut = firstFanOut(events, from: range.lowerBound) }
    let end = min(nextFanOut + 1, range.upperBound)
    let turn = finder.advance(through: events.events, in: range.lowerBound..<end)
    return turn < end ? (turn, true) : (min(nextFanOut, range.upperBound), false)
  }

  private func firstFanOut(_ events: EventBatch, from start: Int) -> Int {
    var index = start
    while index < events.count, !projection.fansOut(index, of: events) { index += 1 }
    return index
  }

  private func foldRange(_ range: Range<Int>, of batch: JournalBatch) throws {
    try loadWanted(range, of: batch)
    projection.fold(range, of: batch.events, firstPosition: batch.firstPosition)
    place = target(batch.firstPosition + Int64(range.upperBound) - 1, of: batch)
    foldedEvents += Int64(range.count)
  }

  private func target(_ position: Int64, of batch: JournalBatch) -> ProjectionPlace {
    ProjectionPlace(
      position: position, chain: batch.chain, greatestTime: finder.greatestTime, lastDayTurn: place.lastDayTurn)
  }

  private func loadWanted(_ range: Range<Int>, of batch: JournalBatch) throws {
    var round = 0
    while projection.wantRows(for: range, of: batch.events, round: round) {
      for table in projection.tables {
        while let keys = table.takeWantedKeys() {
          try store.load(table, keys)
        }
      }
      round += 1
      precondition(round < 8, "a projection asks for rows without end")
    }
  }

  // MARK: Flushing

  /// Begins a flush where so much is dirty, or for so long, that it is time even though there is more to fold.
  package func flushUnderLoad(_ now: Instant) throws {
    guard let dirtySince, inFlight == nil else {
      // A flush is on its way: the next waits for it, unless too much is dirty.
      if inFlight != nil, dirtyRows() >= 2 * ProjectionSettings.dirtyRows { try finishFlush() }
      return
    }
    if now.monotonicNanoseconds >= dirtySince + ProjectionSettings.loadedFlushNanoseconds
      || dirtyRows() >= ProjectionSettings.dirtyRows || dirtyBytes() >= ProjectionSettings.dirtyBytes
    {
      try startFlush()
    }
  }

  private func dirtyRows() -> Int { projection.tables.reduce(0) { $0 + $1.dirtyCount } }
  private func dirtyBytes() -> Int { projection.tables.reduce(0) { $0 + $1.byteCount } }

  /// The changed rows of every table, with those loaded that are only partly known. No flush is on its way.
  private func takeChanges() throws(StoreError) -> [TableChanges] {
    try store.takeChanges(of: projection.tables, generation: cursor.generation)
  }

  private func startFlush() throws {
    try finishFlush()
    let changes = try takeChanges()
    try store.startFlush(cursor, to: place, state: state, changes)
    inFlight = place
    dirtySince = nil
    // A row that is in the flush and not in memory would be loaded as it was before.
    if projection.evict(keeping: settings.cacheBytes) { try finishFlush() }
  }

  /// Whether a flush is on its way, its end not yet taken notice of.
  package var isFlushing: Bool { inFlight != nil }

  /// Takes notice of a flush that is done, and waits for none.
  package func finishFlushIfDone() throws(StoreError) {
    if inFlight != nil, store.flushIsDone() { try finishFlush() }
  }

  package func finishFlush() throws(StoreError) {
    guard let reached = inFlight else { return }
    inFlight = nil
    try store.finishFlush()
    cursor.place = reached
  }

  /// Writes everything that is folded, and waits for it: `cursor.place` is `place` then.
  package func flush() throws {
    if dirtySince != nil { try startFlush() }
    try finishFlush()
  }

  // MARK: Transactions of their own

  /// The hour turns at this event: everything before is written, then versions if the day turned, then what the rules say, then
  /// the event itself.
  private func turn(at index: Int, of batch: JournalBatch) throws -> Int {
    try finishFlush()
    let position = batch.firstPosition + Int64(index)
    let turn = finder.turn(with: batch.events.events[index], at: position)
    let before = try takeChanges()
    var target = target(position, of: batch)
    if turn.dayTurned { target.lastDayTurn = position }
    try store.begin(cursor, to: target, state: state)
    try store.write(before)
    if turn.dayTurned {
      try store.makeVersions(projection.tables.map(\.statements), at: turn, since: place.lastDayTurn)
    }
    let rows = flushingRows()
    let derived = try projection.runRules(at: turn, store: rows)
    if publishes, !derived.isEmpty { try store.appendOutbox(derived, at: position, chain: batch.chain) }
    try store.write(takeChanges())
    if projection.fansOut(index, of: batch.events) {
      try projection.fanOut(index, of: batch.events, position: position, store: rows)
    } else {
      try loadWanted(index..<index + 1, of: batch)
      projection.fold(index..<index + 1, of: batch.events, firstPosition: batch.firstPosition)
    }
    try store.write(takeChanges())
    try store.commit()
    committed(target)
    return publishes ? derived.count : 0
  }

  private func foldFanOut(_ index: Int, of batch: JournalBatch) throws {
    try finishFlush()
    let position = batch.firstPosition + Int64(index)
    let before = try takeChanges()
    let target = target(position, of: batch)
    try store.begin(cursor, to: target, state: state)
    try store.write(before)
    let rows = flushingRows()
    try projection.fanOut(index, of: batch.events, position: position, store: rows)
    try store.write(takeChanges())
    try store.commit()
    committed(target)
  }

  private func committed(_ target: ProjectionPlace) {
    place = target
    cursor.place = target
    dirtySince = nil
    foldedEvents += 1
    projection.evict(keeping: settings.cacheBytes)
  }

  /// Made before the projection is asked to do something with it: meanwhile nobody else may look at the projection.
  private func flushingRows() -> FlushingRows {
    FlushingRows(store: store, tables: projection.tables, generation: cursor.generation)
  }
}

/// The stored rows inside a turn's or a fan-out's transaction; a flush writes what the projection has changed so far.
private struct FlushingRows: RowStream {
  let store: any FoldStore
  let tables: [any Table]
  let generation: Int32

  func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    try store.rows(sql, parameters, body)
  }
  func flush() throws { try store.write(store.takeChanges(of: tables, generation: generation)) }
}

extension FoldStore {
  fileprivate func load(_ table: any Table, _ keys: KeyColumns) throws(StoreError) {
    try load(table.statements, keys: keys) { table.absorb(&$0) }
    table.settle()
  }

  fileprivate func takeChanges(of tables: [any Table], generation: Int32) throws(StoreError) -> [TableChanges] {
    var changes: [TableChanges] = []
    for table in tables where table.dirtyCount > 0 {
      while let keys = table.takePartialKeys() { try load(table, keys) }
      var change = TableChanges(statements: table.statements, inserts: RowWriter(), updates: RowWriter())
      table.writeChanges(generation: generation, inserts: &change.inserts, updates: &change.updates)
      table.markClean()
      changes.append(change)
    }
    return changes
  }
}
