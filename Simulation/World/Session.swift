import Engine

/// What a transaction locks: rows, by what they are the rows of.
enum LockKey: Equatable {
  case instance(String)
  case lease(String)
  case partition(TopicPartition)
  case journalHead
  case generation(String, Int32)
  case relayCursor
  /// The advisory lock that erasures begin under.
  case erasures
  case erasure(String)
  /// By first position.
  case segment(Int64)
  case letter(DatabaseState.LetterKey)
}

/// A backend: one connection's side in the database, with the transaction that is open on it.
///
/// What a transaction changes is kept here and happens at its commit; its locks keep others off meanwhile.
final class Session {
  // Nothing of a world outlives it.
  unowned(unsafe) let database: Database
  let owner: String
  let number: Int
  fileprivate(set) var isTerminated = false
  /// Executes a statement, waiting for locks included.
  fileprivate(set) var isExecuting = false
  /// `pg_stat_activity` shows it active, and not waiting for its client.
  var isAtWork: Bool { isExecuting && !isTerminated }
  /// When it last began or answered a statement: `state_change` in `pg_stat_activity`.
  fileprivate(set) var changedAt: Int64 = 0
  /// A transaction begun by the client, which ends with its `commit`.
  fileprivate(set) var isInTransaction = false
  fileprivate var locks: [LockKey] = []
  private var effects: [(inout DatabaseState) -> Void] = []
  private var onCommit: [() -> Void] = []
  /// Rows written by the open transaction, over those that are committed.
  var overlay = FewMap<TableKey, [Int64: [UInt8]]>()
  /// Where the open transaction has moved cursors to.
  var places = FewMap<DatabaseState.GenerationKey, ProjectionPlace>()
  fileprivate var waitsFor: LockKey?
  fileprivate var waiter: Fiber?

  fileprivate init(_ database: Database, _ owner: String, _ number: Int) {
    (self.database, self.owner, self.number) = (database, owner, number)
  }

  var world: World { database.world }
  var state: DatabaseState { _read { yield database.state } }

  /// Done at the commit, in order.
  func change(_ effect: @escaping (inout DatabaseState) -> Void) { effects.append(effect) }
  func afterCommit(_ action: @escaping () -> Void) { onCommit.append(action) }

  /// Takes a row's lock, waiting for whoever has it.
  ///
  /// - Parameter endsBlockers: who waits longer than a second ends the backends that are in the way, as takeovers do.
  func lock(_ key: LockKey, endsBlockers: Bool = false) throws(StoreError) {
    let scheduler = world.scheduler
    if locks.contains(key) { return }
    let since = scheduler.now
    var rounds = 0
    while let holder = database.holder(of: key), holder !== self {
      if scheduler.isEnding { throw .unavailable("the world has ended") }
      if database.wouldDeadlock(self, on: key) {
        world.violation("a deadlock over \(key)")
        throw .unavailable("deadlock detected")
      }
      waitsFor = key
      waiter = scheduler.current
      database.waiting += 1
      scheduler.wake(scheduler.current, at: scheduler.now + 1_000_000_000)
      scheduler.suspend()
      database.waiting -= 1
      waitsFor = nil
      waiter = nil
      try requireAlive()
      guard scheduler.now - since >= 1_000_000_000 else { continue }
      rounds += 1
      if endsBlockers || scheduler.now - since > Database.idleInTransactionNanoseconds {
        if let holder = database.holder(of: key) {
          world.count(.blockerEnded)
          world.trace("\(owner): ends the backend \(holder.number) of \(holder.owner), which holds \(key)")
          holder.terminate()
        }
      } else if rounds >= Database.lockAttempts {
        throw .unavailable("no answer within a minute")
      }
    }
    database.holders.append((key, self))
    locks.append(key)
  }

  func requireAlive() throws(StoreError) {
    if isTerminated { throw .unavailable("terminating connection due to administrator command") }
    if database.world.scheduler.isEnding { throw .unavailable("the world has ended") }
  }

  /// The statement is slow: locks are held, and other transactions go on.
  func linger() throws(StoreError) {
    let delay = world.slowness()
    if delay == 0 { return }
    world.scheduler.sleep(delay)
    try requireAlive()
  }

