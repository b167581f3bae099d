package import Engine
import Synchronization

/// Runs one stage on a thread of its own: a step, then a wait until the stage wants the next one or is woken.
package final class StageThread: @unchecked Sendable {
  /// However long a stage wants to wait, it steps at least this often, so that its progress can be seen.
  package static let longestWaitNanoseconds: Int64 = 1_000_000_000

  package let progress: StageProgress
  package let waker: Waker
  // Touched by the stage's own thread only, from `start` on.
  private let stage: any Stage
  private let stopping = Atomic<Bool>(false)
  private let finished = Atomic<Bool>(false)
  /// Woken when the thread is at its end.
  private let onFinish: Waker

  package init(_ stage: any Stage, waker: Waker, onFinish: Waker) {
    (self.stage, self.waker, self.onFinish) = (stage, waker, onFinish)
    progress = StageProgress(name: stage.name, now: SystemClock.monotonicNanoseconds())
  }

  package var isFinished: Bool { finished.load(ordering: .acquiring) }

  /// Begins; once.
  package func start() { DetachedThread.start(progress.name) { [self] in run() } }

  /// Asks for the end; `isFinished` says when it is there.
  package func stop() {
    stopping.store(true, ordering: .releasing)
    waker.wake()
  }

  private func run() {
    while !stopping.load(ordering: .acquiring) {
      let next = stage.step(SystemClock.now())
      let now = SystemClock.monotonicNanoseconds()
      progress.stepFinished(at: now)
      if case .at(let moment) = next, moment > now {
        waker.wait(until: min(moment, now + Self.longestWaitNanoseconds))
      }
    }
    stage.stop(SystemClock.now())
    finished.store(true, ordering: .releasing)
    onFinish.wake()
  }
}
