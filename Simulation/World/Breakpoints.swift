import Engine

/// The breakpoints of a seed, and what they hold.
final class Breakpoints {
  private unowned(unsafe) let world: World
  private let chaos: Chaos
  private var armed: [Breakpoint]
  /// What goes on when somebody comes to a step.
  private var held: [(until: String, goOn: () -> Void)] = []
  /// Who is held or stopped hardly waits for more than these; each ends by itself.
  private static let heldLimit = 16
  private static let wakeSeconds = 0.0...0.002
  private static let silenceSeconds = 0.5...8.0
  /// Mostly, what the call does has happened by then.
  private static let happeningSeconds = 0.001...0.05
  private static let failoverSeconds = 0.01...0.3
  private static let bursts = 3...20
  /// Enough that memory is looked at twice in one segment.
  private static let longBursts = 130...200

  init(_ armed: [Breakpoint], _ chaos: Chaos, in world: World) {
    (self.armed, self.chaos, self.world) = (armed, chaos, world)
  }

  /// Whoever is to make the calls is started.
  func begin() {
    for breakpoint in armed {
      guard let caller = breakpoint.caller else { continue }
      start(caller, after: breakpoint.since, with: nil, at: breakpoint.call)
    }
  }

  /// A process is about to make a call.
  func reach(_ process: Process, _ call: String) {
    guard world.isTroubled, !process.isDead else { return }
    if !held.isEmpty { release(call) }
    guard let index = armed.firstIndex(where: { $0.call == call && $0.since <= world.scheduler.now }) else { return }
    armed[index].left -= 1
    guard armed[index].left == 0 else { return }
    let breakpoint = armed.remove(at: index)
    world.count(.breakpoint)
    world.trace("-- before \(call) of \(process.name): \(breakpoint.action), with \(breakpoint.company.map(\.kind))")
    let before = world.database.state
    for (company, after) in breakpoint.company {
      start(company, after: after, with: process, at: call, since: before)
    }
    act(breakpoint, on: process)
  }

  /// - Parameter before: the database just before the call.
  private func start(
    _ company: Breakpoint.Company, after: Int64, with process: Process?, at call: String,
    since before: DatabaseState? = nil
  ) {
    let restores = world.database.restores
    world.scheduler.spawn("company", after: after) { [self, world] in
      guard world.isTroubled, !world.scheduler.isEnding else { return }
      // What went back meanwhile is on another branch.
      start(company, with: process, at: call, since: world.database.restores == restores ? before : nil)
    }
  }

  /// What is held goes on when somebody comes to that step.
  func hold(until step: String?, _ goOn: @escaping () -> Void) {
    guard let step, held.count < Self.heldLimit else { return }
    held.append((step, goOn))
  }

  private func release(_ call: String) {
    let due = held.filter { $0.until == call }
    if due.isEmpty { return }
    held.removeAll { $0.until == call }
    world.count(.breakpointMet)
    world.trace("-- \(call): what was held goes on")
    for one in due { one.goOn() }
    // Who is first is a matter of luck; some of them meet in the database.
    if world.scheduler.random.chance(0.5) {
      world.scheduler.sleep(world.scheduler.random.nanoseconds(Self.wakeSeconds))
    } else if world.scheduler.random.chance(0.5) {
      world.nextSlowness = world.scheduler.random.nanoseconds(0.05...1)
    }
  }

