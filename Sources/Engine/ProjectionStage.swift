import Events
package import Projections

/// Folds the journal into one projection's rows.
///
/// Batches come from memory when ingest has just committed them, from the journal otherwise. A flush is on its way while the next
/// events are folded. A turn of the hour, and an event that fans out, have a transaction of their own, in which everything before
/// is written first. After any error the projection in memory is thrown away and made anew from its cursor.
package final class ProjectionStage: Stage {
  package let name: String
  let store: any ProjectionStore
  private let leases: Leases
  private let tail: JournalTail
  private let settings: ProjectionSettings
  let reporter: any Reporter
  private let make: () throws(StoreError) -> any Projection
  private let onOutbox: @Sendable () -> Void

  var projection: (any Projection)?
  var cursor: ProjectionCursor?
  /// What is folded in memory, flushed or not.
  var place = ProjectionPlace(position: 0, chain: [], greatestTime: nil, lastDayTurn: 0)
  private var term: Int?
  private var finder = TurnFinder(greatestTime: nil)

  private var batch: JournalBatch? { didSet { nextFanOut = -1 } }
  /// The first event of `batch`, from the one last asked about on, that fans out; its count if none does.
  private var nextFanOut = -1
  private var backlog: [JournalBatch] = []
  private var inFlight: ProjectionPlace?
  private var dirtySince: Int64?
  private var pollAt: Int64 = 0
  private var remoteAppends = -1
  private var state = ProjectionState.catchingUp

  private var retryAt: Int64 = 0
  private var failures = 0
  private var outage = Outage()

  package private(set) var foldedEvents: Int64 = 0

  /// `make` makes the projection with nothing in memory; `onOutbox` is called after a commit with outbox entries.
  package init(
    name: String, store: any ProjectionStore, leases: Leases, tail: JournalTail, settings: ProjectionSettings,
    reporter: any Reporter, make: @escaping () throws(StoreError) -> any Projection,
    onOutbox: @escaping @Sendable () -> Void
  ) {
    (self.name, self.store, self.leases, self.tail) = (name, store, leases, tail)
    (self.settings, self.reporter, self.make, self.onOutbox) = (settings, reporter, make, onOutbox)
  }

  private var resource: String { LeaseResource.projection(name) }

  package func step(_ now: Instant) -> NextStep {
    if now.monotonicNanoseconds < retryAt {
      leases.noteProgress(of: resource, at: now)
      return .at(retryAt)
    }
    guard let instance = leases.instance, let held = leases.term(of: resource) else {
      if projection != nil { drop() }
      return .at(now.monotonicNanoseconds + ProjectionSettings.pollNanoseconds)
    }
    do {
      if projection == nil || term != held { try begin(instance, term: held) }
      let next = try work(now)
      leases.noteProgress(of: resource, at: now)
      failures = 0
      outage.end(reporter, "\(name) goes on")
      return next
    } catch {
      fail(error, now)
      return .at(retryAt)
    }
  }

  private func begin(_ instance: InstanceID, term: Int) throws(StoreError) {
    drop()
    let taken = try store.takeOver(instance: instance)
    let fresh = try make()
    if taken.place.position == 0 { for table in fresh.tables { table.assumeEmpty() } }
    cursor = taken
    place = taken.place
    finder = TurnFinder(greatestTime: taken.place.greatestTime)
    projection = fresh
    self.term = term
    state = .catchingUp
    pollAt = 0
    reporter.report(
      .info, "\(name) is folded from position \(taken.place.position)",
      [("generation", "\(taken.generation)"), ("epoch", "\(taken.epoch)")])
  }

  private func work(_ now: Instant) throws -> NextStep {
    if inFlight != nil, store.flushIsDone() { try finishFlush() }
    if let batch = try nextBatch(now) {
      try fold(batch, now)
      if try mustFlushUnderLoad(now) { try startFlush() }
      return .immediately
    }
    guard let dirtySince else {
      if inFlight != nil { try finishFlush() }
      return .at(pollAt)
    }
    // Nothing more to fold: what is folded becomes visible soon.
    state = .live
    let due = dirtySince + ProjectionSettings.flushNanoseconds
    if now.monotonicNanoseconds < due { return .at(min(due, pollAt)) }
    try startFlush()
    try finishFlush()
    return .immediately
  }

  // MARK: Reading

  private func nextBatch(_ now: Instant) throws -> JournalBatch? {
    if let batch, batch.lastPosition > place.position { return batch }
    batch = nil
    if let first = backlog.first {
      backlog.removeFirst()
      batch = first
      return first
    }
    if let next = tail.next(after: place.position, reader: name, at: now) {
      batch = next
      return next
    }
    let appends = tail.remoteAppends
    guard
      now.monotonicNanoseconds >= pollAt || appends != remoteAppends
        || tail.firstPosition(behind: place.position) != nil
    else { return nil }
    remoteAppends = appends
    pollAt = now.monotonicNanoseconds + ProjectionSettings.pollNanoseconds
    try finishFlush()
    let segments = try store.segments(after: place.position, bytes: ProjectionSettings.readBytes)
    if segments.isEmpty { return nil }
    if segments.reduce(0, { $0 + $1.payload.count }) >= ProjectionSettings.readBytes / 2 { state = .catchingUp }
    var read = try segments.map(Self.decode)
    batch = read.removeFirst()
    backlog = read
    return batch
  }

  private static func decode(_ segment: StoredSegment) throws(StoreError) -> JournalBatch {
    do {
      let events = try EventBatch(payload: segment.payload, identities: segment.identities)
      guard events.count == Int(segment.count) else {
        throw StoreError.refused(
          "the segment at \(segment.firstPosition) holds \(events.count) events, not \(segment.count)")
      }
      return JournalBatch(
        firstPosition: segment.firstPosition, chain: segment.chain, partition: segment.partition, events: events,
        byteCount: events.byteCount)
    } catch let error as StoreError {
      throw error
    } catch {
      throw .refused("the segment at \(segment.firstPosition) cannot be read: \(error)")
    }
  }

  // MARK: Folding

  /// Folds the batch to its end, or up to and with the next event that has a transaction of its own: a step stays short.
  private func fold(_ batch: JournalBatch, _ now: Instant) throws {
    let events = batch.events
    let index = Int(place.position + 1 - batch.firstPosition)
    let special = nextSpecial(events, from: index)
    if special.index > index {
      if dirtySince == nil { dirtySince = now.monotonicNanoseconds }
      try foldRange(index..<special.index, of: batch)
    }
    guard special.index < events.count else { return }
    if special.turns {
      try turn(at: special.index, of: batch)
    } else {
      try foldFanOut(special.index, of: batch)
    }
  }

  /// The next event that turns the hour or fans out, or the end. An event that does both turns first, and is folded in the turn.
  private func nextSpecial(_ events: EventBatch, from start: Int) -> (index: Int, turns: Bool) {
    if nextFanOut < start { nextFanOut = firstFanOut(events, from: start) }
    let end = min(nextFanOut + 1, events.count)
    let turn = finder.advance(through: events.events, in: start..<end)
    return turn < end ? (turn, true) : (nextFanOut, false)
  }

  private func firstFanOut(_ events: EventBatch, from start: Int) -> Int {
    var index = start
    while index < events.count, !projection!.fansOut(index, of: events) { index += 1 }
    return index
  }

  func foldRange(_ range: Range<Int>, of batch: JournalBatch) throws {
    try loadWanted(range, of: batch)
    projection!.fold(range, of: batch.events, firstPosition: batch.firstPosition)
    advance(to: batch.firstPosition + Int64(range.upperBound) - 1, of: batch)
    foldedEvents += Int64(range.count)
  }

  private func advance(to position: Int64, of batch: JournalBatch) {
    place.position = position
    place.chain = batch.chain
    place.greatestTime = finder.greatestTime
  }

  private func loadWanted(_ range: Range<Int>, of batch: JournalBatch) throws {
    var round = 0
    while projection!.wantRows(for: range, of: batch.events, round: round) {
      for table in projection!.tables {
        while let keys = table.takeWantedKeys() {
          try store.load(table, keys)
        }
      }
      round += 1
      precondition(round < 8, "a projection asks for rows without end")
    }
  }

  // MARK: Flushing

  private func mustFlushUnderLoad(_ now: Instant) throws -> Bool {
    guard let dirtySince, inFlight == nil else {
      // A flush is on its way: the next waits for it, unless too much is dirty.
      if inFlight != nil, dirtyRows() >= 2 * ProjectionSettings.dirtyRows { try finishFlush() }
      return false
    }
    if now.monotonicNanoseconds >= dirtySince + ProjectionSettings.loadedFlushNanoseconds { return true }
    return dirtyRows() >= ProjectionSettings.dirtyRows || dirtyBytes() >= ProjectionSettings.dirtyBytes
  }

  private func dirtyRows() -> Int { projection!.tables.reduce(0) { $0 + $1.dirtyCount } }
  private func dirtyBytes() -> Int { projection!.tables.reduce(0) { $0 + $1.byteCount } }

  /// The changed rows of every table, with those loaded that are only partly known. No flush is on its way.
  private func takeChanges() throws(StoreError) -> [TableChanges] {
    try store.takeChanges(of: projection!.tables, generation: cursor!.generation)
  }

  private func startFlush() throws {
    try finishFlush()
    let changes = try takeChanges()
    try store.startFlush(cursor!, to: place, state: state, changes)
    inFlight = place
    dirtySince = nil
    // A row that is in the flush and not in memory would be loaded as it was before.
    if projection!.evict(keeping: settings.cacheBytes) { try finishFlush() }
  }

  private func finishFlush() throws(StoreError) {
    guard let reached = inFlight else { return }
    inFlight = nil
    try store.finishFlush()
    cursor!.place = reached
  }

  // MARK: Transactions of their own

  /// The hour turns at this event: everything before is written, then versions if the day turned, then what the rules say, then
  /// the event itself.
  private func turn(at index: Int, of batch: JournalBatch) throws {
    try finishFlush()
    let position = batch.firstPosition + Int64(index)
    let turn = finder.turn(with: batch.events.events[index], at: position)
    let before = try takeChanges()
    var target = place
    target.position = position
    target.chain = batch.chain
    target.greatestTime = finder.greatestTime
    if turn.dayTurned { target.lastDayTurn = position }
    try store.begin(cursor!, to: target, state: state)
    try store.write(before)
    if turn.dayTurned {
      try store.makeVersions(projection!.tables.map(\.statements), at: turn, since: place.lastDayTurn)
    }
    let rows = flushingRows()
    let derived = try projection!.runRules(at: turn, store: rows)
    if !derived.isEmpty { try store.appendOutbox(derived, at: position, chain: batch.chain) }
    try store.write(takeChanges())
    if projection!.fansOut(index, of: batch.events) {
      try projection!.fanOut(index, of: batch.events, position: position, store: rows)
    } else {
      try loadWanted(index..<index + 1, of: batch)
      projection!.fold(index..<index + 1, of: batch.events, firstPosition: batch.firstPosition)
    }
    try store.write(takeChanges())
    try store.commit()
    committed(target)
    foldedEvents += 1
    if !derived.isEmpty {
      onOutbox()
      reporter.report(.debug, "\(name): \(derived.count) derived events at position \(position)")
    }
  }

  private func foldFanOut(_ index: Int, of batch: JournalBatch) throws {
    try finishFlush()
    let position = batch.firstPosition + Int64(index)
    let before = try takeChanges()
    var target = place
    target.position = position
    target.chain = batch.chain
    target.greatestTime = finder.greatestTime
    try store.begin(cursor!, to: target, state: state)
    try store.write(before)
    let rows = flushingRows()
    try projection!.fanOut(index, of: batch.events, position: position, store: rows)
    try store.write(takeChanges())
    try store.commit()
    committed(target)
    foldedEvents += 1
  }

  private func committed(_ target: ProjectionPlace) {
    place = target
    cursor!.place = target
    dirtySince = nil
    projection!.evict(keeping: settings.cacheBytes)
  }

  // MARK: Failing

  private func fail(_ error: any Error, _ now: Instant) {
    let message: String
    if let error = error as? StoreError { message = error.message } else { message = "\(error)" }
    drop()
    store.reset()
    failures += 1
    let delay = min(
      ProjectionSettings.retryNanoseconds << Int64(min(failures - 1, 8)), ProjectionSettings.longestRetryNanoseconds)
    if case .refused? = error as? StoreError {
      outage.begin(reporter, "\(name) has failed, and is tried again: \(message)", .error)
      do throws(StoreError) {
        try store.noteState(.failed, reason: message)
      } catch {
        reporter.report(.debug, "\(name): its state could not be noted: \(error.message)")
      }
      retryAt = now.monotonicNanoseconds + delay
    } else {
      if !(error is StoreError) {
        outage.begin(reporter, "\(name) has failed, and is tried again: \(message)", .error)
      } else {
        outage.begin(reporter, "\(name) waits: \(message)")
      }
      retryAt = now.monotonicNanoseconds + ProjectionSettings.retryNanoseconds
    }
  }

  private func drop() {
    projection = nil
    cursor = nil
    batch = nil
    backlog = []
    inFlight = nil
    dirtySince = nil
    tail.leave(reader: name)
  }

  package func stop(_ now: Instant) {
    guard projection != nil else { return }
    do {
      try finishFlush()
      if dirtySince != nil {
        try startFlush()
        try finishFlush()
      }
      try store.noteState(.stopped, reason: nil)
    } catch {
      reporter.report(.warning, "\(name): the last flush did not succeed; its events will be folded again: \(error)")
    }
    drop()
  }
}

extension ProjectionStage {
  /// Made before the projection is asked to do something with it: meanwhile nobody else may look at the projection.
  fileprivate func flushingRows() -> FlushingRows {
    FlushingRows(store: store, tables: projection!.tables, generation: cursor!.generation)
  }
}

/// The stored rows inside a turn's or a fan-out's transaction; a flush writes what the projection has changed so far.
private struct FlushingRows: RowStream {
  let store: any ProjectionStore
  let tables: [any Table]
  let generation: Int32

  func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    try store.rows(sql, parameters, body)
  }
  func flush() throws { try store.write(store.takeChanges(of: tables, generation: generation)) }
}

extension ProjectionStore {
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
