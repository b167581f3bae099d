import CCoroutine

/// Something that runs by itself in the world: a stage's thread, a statement in the database, an operator.
///
/// Each has a stack of its own, so that what blocks in a port call is suspended there and others go on meanwhile.
final class Fiber {
  /// Debug builds have large frames.
  static let stackBytes = 512 << 10

  let name: String
  /// nil for what is no part of an instance.
  let process: Process?
  fileprivate let coroutine: OpaquePointer
  fileprivate var body: (() -> Void)?
  /// Counts the moments it was told to wake up at: only the newest counts.
  fileprivate(set) var alarm = 0
  fileprivate(set) var wakeAt: Int64 = 0
  /// Waits for its next step, and not inside of a call.
  fileprivate var isIdle = false
  fileprivate var isPoked = false
  fileprivate(set) var isFinished = false
  /// Among those that are alive.
  fileprivate var index = 0

  fileprivate init(_ name: String, _ process: Process?, _ coroutine: OpaquePointer, _ body: @escaping () -> Void) {
    (self.name, self.process, self.coroutine, self.body) = (name, process, coroutine, body)
  }
}

/// Stacks that worlds of one thread use one after the other.
package final class FiberStacks {
  private var free: [OpaquePointer] = []
  package init() {}
  deinit { for coroutine in free { pleat_coroutine_destroy(coroutine) } }

  fileprivate func take() -> OpaquePointer {
    if let coroutine = free.popLast() { return coroutine }
    guard let coroutine = pleat_coroutine_create(Fiber.stackBytes) else { fatalError("no memory for a stack") }
    return coroutine
  }
  fileprivate func giveBack(_ coroutine: OpaquePointer) { free.append(coroutine) }
}

/// Virtual time, and who runs when. One fiber runs at a time, until it waits for something; who is next is a matter of the
/// moments they wait for and, between equals, of the seed.
final class Scheduler {
  private struct Entry {
    var time: Int64
    var order: UInt64
    /// Held by `all`.
    var fiber: Unmanaged<Fiber>
    var alarm: Int
    func precedes(_ other: Entry) -> Bool { time != other.time ? time < other.time : order < other.order }
  }

  /// A world that does not come to rest: some fibers keep waking each other.
  static let switchLimit = 300_000

  /// Nanoseconds since the world began.
  private(set) var now: Int64 = 0
  var random: Random
  private(set) var switches = 0
  private let stacks: FiberStacks
  private var heap: [Entry] = []
  private var running: Fiber?
  /// Every fiber of the world, so that what waits in the heap need not count references.
  private var all: [Fiber] = []
  /// Set once the world has ended: every fiber is to come to its end.
  private(set) var isEnding = false
  private var alive: [Fiber] = []

  init(random: Random, stacks: FiberStacks) { (self.random, self.stacks) = (random, stacks) }

  var current: Fiber {
    guard let running else { preconditionFailure("nobody runs") }
    return running
  }

  @discardableResult
  func spawn(_ name: String, _ process: Process? = nil, after delay: Int64 = 0, _ body: @escaping () -> Void) -> Fiber {
    let fiber = Fiber(name, process, stacks.take(), body)
    process?.fibers.append(fiber)
    fiber.index = alive.count
    alive.append(fiber)
    all.append(fiber)
    pleat_coroutine_start(
      fiber.coroutine,
      { argument in
        guard let argument else { return }
        let fiber = Unmanaged<Fiber>.fromOpaque(argument).takeUnretainedValue()
        let body = fiber.body
        fiber.body = nil
        body?()
      }, Unmanaged.passUnretained(fiber).toOpaque())
    wake(fiber, at: now + delay)
    return fiber
  }

  /// Lets a fiber go on at a moment, whatever it waited for.
  func wake(_ fiber: Fiber, at time: Int64) {
    guard !fiber.isFinished else { return }
    fiber.alarm += 1
    fiber.wakeAt = max(time, now)
    push(Entry(time: fiber.wakeAt, order: random.next(), fiber: .passUnretained(fiber), alarm: fiber.alarm))
  }

  /// Suspends the running fiber until `wake`.
  func suspend() {
    let fiber = current
    pleat_coroutine_suspend(fiber.coroutine)
  }

  /// The running fiber goes on so much later.
  func sleep(_ nanoseconds: Int64) {
    if isEnding { return }
    wake(current, at: now + nanoseconds)
    suspend()
  }