  private func act(_ breakpoint: Breakpoint, on process: Process) {
    let scheduler = world.scheduler
    func next(_ fate: Connection.Fate) { (world.nextFate, world.nextUntil) = (fate, breakpoint.until) }
    switch breakpoint.action {
    case .none: break
    case .stop:
      process.pausedUntil = scheduler.now + breakpoint.nanoseconds
      hold(until: breakpoint.until) { process.goOn(scheduler) }
      if scheduler.current.process === process { scheduler.sleep(1) }
    case .kill: kill(process)
    case .hold:
      let fiber = scheduler.current
      hold(until: breakpoint.until) { scheduler.wake(fiber, at: scheduler.now) }
      scheduler.sleep(breakpoint.nanoseconds)
    case .late:
      next(.late)
      world.nextDelay = breakpoint.nanoseconds
    case .replySlow:
      next(.replySlow)
      world.nextDelay = breakpoint.nanoseconds
    case .replyLost: next(.replyLost)
    case .requestLost: next(.requestLost)
    case .slow: world.nextSlowness = breakpoint.nanoseconds
    }
  }

  private func kill(_ process: Process) {
    if let instance = world.instances.first(where: { $0.process === process }) { return chaos.crash(instance) }
    world.trace("\(process.name) is killed")
    process.die(world.scheduler)
    for session in process.sessions where !session.isTerminated { world.endLater(session) }
  }

  /// - Parameter call: of the process, if there is one: it may name the projection.
  private func start(
    _ company: Breakpoint.Company, with process: Process?, at call: String, since before: DatabaseState?
  ) {
    switch company {
    case .restart: if let instance = chaos.anybody() { chaos.crash(instance) }
    case .namesake:
      guard let instance = world.instances.first(where: { $0.process === process }) ?? chaos.anybody() else { return }
      chaos.startNamesake(of: instance)
    case .newcomer: chaos.newcomer()
    case .silence:
      for instance in world.instances where instance.isRunning && instance.process !== process {
        instance.pause(for: world.scheduler.random.nanoseconds(Self.silenceSeconds))
      }
    case .events: write(of: nil)
    case .rebuild:
      let named = process?.subject(in: World.projections) ?? World.projections.first { call.hasSuffix($0) }
      chaos.rebuild(named ?? world.scheduler.random.pick(World.projections))
    case .discard: chaos.discard()
    case .forget:
      let person = subject(of: process) ?? world.scheduler.random.pick(World.people)
      if world.scheduler.random.chance(0.8) { write(of: person) }
      // Some of that is read before.
      if world.scheduler.random.chance(0.7) { world.scheduler.sleep(world.scheduler.random.nanoseconds(0...0.8)) }
      if world.isTroubled, !world.scheduler.isEnding { chaos.forget(person) }
    case .retry:
      // What they have written badly is to be a letter first.
      if let person = subject(of: process), world.scheduler.random.chance(0.5) {
        world.producers.writeBad(to: world.inputs[0], of: person)
        world.scheduler.sleep(world.scheduler.random.nanoseconds(0...1))
      }
      if world.isTroubled, !world.scheduler.isEnding { LetterRetry.start(in: world) }
    case .restore: chaos.goBack(to: world.scheduler.random.chance(0.5) ? before : nil)
    case .failover:
      world.scheduler.sleep(world.scheduler.random.nanoseconds(Self.happeningSeconds))
      if world.isTroubled, !world.scheduler.isEnding, let before {
        chaos.failOver(to: before, within: Self.failoverSeconds)
      }
    case .recreate: chaos.recreate()
    }
  }

  /// Whom the process forgets; instances go on with what was asked for last.
  private func subject(of process: Process?) -> String? {
    guard let process else { return nil }
    return process.subject(in: World.people) ?? world.recorded.last?.person
  }

  /// Hours apart, or at once.
  private func write(of person: String?) {
    let apart = world.scheduler.random.pick([0, 60, 3_600] as [Int64])
    let partition = world.scheduler.random.pick(world.inputs)
    if world.broker.log(partition) == nil { return }
    if person != nil, world.scheduler.random.chance(0.3) { world.producers.writeBad(to: partition, of: person) }
    let isLong = world.profile.fetchRecords != nil && person == nil
    world.write(
      world.scheduler.random.int(isLong ? Self.longBursts : Self.bursts), of: person, to: partition,
      secondsApart: isLong ? 0 : apart)
  }
}
