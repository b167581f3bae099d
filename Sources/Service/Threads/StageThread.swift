package import Engine
import Glibc
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

  /// Begins; once. Signals are the main thread's: whoever calls has blocked them.
  package func start() {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(self)
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let this = Unmanaged<StageThread>.fromOpaque(argument).takeRetainedValue()
        this.run()
        return nil
      }, box.toOpaque())
    precondition(status == 0, "no thread for \(progress.name): \(String(cString: strerror(status)))")
    pthread_detach(thread)
  }

  /// Asks for the end; `isFinished` says when it is there.
  package func stop() {
    stopping.store(true, ordering: .releasing)
    waker.wake()
  }

  private func run() {
    nameThread()
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

  /// For `top -H` and the like; where the kernel offers no such file the thread stays nameless.
  private func nameThread() {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    if descriptor < 0 { return }
    // The kernel keeps 15 bytes.
    let name = Array(progress.name.utf8.prefix(15))
    _ = write(descriptor, name, name.count)
    close(descriptor)
  }
}
