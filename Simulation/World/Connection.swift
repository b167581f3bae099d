import Engine

/// An instance's connection to the database: made when it is needed, gone after any doubt, and every call at the mercy of the
/// network: a request that never arrives, one that arrives late, a reply that is lost.
final class Connection {
  private let world: World
  private let process: Process
  private let name: String
  private(set) var session: Session?

  init(_ world: World, _ process: Process, _ name: String) {
    (self.world, self.process, self.name) = (world, process, "\(process.name)/\(name)")
  }

  /// What becomes of a call.
  enum Fate {
    case answered
    /// The request is lost, and the connection with it.
    case requestLost
    /// It happens, and the reply is lost.
    case replyLost
    /// The connection is lost, and it happens later.
    case late
    /// It happens, and the reply is long on its way.
    case replySlow
  }

  /// How long a client waits before it notices that the network is gone, in seconds.
  private static let noticeSeconds = 0.0...1.5
  /// How much later what is late happens.
  private static let lateSeconds = 0.0...4.0
  /// How long a reply is on its way that is slow.
  private static let slowSeconds = 0.0...2.5

  /// - Parameter body: run in the database; it must not touch the caller's memory, since it may run after the caller is gone.
  func call<R>(
    _ what: String, needsSession: Bool = false, _ body: @escaping (Session) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    try requireProcess()
    let session = try open(needsSession: needsSession)
    if needsSession, !session.isInTransaction { throw .unavailable("the transaction is gone") }
    // First, so that it may say what is to become of the call.
    world.reach(process, what)
    try requireProcess()
    let fate = world.fate(.database)
    // Now, as others may be next before this call is.
    let (delay, until) = fate == .answered ? (nil, nil) : (world.nextDelay.take(), world.nextUntil.take())
    if fate != .answered { world.trace("\(name): \(what) is \(fate)") }
    let isCommit = what == "commit" || what == "append"
    switch fate {
    case .answered, .replySlow:
      if let delay = world.latency() {
        world.scheduler.sleep(delay)
        if process.isDead, world.scheduler.random.chance(0.5) { executeLate(what, session, nil, nil, body) }
        try requireProcess()
      }
      let result = try execute(session, body)
      if let delay = fate == .replySlow ? slowness(delay) : world.latency() {
        if until != nil {
          let fiber = world.scheduler.current
          world.breakpoints?.hold(until: until) { [world] in world.scheduler.wake(fiber, at: world.scheduler.now) }
        }
        world.scheduler.sleep(delay)
        try requireProcess()
        if fate == .replySlow { world.slowReplies += 1 }
      }
      return result
    case .requestLost:
      world.count(.databaseRequestLost)
      lose(session)
    case .replyLost:
      world.count(isCommit ? .commitReplyLost : .databaseReplyLost)
      do throws(StoreError) { _ = try session.execute(body) } catch {
        world.trace("\(name): \(what) failed unheard: \(error.message)")
      }
      lose(session)
    case .late:
      world.count(isCommit ? .commitLate : .databaseLate)
      self.session = nil
      executeLate(what, session, delay, until, body)
    }
    world.scheduler.sleep(world.scheduler.random.nanoseconds(Self.noticeSeconds))
    throw .unavailable("the connection broke")
  }

  private func slowness(_ given: Int64?) -> Int64? {
    world.count(.databaseReplySlow)
    return given ?? world.scheduler.random.nanoseconds(Self.slowSeconds)
  }

  private func execute<R>(
    _ session: Session, _ body: (Session) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    do throws(StoreError) {
      return try session.execute(body)
    } catch {
      if session.isTerminated, self.session === session { self.session = nil }
      throw error
    }
  }

  /// What the server has got of a client that is gone.
  private func executeLate<R>(
    _ what: String, _ session: Session, _ delay: Int64?, _ until: String?,
    _ body: @escaping (Session) throws(StoreError) -> R
  ) {
    let name = name
    let fiber = world.scheduler.spawn(
      "\(name) late", after: delay ?? world.scheduler.random.nanoseconds(Self.lateSeconds)
    ) { [world] in
      do throws(StoreError) {
        _ = try session.execute(body)
        world.trace("\(name): \(what) has happened late")
      } catch {
        world.trace("\(name): \(what) failed late: \(error.message)")
      }
      session.terminate()
    }
    if until != nil {
      world.breakpoints?.hold(until: until) { [world] in world.scheduler.wake(fiber, at: world.scheduler.now) }
    }
  }

  private func open(needsSession: Bool) throws(StoreError) -> Session {
    if let session, !session.isTerminated { return session }
    let isGone = session != nil
    session = nil
    if needsSession || isGone { throw .unavailable(needsSession ? "the transaction is gone" : "the connection broke") }
    let now = world.scheduler.now
    guard max(world.database.awayUntil, process.databaseAwayUntil) <= now else {
      world.scheduler.sleep(world.scheduler.random.nanoseconds(0.001...0.3))
      throw .unavailable("the database is away")
    }
    let made = world.database.open(for: name)
    process.sessions.append(made)
    session = made
    return made
  }

  /// The connection is of no use any more; the server notices sooner or later.
  func reset() {
    if let session { lose(session) }
  }

  private func lose(_ session: Session) {
    if self.session === session { self.session = nil }
    world.endLater(session)
  }

  func requireProcess() throws(StoreError) {
    if process.isDead || world.scheduler.isEnding { throw .unavailable("the instance is dead") }
  }
}

/// One call that goes on while the stage does something else.
final class Job<R> {
  private let world: World
  private var result: Result<R, StoreError>?
  private var waiter: Fiber?

  init(_ world: World, _ name: String, _ process: Process?, _ body: @escaping () throws(StoreError) -> R) {
    self.world = world
    world.scheduler.spawn(name, process) { [self] in
      do throws(StoreError) { result = .success(try body()) } catch { result = .failure(error) }
      if let waiter { world.scheduler.wake(waiter, at: world.scheduler.now) }
      onDone?()
    }
  }

  /// Called when it is done.
  var onDone: (() -> Void)?
  var isDone: Bool { result != nil }

  func wait(_ process: Process) throws(StoreError) -> R {
    while true {
      if let result { return try result.get() }
      if process.isDead || world.scheduler.isEnding { throw .unavailable("the instance is dead") }
      waiter = world.scheduler.current
      world.scheduler.suspend()
      waiter = nil
    }
  }

  /// Until it is over. What has failed is in doubt already, and nobody waits for its result.
  func settle(_ process: Process) {
    do throws(StoreError) {
      _ = try wait(process)
    } catch {
      world.trace("\(process.name): what was under way has failed: \(error.message)")
    }
  }
}
