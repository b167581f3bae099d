import Events
package import Projections

/// One rebuild of one projection: folds the journal from its beginning into a generation of its own, without outbox, and never
/// passes the live one; then pauses that, folds the rest, switches, and deletes the generation before.
///
/// It may be interrupted anywhere: what is committed stays, and the next rebuild of the same versions goes on from there.
package final class Rebuild {
  package struct Settings: Sendable {
    package var owner: InstanceID
    package var leaseSeconds: Int
    /// Fold what the journal still has, where retention has dropped its beginning.
    package var acceptLoss: Bool
    package init(owner: InstanceID, leaseSeconds: Int, acceptLoss: Bool) {
      (self.owner, self.leaseSeconds, self.acceptLoss) = (owner, leaseSeconds, acceptLoss)
    }

    /// The live fold is paused for so long at most; then it goes on, and the switch is tried later.
    static let pauseNanoseconds: Int64 = 10_000_000_000
    /// Its lease is taken for longer, so that it does not run out in the last moment.
    static let seizeSeconds = 15
    static let retryNanoseconds: Int64 = 5_000_000_000
    static let longestRetryNanoseconds: Int64 = 120_000_000_000
    /// The live fold is paused when the rest takes about so long.
    static let restNanoseconds: Int64 = 2_000_000_000
    /// …or is so small that nobody knows how long it takes.
    static let restEvents: Int64 = 10_000
  }

  package struct Progress: Sendable {
    /// Folded up to here, of so many.
    package var position: Int64
    package var target: Int64
    package var eventsPerSecond: Double
    package var isDropping: Bool
  }

  private enum Phase {
    case beginning
    case folding
    /// Until the moment, in monotonic nanoseconds; nil just after the live fold was paused, which may have taken seconds.
    case switching(SeizedGeneration, until: Int64?)
    case dropping
    case done
  }

  package let name: String
  private let store: any RebuildStore
  private let settings: Settings
  private let folding: ProjectionSettings
  private let make: () throws(StoreError) -> any Projection
  private let reporter: any Reporter

  private var phase = Phase.beginning
  private var run: FoldRun?
  private var walk: JournalWalk
  /// The live generation that is to be replaced, and how far it has come.
  private var live: LiveGeneration?
  /// Of a switch whose outcome is not known.
  private var attempted: (generation: Int32, position: Int64)?
  private var renewAt: Int64 = 0
  private var switchAt: Int64 = 0
  private var refusals = 0

  private var began: (nanoseconds: Int64, position: Int64)?
  /// The generation that became live, and the position at which it did.
  package private(set) var outcome: (generation: Int32, position: Int64)?

  package init(
    name: String, store: any RebuildStore, settings: Settings, folding: ProjectionSettings, reporter: any Reporter,
    make: @escaping () throws(StoreError) -> any Projection
  ) {
    (self.name, self.store, self.settings, self.folding) = (name, store, settings, folding)
    (self.reporter, self.make) = (reporter, make)
    walk = JournalWalk(store)
  }

  package var isDone: Bool { if case .done = phase { true } else { false } }

  package func progress(_ now: Instant) -> Progress {
    let position = run?.place.position ?? outcome?.position ?? 0
    var rate = 0.0
    if let began, now.monotonicNanoseconds > began.nanoseconds {
      rate = Double(position - began.position) * 1e9 / Double(now.monotonicNanoseconds - began.nanoseconds)
    }
    var isDropping = false
    if case .dropping = phase { isDropping = true }
    return Progress(
      position: position, target: max(live?.position ?? 0, position), eventsPerSecond: rate, isDropping: isDropping)
  }

  // MARK: Steps

  /// Does a little. After an error the next step begins again from what is committed, if the caller makes it.
  package func step(_ now: Instant) throws -> NextStep {
    do {
      return try advance(now)
    } catch {
      giveUp()
      throw error
    }
  }

  private func advance(_ now: Instant) throws -> NextStep {
    switch phase {
    case .beginning:
      try begin(now)
    case .folding:
      try renew(now)
      return try fold(now)
    case .switching(let seized, let known):
      let end = known ?? now.monotonicNanoseconds + Settings.pauseNanoseconds
      phase = .switching(seized, until: end)
      try finish(seized, until: end, now)
    case .dropping:
      if try !store.dropOld() {
        try store.endRebuild(settings.owner)
        phase = .done
      }
    case .done: break
    }
    return .immediately
  }

  private func begin(_ now: Instant) throws {
    guard let live = try store.liveGeneration() else {
      throw StoreError.refused("nothing of \(name) is folded yet: there is nothing to rebuild")
    }
    if let attempted, attempted.generation == live.generation {
      // The reply to the switch was lost, and it had happened; the live fold may have gone on since.
      switched(to: attempted.generation, at: attempted.position)
      return
    }
    self.live = live
    let cursor = try store.beginRebuild(
      settings.owner, seconds: settings.leaseSeconds, acceptLoss: settings.acceptLoss)
    renewAt = now.monotonicNanoseconds + renewalNanoseconds
    run = FoldRun(try make(), at: cursor, in: store, settings: folding, publishes: !holds(.rebuildIsSilent))
    walk = JournalWalk(store)
    if began == nil { began = (now.monotonicNanoseconds, cursor.place.position) }
    phase = .folding
    reporter.report(
      .notice, "\(name) is rebuilt beside generation \(live.generation), from position \(cursor.place.position)",
      [("generation", "\(cursor.generation)")])
  }

  private var renewalNanoseconds: Int64 { Int64(settings.leaseSeconds) * 250_000_000 }

  private func renew(_ now: Instant) throws {
    guard now.monotonicNanoseconds >= renewAt else { return }
    try store.renewRebuild(settings.owner, seconds: settings.leaseSeconds)
    renewAt = now.monotonicNanoseconds + renewalNanoseconds
  }

  private func fold(_ now: Instant) throws -> NextStep {
    guard let run, let known = live else { preconditionFailure("a rebuild folds before it began") }
    try run.finishFlushIfDone()
    if try foldSome(run, through: known.position, now) { return .immediately }
    // Everything that was live when it was last asked about is folded.
    try run.flush()
    guard let live = try store.liveGeneration(), live.generation == known.generation else {
      throw StoreError.lost("another generation of \(name) became live meanwhile")
    }
    self.live = live
    if live.position < run.place.position {
      throw StoreError.lost("the live generation of \(name) went back to position \(live.position)")
    }
    let rest = live.position - run.place.position
    let rate = progress(now).eventsPerSecond
    let isSmall =
      rest <= Settings.restEvents || Double(rest) * 1e9 <= rate * Double(Settings.restNanoseconds)
    guard isSmall else { return .immediately }
    guard now.monotonicNanoseconds >= switchAt else {
      return rest > 0 ? .immediately : .at(min(switchAt, now.monotonicNanoseconds + ProjectionSettings.pollNanoseconds))
    }
    let seized = try store.seizeLive(settings.owner, seconds: Settings.seizeSeconds)
    phase = .switching(seized, until: nil)
    return .immediately
  }

  /// Folds one step towards the position; false when it is reached, and nothing is folded in part.
  private func foldSome(_ run: FoldRun, through position: Int64, _ now: Instant) throws -> Bool {
    // A switch that was put off may have begun an event behind the position that was known before.
    guard run.place.position < position || run.isFanningOut else { return false }
    let position = holds(.rebuildStaysBehind) ? position : .max
    guard let batch = try walk.batch(after: run.place.position) else {
      throw StoreError.lost("the journal ends at position \(run.place.position), before \(name) at \(position)")
    }
    try run.fold(batch, through: position, now)
    try run.flushUnderLoad(now)
    return true
  }

  /// Folds the rest and switches, or lets the live fold go on.
  private func finish(_ seized: SeizedGeneration, until end: Int64, _ now: Instant) throws {
    guard let run else { preconditionFailure("a rebuild switches before it began") }
    let target = seized.cursor.place
    if run.place.position < target.position, now.monotonicNanoseconds >= end {
      try run.finishFlush()
      try store.returnLive(settings.owner, seized, seconds: settings.leaseSeconds)
      refusals += 1
      let delay = min(Settings.retryNanoseconds << Int64(min(refusals - 1, 8)), Settings.longestRetryNanoseconds)
      switchAt = now.monotonicNanoseconds + delay
      phase = .folding
      reporter.report(.info, "\(name): the rest takes longer than 10 s; the switch is tried again later")
      return
    }
    try run.finishFlushIfDone()
    if try foldSome(run, through: target.position, now) { return }
    try run.flush()
    guard run.cursor.place.position == target.position, run.cursor.place.chain == target.chain else {
      throw StoreError.lost("the live generation of \(name) stands at another place than the one that was folded to")
    }
    attempted = (run.cursor.generation, target.position)
    try store.swap(run.cursor, for: seized, settings.owner, seconds: settings.leaseSeconds)
    switched(to: run.cursor.generation, at: target.position)
  }

  private func switched(to generation: Int32, at position: Int64) {
    outcome = (generation, position)
    attempted = nil
    run = nil
    // Its temporary tables are of no use any more.
    store.reset()
    phase = .dropping
    reporter.report(
      .notice, "\(name): generation \(generation) is live from position \(position)",
      [("generation", "\(generation)")])
  }

  // MARK: Ending

  /// What is in memory is of no use any more. A paused live fold goes on at once if that can be said, else when the lease ends.
  private func giveUp() {
    run = nil
    store.reset()
    if case .switching(let seized, _) = phase { letGo(seized) }
    if case .dropping = phase { return }
    phase = .beginning
  }

  private func letGo(_ seized: SeizedGeneration) {
    do throws(StoreError) {
      try store.returnLive(settings.owner, seized, seconds: settings.leaseSeconds)
    } catch {
      reporter.report(.debug, "\(name): the live fold goes on when its lease ends: \(error.message)")
    }
  }

  /// Writes what is folded and gives the leases back: somebody else may go on.
  package func stop() {
    do {
      if let run { try run.end() }
      if case .switching(let seized, _) = phase { letGo(seized) }
      if !isDone { try store.endRebuild(settings.owner) }
    } catch {
      let message = (error as? StoreError)?.message ?? "\(error)"
      reporter.report(.debug, "\(name): the rebuild's lease ends by itself: \(message)")
    }
    run = nil
  }
}