  /// The same between steps, where a `poke` ends it.
  func idle(until time: Int64) {
    let fiber = current
    if isEnding { return }
    if fiber.isPoked {
      fiber.isPoked = false
      return sleep(random.nanoseconds(1e-5...2e-4))
    }
    fiber.isIdle = true
    wake(fiber, at: time)
    suspend()
    fiber.isIdle = false
  }

  func poke(_ fiber: Fiber) {
    guard fiber.isIdle else {
      fiber.isPoked = true
      return
    }
    let soon = now + random.nanoseconds(1e-5...5e-4)
    if soon < fiber.wakeAt { wake(fiber, at: soon) }
  }

  /// Runs the world up to a moment; `isDone` is asked between any two fibers.
  func run(until end: Int64, _ isDone: () -> Bool = { false }) {
    while let next = heap.first, next.time <= end, switches < Self.switchLimit {
      pop()
      let fiber = next.fiber.takeUnretainedValue()
      guard next.alarm == fiber.alarm, !fiber.isFinished else { continue }
      if let process = fiber.process, process.pausedUntil > next.time, !process.isDead {
        wake(fiber, at: process.pausedUntil)
        continue
      }
      now = max(now, next.time)
      resume(fiber)
      if isDone() { return }
    }
    now = max(now, end)
  }

  private func resume(_ fiber: Fiber) {
    switches += 1
    running = fiber
    let goesOn = pleat_coroutine_resume(fiber.coroutine)
    running = nil
    guard !goesOn else { return }
    fiber.isFinished = true
    stacks.giveBack(fiber.coroutine)
    let last = alive.removeLast()
    if last !== fiber {
      alive[fiber.index] = last
      last.index = fiber.index
    }
    if let process = fiber.process { process.fibers.removeAll { $0 === fiber } }
  }

  /// Lets every fiber come to its end: calls fail, loops end.
  func end() {
    isEnding = true
    /// A fiber that does not end after so many attempts is a defect of the simulator.
    let attempts = 10_000
    for _ in 0..<attempts {
      guard let fiber = alive.last else {
        (heap, all) = ([], [])
        return
      }
      resume(fiber)
    }
    fatalError("a fiber does not end: \(alive.map(\.name))")
  }

  // MARK: A binary heap

  private func push(_ entry: Entry) {
    heap.append(entry)
    heap.withUnsafeMutableBufferPointer { heap in
      var i = heap.count - 1
      while i > 0 {
        let parent = (i - 1) / 2
        guard entry.precedes(heap[parent]) else { break }
        heap[i] = heap[parent]
        i = parent
      }
      heap[i] = entry
    }
  }

  private func pop() {
    let last = heap.removeLast()
    guard !heap.isEmpty else { return }
    heap.withUnsafeMutableBufferPointer { heap in
      var i = 0
      while true {
        var child = 2 * i + 1
        guard child < heap.count else { break }
        if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
        guard heap[child].precedes(last) else { break }
        heap[i] = heap[child]
        i = child
      }
      heap[i] = last
    }
  }
}

/// An instance as its machine sees it.
final class Process {
  let name: String
  /// Whatever it waits for ends, and nothing it does has an effect any more.
  private(set) var isDead = false
  /// Stopped (SIGSTOP, a machine that is suspended) until then.
  var pausedUntil: Int64 = 0
  /// Its clocks against the world's: nanoseconds, and microseconds.
  var monotonicOffset: Int64 = 0
  var wallSkew: Int64 = 0
  /// Until then it reaches no database, no broker.
  var databaseAwayUntil: Int64 = 0
  var brokerAwayUntil: Int64 = 0
  fileprivate(set) var fibers: [Fiber] = []
  var sessions: [Session] = []
  /// A transaction is open, or a statement under way.
  var isAtWork: Bool { sessions.contains { !$0.isTerminated && ($0.isInTransaction || $0.isExecuting) } }

  /// The projection it rebuilds, the person it forgets.
  var subject: String?

  init(_ name: String) { self.name = name }

  /// Its subject, if it is one of these.
  func subject(in all: [String]) -> String? { subject.flatMap { all.contains($0) ? $0 : nil } }

  /// SIGCONT, before the time.
  func goOn(_ scheduler: Scheduler) {
    if isDead || pausedUntil <= scheduler.now { return }
    let was = pausedUntil
    pausedUntil = 0
    for fiber in fibers where fiber.wakeAt == was { scheduler.wake(fiber, at: scheduler.now) }
  }

  func die(_ scheduler: Scheduler) {
    isDead = true
    for fiber in fibers { scheduler.wake(fiber, at: scheduler.now) }
  }
}