  // MARK: Executing

  /// Runs one statement; outside of a transaction of the client's it commits at its end.
  func execute<R>(_ body: (Session) throws(StoreError) -> R) throws(StoreError) -> R {
    try requireAlive()
    (isExecuting, changedAt) = (true, world.scheduler.now)
    defer { (isExecuting, changedAt) = (false, world.scheduler.now) }
    do throws(StoreError) {
      let result = try body(self)
      try requireAlive()
      if !isInTransaction {
        try world.refuseWrites(effects.isEmpty)
        commit()
      }
      return result
    } catch {
      rollBack()
      throw error
    }
  }

  func begin() { isInTransaction = true }

  /// All of it happens, here and now.
  func commit() {
    isInTransaction = false
    if effects.isEmpty, onCommit.isEmpty { return rollBack() }
    let (effects, actions) = (self.effects, onCommit)
    forget()
    for effect in effects { effect(&database.state) }
    releaseLocks()
    for action in actions { action() }
  }

  func rollBack() {
    isInTransaction = false
    forget()
    releaseLocks()
  }

  private func forget() {
    if !effects.isEmpty { effects = [] }
    if !onCommit.isEmpty { onCommit = [] }
    if !overlay.isEmpty { overlay = FewMap() }
    if !places.isEmpty { places = FewMap() }
  }

  private func releaseLocks() {
    if locks.isEmpty { return }
    let released = locks
    locks = []
    database.holders.removeAll { $0.session === self }
    for key in released { database.wakeWaiters(for: key) }
  }

  /// The connection is gone, or somebody ended the backend: what is open is rolled back.
  func terminate() {
    if isTerminated { return }
    isTerminated = true
    rollBack()
    database.sessions.removeAll { $0 === self }
    if let waiter { world.scheduler.wake(waiter, at: world.scheduler.now) }
  }
}

/// PostgreSQL: its committed state, its backends, and its clock.
final class Database {
  static let idleInTransactionNanoseconds: Int64 = 30_000_000_000
  static let lockAttempts = 60

  unowned(unsafe) let world: World
  var state: DatabaseState
  fileprivate(set) var sessions: [Session] = []
  /// Who has which rows locked: few at a time.
  fileprivate var holders: [(key: LockKey, session: Session)] = []
  /// Sessions that wait for a lock.
  fileprivate var waiting = 0
  private var sessionCount = 0
  /// Nothing answers until then.
  var awayUntil: Int64 = 0
  var diskFullUntil: Int64 = 0
  /// Everything that is written takes long until then.
  var slowUntil: Int64 = 0
  /// Its clock against the world's, in microseconds.
  var skew: Int64 = 0
  private(set) var restores = 0
  private(set) var restoredAt: Int64 = -1

  init(_ world: World, installation: [UInt8]) {
    self.world = world
    state = DatabaseState(head: DatabaseState.Head(chain: installation))
  }

  /// Microseconds since the epoch.
  var clock: Int64 { World.beginning + world.scheduler.now / 1_000 + skew }

  func open(for owner: String) -> Session {
    sessionCount += 1
    let session = Session(self, owner, sessionCount)
    sessions.append(session)
    return session
  }

  /// The server ends and comes back, with what was committed, or with an earlier state.
  func restart(awayFor nanoseconds: Int64, with restored: DatabaseState? = nil) {
    for session in sessions { session.terminate() }
    awayUntil = world.scheduler.now + nanoseconds
    guard let restored else { return }
    state = restored
    restores += 1
    restoredAt = world.scheduler.now
  }

  func holder(of key: LockKey) -> Session? { holders.first { $0.key == key }?.session }

  func wouldDeadlock(_ session: Session, on key: LockKey) -> Bool {
    var next = holder(of: key)
    /// More than there are sessions.
    for _ in 0..<1_000 {
      guard let holder = next else { return false }
      if holder === session { return true }
      next = holder.waitsFor.flatMap { self.holder(of: $0) }
    }
    return false
  }

  func wakeWaiters(for key: LockKey) {
    if waiting == 0 { return }
    for session in sessions where session.waitsFor == key {
      if let waiter = session.waiter { world.scheduler.wake(waiter, at: world.scheduler.now) }
    }
  }
}
