import Engine
import Service
import Synchronization
import Testing

/// Long enough that a wait which ends before it was woken, and short enough for a test that fails.
private let generous: Int64 = 20_000_000_000

@Suite("Threads of stages")
struct ThreadsTests {
  @Test("a waker that was woken before returns at once, and only once")
  func wokenBefore() {
    let waker = Waker()
    waker.wake()
    waker.wake()
    #expect(waker.wait(until: SystemClock.monotonicNanoseconds() + generous))
    #expect(!waker.wait(until: SystemClock.monotonicNanoseconds() + 1_000_000))
  }

  @Test("a moment that has passed, or never was, ends the wait")
  func passed() {
    #expect(!Waker().wait(until: SystemClock.monotonicNanoseconds() - 1))
    #expect(!Waker().wait(until: .min))
  }

  /// Steps once for each wake-up, and says when it did.
  private final class CountingStage: Stage, @unchecked Sendable {
    let name = "counting"
    let steps = Atomic<Int>(0)
    let stops = Atomic<Int>(0)
    let stepped = Waker()
    func step(_ now: Instant) -> NextStep {
      steps.wrappingAdd(1, ordering: .sequentiallyConsistent)
      stepped.wake()
      return .at(.max)
    }
    func stop(_ now: Instant) { stops.wrappingAdd(1, ordering: .sequentiallyConsistent) }
  }

  @Test("a stage steps when it is woken, and is stopped once, after its last step")
  func stageThread() {
    let stage = CountingStage()
    let finished = Waker()
    let thread = StageThread(stage, waker: Waker(), onFinish: finished)
    let deadline = SystemClock.monotonicNanoseconds() + generous
    thread.start()
    #expect(stage.stepped.wait(until: deadline))
    thread.waker.wake()
    #expect(stage.stepped.wait(until: deadline))
    #expect(!thread.isFinished && stage.stops.load(ordering: .sequentiallyConsistent) == 0)
    thread.stop()
    #expect(finished.wait(until: deadline))
    #expect(thread.isFinished && stage.stops.load(ordering: .sequentiallyConsistent) == 1)
    #expect(stage.steps.load(ordering: .sequentiallyConsistent) >= 2)
  }

  @Test("who gives the leases back is stopped in time, whatever a worker does")
  func stageSet() {
    /// Its step ends when it is told to.
    final class HeldStage: Stage, @unchecked Sendable {
      let name = "held"
      let begun = Waker()
      let goOn = Waker()
      func step(_ now: Instant) -> NextStep {
        begun.wake()
        goOn.wait(until: SystemClock.monotonicNanoseconds() + generous)
        return .immediately
      }
      func stop(_ now: Instant) {}
    }
    let (worker, keeper) = (HeldStage(), CountingStage())
    let set = StageSet(workers: [(worker, Waker())], outliving: [(keeper, Waker())])
    set.start()
    #expect(worker.begun.wait(until: SystemClock.monotonicNanoseconds() + generous))
    let now = SystemClock.monotonicNanoseconds()
    #expect(set.stop(workersBy: now + 1_000_000, by: now + generous) == ["held"])
    #expect(keeper.stops.load(ordering: .sequentiallyConsistent) == 1)
    worker.goOn.wake()
    #expect(set.stop(workersBy: now + generous, by: now + generous).isEmpty)
  }

  @Test("an attempt says nothing while it is under way, and keeps what it found")
  func attempt() {
    let goOn = Waker()
    let attempt = Attempt("attempt") { () -> Int in
      goOn.wait(until: SystemClock.monotonicNanoseconds() + generous)
      return 7
    }
    #expect(attempt.value(within: 1_000_000) == nil)
    goOn.wake()
    #expect(attempt.value(within: generous) == 7)
    #expect(attempt.value(within: 0) == 7)
  }
}

@Suite("The watchdog")
struct WatchdogTests {
  private let second: Int64 = 1_000_000_000

  @Test(
    "is fed only while every stage finished a step within the limit, or its backend is at work",
    arguments: [
      // Last steps of ingest and projects, now (seconds), who is at work, who is stuck.
      (0, 0, 10, [], []),
      (0, 0, 11, [], ["ingest", "projects"]),
      (5, 0, 11, [], ["projects"]),
      (5, 0, 11, ["projects"], []),
      (5, 0, 16, ["projects"], ["ingest"]),
      (100, 91, 101, ["ingest"], []),
    ] as [(Int64, Int64, Int64, [String], [String])])
  func verdicts(ingest: Int64, projects: Int64, now: Int64, atWork: [String], stuck: [String]) {
    let stages = [StageProgress(name: "ingest", now: 0), StageProgress(name: "projects", now: 0)]
    stages[0].stepFinished(at: ingest * second)
    stages[1].stepFinished(at: projects * second)
    let verdict = Watchdog(limitNanoseconds: 10 * second).judge(stages, now: now * second) { atWork.contains($0) }
    switch verdict {
    case .feed: #expect(stuck == [])
    case .hold(let found): #expect(found.map(\.stage) == stuck && found.allSatisfy { $0.seconds > 10 })
    }
  }
}
