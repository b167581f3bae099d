import Events
package import Projections

/// Folds the journal into the live generation of one projection, while this instance holds its lease.
///
/// Batches come from memory when ingest has just committed them, from the journal otherwise. After any error the projection in
/// memory is thrown away and made anew from its cursor.
package final class ProjectionStage: Stage {
  package let name: String
  private let resource: String
  private let store: any ProjectionStore
  private let leases: Leases
  private let tail: JournalTail
  private let settings: ProjectionSettings
  private let reporter: any Reporter
  private let make: () throws(StoreError) -> any Projection
  private let onOutbox: @Sendable () -> Void

  private var run: FoldRun?
  private var term: Int?

  private var batch: JournalBatch?
  /// Read from the journal and not unpacked yet, in order.
  private var backlog: ArraySlice<StoredSegment> = []
  private var pollAt: Int64 = 0
  private var remoteAppends = -1

  private var retryAt: Int64 = 0
  /// Since the last commit, while the lease is held: what was refused, and what only had to wait.
  private var (refusals, waits) = (0, 0)
  /// Where the cursor stood then.
  private var failedAt: Int64?
  private var outage = Outage()

  /// `make` makes the projection with nothing in memory; `onOutbox` is called after a commit with outbox entries.
  package init(
    name: String, store: any ProjectionStore, leases: Leases, tail: JournalTail, settings: ProjectionSettings,
    reporter: any Reporter, make: @escaping () throws(StoreError) -> any Projection,
    onOutbox: @escaping @Sendable () -> Void
  ) {
    (self.name, self.store, self.leases, self.tail) = (name, store, leases, tail)
    resource = LeaseResource.projection(name)
    (self.settings, self.reporter, self.make, self.onOutbox) = (settings, reporter, make, onOutbox)
  }

  package func step(_ now: Instant) -> NextStep {
    if now.monotonicNanoseconds < retryAt {
      leases.noteProgress(of: resource, at: now)
      return .at(retryAt)
    }
    guard let instance = leases.instance, let held = leases.term(of: resource) else {
      if run != nil { drop() }
      return .at(now.monotonicNanoseconds + ProjectionSettings.pollNanoseconds)
    }
    do {
      let current: FoldRun
      if let run, term == held { current = run } else { current = try begin(instance, term: held) }
      let next = try work(current, now)
      leases.noteProgress(of: resource, at: now)
      if outage.isOn, hasRecovered(current) { recover() }
      return next
    } catch {
      fail(error, now)
      return .at(retryAt)
    }
  }

  /// What failed was a commit, mostly: steps before the next one say nothing.
  private func hasRecovered(_ run: FoldRun) -> Bool {
    guard let failedAt else { return true }
    return run.cursor.place.position > failedAt || run.dirtySince == nil && !run.isFlushing
  }

  private func recover() {
    forgetFailures()
    outage.end(reporter, "\(name) goes on")
  }

  private func forgetFailures() { (refusals, waits, failedAt) = (0, 0, nil) }

  private func begin(_ instance: InstanceID, term: Int) throws(StoreError) -> FoldRun {
    drop()
    if self.term != term { forgetFailures() }
    self.term = term
    let taken = try store.takeOver(instance: instance)
    // A database that went back does not come to where it failed for a long time.
    failedAt = failedAt.map { min($0, taken.place.position) }
    // It may be of a journal that the database has left since, and ingest, idle, need not have noticed: of what a flush brings only
    // the end is compared with the journal.
    if holds(.takeoverClearsTail) { tail.clear() }
    let begun = FoldRun(try make(), at: taken, in: store, settings: settings, publishes: true)
    run = begun
    pollAt = 0
    reporter.report(
      .info, "\(name) is folded from position \(taken.place.position)",
      [("generation", "\(taken.generation)"), ("epoch", "\(taken.epoch)")])
    return begun
  }

  private func work(_ run: FoldRun, _ now: Instant) throws -> NextStep {
    let published = run.publishedEvents
    let next = try advance(run, now)
    if run.publishedEvents > published {
      onOutbox()
      reporter.report(
        .debug, "\(name): \(run.publishedEvents - published) derived events up to position \(run.cursor.place.position)"
      )
    }
    return next
  }

  private func advance(_ run: FoldRun, _ now: Instant) throws -> NextStep {
    try run.finishFlushIfDone()
    if let batch = try nextBatch(run, now) {
      if tail.moreFollows { run.state = .catchingUp }
      try run.fold(batch, now)
      try run.flushUnderLoad(now)
      return .immediately
    }
    guard let dirtySince = run.dirtySince else {
      if run.isFlushing { return .at(pollAt) }
      if run.saidState != .live, !tail.moreFollows {
        // After a start, or a long catching up, with nothing to commit that would say it.
        run.state = .live
        try store.noteState(.live, reason: nil)
        run.saidState = .live
      }
      return .at(pollAt)
    }
    if tail.moreFollows {
      // Ingest is catching up: a flush now would write rows that the next batch changes again.
      run.state = .catchingUp
      try run.flushUnderLoad(now)
      return .at(run.isFlushing ? pollAt : min(run.loadedDue(dirtySince), pollAt))
    }
    // Nothing more to fold: what is folded becomes visible soon.
    run.state = .live
    let due = dirtySince + ProjectionSettings.flushNanoseconds
    if now.monotonicNanoseconds < due { return .at(min(due, pollAt)) }
    // Of two flushes the later one waits for the earlier.
    try run.startFlush()
    return .immediately
  }

  // MARK: Reading

  private func nextBatch(_ run: FoldRun, _ now: Instant) throws -> JournalBatch? {
    let position = run.place.position
    if let batch, batch.lastPosition > position { return batch }
    batch = nil
    if let first = try unpackNext(behind: position) { return first }
    if let next = tail.next(after: position, reader: name, at: now) {
      batch = next
      return next
    }
    let appends = tail.remoteAppends
    guard
      now.monotonicNanoseconds >= pollAt || appends != remoteAppends || tail.firstPosition(behind: position) != nil
    else { return nil }
    remoteAppends = appends
    pollAt = now.monotonicNanoseconds + ProjectionSettings.pollNanoseconds
    let segments = try store.segments(after: position, bytes: ProjectionSettings.readBytes)
    if segments.isEmpty { return nil }
    if segments.reduce(0, { $0 + $1.payload.count }) >= ProjectionSettings.readBytes / 2 { run.state = .catchingUp }
    backlog = segments[...]
    return try unpackNext(behind: position)
  }

  private func unpackNext(behind position: Int64) throws(StoreError) -> JournalBatch? {
    guard let segment = backlog.popFirst() else { return nil }
    let next = try JournalBatch(segment)
    guard next.follows(position) else {
      let gap = next.doesNotFollow(position).message
      // Where nothing is folded yet, retention was faster: that much may be accepted.
      throw .refused(position > 0 ? gap : "\(gap); `pleat rebuild \(name) --accept-loss` folds what is left")
    }
    batch = next
    return next
  }

  // MARK: Failing

  private func fail(_ error: any Error, _ now: Instant) {
    let message: String
    if let error = error as? StoreError { message = error.message } else { message = "\(error)" }
    if let run { failedAt = run.cursor.place.position }
    if holds(.failureDropsProjection) { drop() }
    if case .foreign? = error as? StoreError { return decline(message, now) }
    store.reset()
    if case .refused? = error as? StoreError {
      outage.begin(reporter, "\(name) has failed, and is tried again: \(message)", .error)
      note(.failed, message)
      let delay = ProjectionSettings.retryNanoseconds << Int64(min(refusals, 8))
      refusals += 1
      retryAt = now.monotonicNanoseconds + min(delay, ProjectionSettings.longestRetryNanoseconds)
    } else {
      if !(error is StoreError) {
        outage.begin(reporter, "\(name) has failed, and is tried again: \(message)", .error)
      } else {
        outage.begin(reporter, "\(name) waits: \(message)")
        // What does not pass of itself after all is shown where people look. Where the database is away nobody hears it.
        if case .unavailable? = error as? StoreError {
          waits += 1
          if waits % ProjectionSettings.waitsUntilShown == 0 { note(.failed, message) }
        }
      }
      retryAt = now.monotonicNanoseconds + ProjectionSettings.retryNanoseconds
    }
  }

  /// An instance folds only generations of its own versions: others may have the lease, and this one looks again now and then.
  private func decline(_ message: String, _ now: Instant) {
    outage.begin(reporter, "\(name) is not folded here: \(message)")
    note(.stopped, message)
    leases.decline(resource, until: now.monotonicNanoseconds + ProjectionSettings.foreignNanoseconds)
    retryAt = now.monotonicNanoseconds + ProjectionSettings.pollNanoseconds
  }

  private func note(_ state: ProjectionState, _ reason: String) {
    do throws(StoreError) {
      try store.noteState(state, reason: reason)
    } catch {
      reporter.report(.debug, "\(name): its state could not be noted: \(error.message)")
    }
  }

  private func drop() {
    // A transaction may be open, or a flush on its way.
    if run != nil { store.reset() }
    run = nil
    batch = nil
    backlog = []
    tail.leave(reader: name)
  }

  package func stop(_ now: Instant) {
    guard let run else { return }
    do {
      try run.end()
      try store.noteState(.stopped, reason: nil)
    } catch {
      reporter.report(.warning, "\(name): the last flush did not succeed; its events will be folded again: \(error)")
    }
    drop()
  }
}
