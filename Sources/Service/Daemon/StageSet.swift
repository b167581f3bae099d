package import Engine

/// The stages of the daemon on their threads: started together, stopped in order.
package final class StageSet {
  /// Those that work with leases.
  private let workers: [StageThread]
  /// What they need to their end: the keeper of leases, and who publishes how far they came.
  private let outliving: [StageThread]
  private let finished: Waker

  /// With the waker of each; the ends of their threads are waited for here.
  package init(workers: [(any Stage, Waker)], outliving: [(any Stage, Waker)]) {
    let finished = Waker()
    self.finished = finished
    self.workers = workers.map { StageThread($0.0, waker: $0.1, onFinish: finished) }
    self.outliving = outliving.map { StageThread($0.0, waker: $0.1, onFinish: finished) }
  }

  package var progress: [StageProgress] { (workers + outliving).map(\.progress) }

  package func start() { for thread in outliving + workers { thread.start() } }

  /// Stops the workers, and once they have ended, or `workersBy` at the latest, the others, among them who gives the leases back;
  /// returns the names of those that did not end by `deadline` (both in monotonic nanoseconds).
  package func stop(workersBy: Int64, by deadline: Int64) -> [String] {
    for (threads, end) in [(workers, workersBy), (outliving, deadline)] {
      for thread in threads { thread.stop() }
      wait(for: threads, until: end)
    }
    return (workers + outliving).filter { !$0.isFinished }.map(\.progress.name)
  }

  private func wait(for threads: [StageThread], until deadline: Int64) {
    while !threads.allSatisfy(\.isFinished), SystemClock.monotonicNanoseconds() < deadline {
      finished.wait(until: deadline)
    }
  }
}
