import Events
package import Projections

/// A projection at a place in the journal: folds batches into its rows, and has the store write them.
///
/// Its drivers (the live stage, a rebuild, `verify`) decide what is folded, how far, and when it is written. Rows are written in the
/// background while the next events are folded.
///
/// Where there is much to fold a transaction stays open for seconds, so that a row that changes again and again is written once.
/// Tables whose rows come and stay as they are go into it meanwhile, one after the other, and where memory is full their rows are
/// dropped; at a turn of the hour, what the rules read is written, and then the rules run; what is left when a flush is due, which
/// then commits. At a turn of the day, before an event that fans out, and where a live projection has something to say, everything is
/// written.
/// After any error a run is of no use any more: its driver makes another from the cursor.
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
  /// What the last commit, or `noteState` of its driver, said; nil before the first.
  package var saidState: ProjectionState?
  private var finder: TurnFinder

  private var batch: JournalBatch?
  /// The first event of `batch`, from the one last asked about on, that fans out; its count if none does.
  private var nextFanOut = -1
  /// The event that fans out and of which there is more to fold, in the open transaction; it is of `batch`.
  private var fanOut: (index: Int, target: ProjectionPlace)?
  private enum Job {
    /// Of some tables, in the open transaction.
    case write
    /// Of everything up to here, with its commit.
    case flush(ProjectionPlace)
  }
  /// What the store does in the background, its end not yet taken notice of.
  private var job: Job?
  /// Rows were dropped that the open transaction has written, or the flush that is on its way: until it is committed only its own
  /// connection reads them.
  private var hasShed = false
  /// A flush was committed since it was last looked whether cold rows are to be dropped.
  private var mayDropCold = false
  /// Where the open transaction has moved the cursor; nil while none is open.
  private var opened: ProjectionPlace?
  /// Derived events in the open transaction, and in the flush that is on its way.
  private var derivedInOpen: Int64 = 0
  private var derivedInFlight: Int64 = 0
  /// Since when something is folded that no flush has begun to write, in monotonic nanoseconds.
  package private(set) var dirtySince: Int64?
  /// Derived events committed to the outbox.
  package private(set) var publishedEvents: Int64 = 0

  /// `projection` has nothing in memory yet.
  package init(
    _ projection: any Projection, at cursor: ProjectionCursor, in store: any FoldStore,
    settings: ProjectionSettings, publishes: Bool
  ) {
    (self.projection, self.cursor, self.store) = (projection, cursor, store)
    (self.settings, self.publishes) = (settings, publishes)
    place = cursor.place
    // Of a run that is given up, on the same thread.
    _ = FoldFault.take()
    finder = TurnFinder(greatestTime: cursor.place.greatestTime)
    if cursor.place.position == 0 { for table in projection.tables { table.assumeEmpty() } }
  }

  // MARK: Folding

  /// Folds the batch, which holds the event behind `place`, to its end or to the position `last`, or up to and with the next
  /// event that turns the hour, or to a page of one that fans out: a step stays short.
  package func fold(_ batch: JournalBatch, through last: Int64 = .max, _ now: Instant) throws {
    if let fanOut { return try foldPage(fanOut.index, of: self.batch ?? batch, to: fanOut.target) }
    if self.batch !== batch {
      self.batch = batch
      nextFanOut = -1
    }
    let events = batch.events
    let index = Int(place.position + 1 - batch.firstPosition)
    let end = Int(min(last, batch.lastPosition) + 1 - batch.firstPosition)
    guard index >= 0, index < end else { throw batch.doesNotFollow(place.position) }
    guard batch.continues(place) || !holds(.batchesAreChained) else {
      throw StoreError.lost(
        "what stands in memory behind position \(place.position) is not what the journal holds there")
    }
    let before = finder
    let special = nextSpecial(events, in: index..<end)
    if dirtySince == nil { dirtySince = now.monotonicNanoseconds }
    if special.index > index {
      let reached = try foldRange(index..<special.index, of: batch)
      if reached < special.index {
        finder = before
        _ = finder.advance(through: events.events, in: index..<reached)
      }
      place = target(batch.firstPosition + Int64(reached) - 1, of: batch)
      if reached < special.index { return }
    }
    guard special.index < end else { return }
    if special.turns {
      try turn(at: special.index, of: batch)
    } else {
      try finishFlush()
      try foldFanOut(special.index, of: batch, to: target(batch.firstPosition + Int64(special.index), of: batch))
    }
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

  /// Folds the range, or, if its events change far more rows than others, so much of it that memory is full; returns how far.
  private func foldRange(_ range: Range<Int>, of batch: JournalBatch) throws -> Int {
    try loadWanted(range, of: batch)
    let tables = projection.tables
    var reached = range.lowerBound
    repeat {
      let end = min(reached + ProjectionSettings.eventsBetweenLooks, range.upperBound)
      projection.fold(reached..<end, of: batch.events, firstPosition: batch.firstPosition)
      reached = end
    } while reached < range.upperBound
      && tables.reduce(0) { $0 + $1.heldBytes } < settings.fullBytes
    return reached
  }

  private func target(_ position: Int64, of batch: JournalBatch) -> ProjectionPlace {
    ProjectionPlace(
      position: position, chain: batch.chain, greatestTime: finder.greatestTime, lastDayTurn: place.lastDayTurn)
  }

  private func loadWanted(_ range: Range<Int>, of batch: JournalBatch) throws {
    var round = 0
    while projection.wantRows(for: range, of: batch.events, round: round) {
      if hasShed, holds(.droppedRowsAreWaitedFor), projection.tables.contains(where: \.wantsShed) {
        try finishFlush()
      }
      for table in projection.tables {
        while let keys = table.takeWantedKeys() {
          try store.load(table, keys)
        }
      }
      round += 1
      guard round < tooManyWantingRounds else { throw StoreError.refused("a projection asks for rows without end") }
    }
  }

  // MARK: Flushing

  /// Begins a flush where something has been dirty for so long that it is time even though there is more to fold. Else writes a
  /// table ahead of it: one with many rows that will hardly change again soon; or, where memory is full, that which holds most of
  /// it for such rows, and drops them. What is under way in the background is not waited for, unless too much comes together
  /// meanwhile.
  package func flushUnderLoad(_ now: Instant) throws {
    // An event that fans out writes for itself what memory does not hold, and commits what it changed at once.
    guard let dirtySince, fanOut == nil else { return }
    let bytes = projection.tables.reduce(0) { $0 + $1.heldBytes }
    let limit = settings.cacheBytes + settings.dirtyBytes
    if job != nil {
      guard bytes >= settings.fullBytes else { return }
      try finishFlush()
    }
    if now.monotonicNanoseconds >= loadedDue(dirtySince)
      || projection.nameBytes >= settings.cacheBytes * ProjectionSettings.nameExcess
    {
      return try startFlush()
    }
    if mayDropCold, bytes >= limit / ProjectionSettings.coldFromPart {
      // Rows that are written and will hardly change again give way to those that do.
      for table in projection.tables where table.isCold && table.heldBytes >= limit / ProjectionSettings.coldTablePart {
        shed(table)
      }
      mayDropCold = false
    }
    if bytes >= limit, let cold = coldestTable(where: { $0.heldBytes > 0 }) {
      try startWrite(of: cold)
      shed(cold)
    } else if state != .live, let cold = coldestTable(where: \.isWorthWritingAhead) {
      try startWrite(of: cold)
    }
  }

  private func shed(_ table: any Table) {
    table.shed()
    // What it held may be written in the open transaction alone.
    if opened != nil { hasShed = true } else { table.wasCommitted() }
  }

  /// Of these tables the one that holds the most memory for rows that do not change again and again.
  private func coldestTable(where isMeant: (any Table) -> Bool) -> (any Table)? {
    var coldest: (table: any Table, bytes: Double)?
    for table in projection.tables where isMeant(table) {
      let bytes = Double(table.heldBytes) / table.changesPerRow
      if bytes > coldest?.bytes ?? 0 { coldest = (table, bytes) }
    }
    return coldest?.table
  }

  /// Writes the changed rows of a table into the open transaction, in the background.
  private func startWrite(of table: any Table) throws {
    let written = projection.tables.with(rowsOf: table)
    guard written.contains(where: { $0.dirtyCount > 0 }) else { return }
    if opened == nil { try open(to: place) }
    // Some at a time: a turn waits for what is under way.
    if written.count == 1 { table.restrict(to: ProjectionSettings.writtenAtOnce) }
    let changes = try takeChanges(of: written)
    table.endRestriction()
    try store.startWrite(changes)
    job = .write
  }

  /// When a flush is due while there is more to fold: soon, where somebody waits for what has just happened. Where history is
  /// caught up with, rows may wait, and so may what follows from them.
  package func loadedDue(_ dirtySince: Int64) -> Int64 {
    dirtySince + (state == .live ? ProjectionSettings.liveFlushNanoseconds : ProjectionSettings.loadedFlushNanoseconds)
  }

  /// The changed rows of these tables, with those loaded that are only partly known. No flush is on its way.
  private func takeChanges(of tables: [any Table]) throws(StoreError) -> [TableChanges] {
    try makeWhole(tables)
    return try store.takeChanges(of: tables, generation: cursor.generation)
  }

  /// Loads what partial rows need; where that fills memory, rows are written and dropped.
  private func makeWhole(_ tables: [any Table]) throws(StoreError) {
    let hasDropped = try store.makeWhole(
      tables, of: projection.tables, generation: cursor.generation, limit: settings.fullBytes
    ) {
      () throws(StoreError) in if opened == nil { try open(to: place) }
    }
    if hasDropped { hasShed = true }
  }

  /// What the rules need of the changed rows.
  private func takeChangesForRules() throws(StoreError) -> [TableChanges] {
    let tables = projection.tablesOfRules
    // The rules need the others among the partial rows as they are.
    try makeWhole(tables.filter { projection.tables.with(rowsOf: $0).count > 1 })
    for table in tables { table.restrictToRules() }
    let changes = try store.takeChanges(of: tables, generation: cursor.generation)
    for table in tables { table.endRestriction() }
    return changes
  }

  /// Hands what has changed to the background, piece by piece, so that little of it is held twice, as rows and as bytes: while a
  /// piece is written, the next one is encoded. The last one commits, and is not waited for.
  package func startFlush() throws {
    try finishFlush()
    var piece: [TableChanges] = []
    var bytes = 0
    for group in tablesByChanges() {
      var hasMore = false
      repeat {
        let changes = try takePiece(of: group)
        let more = changes.reduce(0) { $0 + $1.inserts.byteCount + $1.updates.byteCount }
        // A table is in a piece once.
        if hasMore || bytes > 0 && bytes + more > ProjectionSettings.pieceBytes {
          try hand(piece)
          (piece, bytes) = ([], 0)
        }
        piece += changes
        bytes += more
        hasMore = group.contains { $0.dirtyCount > 0 }
      } while hasMore
    }
    try finishFlush()
    try store.startFlush(fencedCursor, to: place, state: state, piece)
    job = .flush(place)
    saidState = state
    opened = nil
    (derivedInFlight, derivedInOpen) = (derivedInOpen, 0)
    dirtySince = nil
    // A row that is in the flush and not in memory would be loaded as it was before.
    if projection.evict(keeping: settings.cacheBytes) { try finishFlush() }
  }

  /// Writes a piece of a flush in the background, once the one before is written.
  private func hand(_ piece: [TableChanges]) throws {
    try finishFlush()
    if opened?.position != place.position { try open(to: place) }
    try store.startWrite(piece)
    job = .write
  }

  /// Changed rows of tables that are written together: of one alone so many as fill a piece, else all.
  private func takePiece(of group: [any Table]) throws -> [TableChanges] {
    // What partial rows need is asked over the connection that the background has, and may have to be written there.
    if group.contains(where: \.hasPartial) { try finishFlush() }
    guard group.count == 1 else { return try takeChanges(of: group) }
    let table = group[0]
    // As bytes a row takes about twice as much.
    let bytesPerRow = 2 * table.heldBytes / max(table.rowCount, 1)
    table.restrict(to: max(ProjectionSettings.leastPieceRows, ProjectionSettings.pieceBytes / max(bytesPerRow, 1)))
    defer { table.endRestriction() }
    return try takeChanges(of: group)
  }

  /// Tables that must be written together, those with the fewest changes first.
  private func tablesByChanges() -> [[any Table]] {
    var groups: [[any Table]] = []
    for table in projection.tables {
      if let owner = groups.last?.first?.rowsOwner, owner == table.rowsOwner {
        groups[groups.count - 1].append(table)
      } else {
        groups.append([table])
      }
    }
    let changes = groups.map { $0.reduce(0) { $0 + $1.dirtyCount } }
    return groups.indices.sorted { (changes[$0], $0) < (changes[$1], $1) }.map { groups[$0] }
  }

  /// Whether something is written in the background, its end not yet taken notice of.
  package var isFlushing: Bool { job != nil }

  /// Takes notice of what is done in the background, and waits for nothing.
  package func finishFlushIfDone() throws(StoreError) {
    if job != nil, store.flushIsDone() { try finishFlush() }
  }

  /// Waits for what is written in the background.
  package func finishFlush() throws(StoreError) {
    guard let ended = job else { return }
    job = nil
    try store.finishFlush()
    guard case .flush(let reached) = ended else { return }
    noteCommitted()
    mayDropCold = true
    cursor.place = reached
    publishedEvents += derivedInFlight
    derivedInFlight = 0
  }

  /// Writes everything that is folded before this run is given up; of an event that fans out and is not folded to its end, and of
  /// what its transaction holds besides, nothing: it is folded again.
  package func end() throws {
    if fanOut == nil { return try flush() }
    store.reset()
  }

  /// Whether there is more to fold of an event that fans out.
  package var isFanningOut: Bool { fanOut != nil }

  /// Writes everything that is folded, and waits for it: `cursor.place` is `place` then. No event that fans out is under way.
  package func flush() throws {
    guard fanOut == nil else { throw StoreError.refused("a flush in the middle of an event that fans out") }
    if dirtySince != nil { try startFlush() }
    try finishFlush()
  }

  /// Writes what has changed in the tables of these names, into the transaction that is open from here on, and waits for it; what has
  /// changed in others stays in memory until a flush. No event that fans out is under way.
  package func write(tables names: Set<String>) throws {
    guard fanOut == nil else { throw StoreError.refused("a write in the middle of an event that fans out") }
    let changed = projection.tables.filter { $0.dirtyCount > 0 && names.contains($0.statements.name) }
    if changed.isEmpty { return }
    try finishFlush()
    if opened?.position != place.position { try open(to: place) }
    try store.write(takeChanges(of: changed))
  }

  // MARK: Turns and fan-out

  /// The cursor as the store has it, the open transaction included.
  private var fencedCursor: ProjectionCursor {
    var fenced = cursor
    if let opened { fenced.place = opened }
    return fenced
  }

  /// Opens a transaction that moves the cursor, or moves it on in the one that is open.
  private func open(to target: ProjectionPlace) throws(StoreError) {
    try store.begin(fencedCursor, to: target, state: state)
    saidState = state
    opened = target
  }

  /// The hour turns at this event: what the rules read is written (everything, and then versions, if the day turned), the rules
  /// run, then the event itself is folded. What the rules remember is written with the rest.
  private func turn(at index: Int, of batch: JournalBatch) throws {
    try finishFlush()
    let position = batch.firstPosition + Int64(index)
    let turn = finder.turn(with: batch.events.events[index], at: position)
    var target = target(position, of: batch)
    if turn.dayTurned { target.lastDayTurn = position }
    try open(to: target)
    try store.write(turn.dayTurned ? takeChanges(of: projection.tables) : takeChangesForRules())
    if turn.dayTurned {
      try store.makeVersions(projection.tables.map(\.statements), at: turn, since: place.lastDayTurn)
    }
    let derived = try projection.runRules(at: turn, store: flushingRows())
    let speaks = publishes && !derived.isEmpty
    if speaks {
      try store.appendOutbox(derived, at: position, chain: batch.chain)
      derivedInOpen += Int64(derived.count)
    }
    if projection.fansOut(index, of: batch.events) { return try foldFanOut(index, of: batch, to: target) }
    try loadWanted(index..<index + 1, of: batch)
    projection.fold(index..<index + 1, of: batch.events, firstPosition: batch.firstPosition)
    place = target
    // Versions are of this place; and somebody waits for what follows from what has just happened.
    if turn.dayTurned || speaks && state == .live { try commit() }
  }

  /// Nothing is under way in the background.
  private func foldFanOut(_ index: Int, of batch: JournalBatch, to target: ProjectionPlace) throws {
    try open(to: target)
    try store.write(takeChanges(of: projection.tables))
    // So that it knows its limit, also where nothing was flushed before.
    projection.evict(keeping: settings.cacheBytes)
    try foldPage(index, of: batch, to: target)
  }

  /// A page of an event that fans out: leases and watchdog see that it makes progress, and a signal to stop is obeyed behind it.
  private func foldPage(_ index: Int, of batch: JournalBatch, to target: ProjectionPlace) throws {
    fanOut = (index, target)
    if try projection.fanOut(index, of: batch.events, position: target.position, store: flushingRows()) { return }
    fanOut = nil
    place = target
    try commit()
  }

  /// Writes the rest into the open transaction, which has moved the cursor to `place`, and ends it.
  private func commit() throws {
    try store.write(takeChanges(of: projection.tables))
    try store.commit()
    cursor.place = place
    opened = nil
    publishedEvents += derivedInOpen
    derivedInOpen = 0
    dirtySince = nil
    noteCommitted()
    projection.evict(keeping: settings.cacheBytes)
  }

  private func noteCommitted() {
    hasShed = false
    for table in projection.tables { table.wasCommitted() }
  }

  /// Made before the projection is asked to do something with it: meanwhile nobody else may look at the projection.
  private func flushingRows() -> FlushingRows {
    FlushingRows(store: store, tables: projection.tables, generation: cursor.generation, fullBytes: settings.fullBytes)
    {
      [unowned self] in hasShed = true
    }
  }
}

extension Table {
  /// Whether its rows do not change again and again.
  fileprivate var isCold: Bool { changesPerRow < ProjectionSettings.writeAheadChanges }
  fileprivate var isWorthWritingAhead: Bool {
    rowsStay && isCold && dirtyCount >= ProjectionSettings.writeAheadRows
  }
}
