package import Engine

/// The stages of the daemon on their threads: started together, stopped in order.
package final class StageSet {
  /// Those that work with leases, and the keeper, which must outlive them.
  private let workers: [StageThread]
  private let keeper: StageThread
  private let finished: Waker

  /// `wakers` by the stage's name; `finished` is woken by each thread's end.
  package init(workers: [(any Stage, Waker)], keeper: (any Stage, Waker)) {
    let finished = Waker()
    self.finished = finished
    self.workers = workers.map { StageThread($0.0, waker: $0.1, onFinish: finished) }
    self.keeper = StageThread(keeper.0, waker: keeper.1, onFinish: finished)
  }

  package var progress: [StageProgress] { (workers + [keeper]).map(\.progress) }

  package func start() {
    keeper.start()
    for worker in workers { worker.start() }
  }

  /// Stops the workers, then the keeper, which gives the leases back; returns the names of those that did not end by the
  /// deadline (monotonic nanoseconds).
  package func stop(by deadline: Int64) -> [String] {
    for worker in workers { worker.stop() }
    wait(for: workers, until: deadline)
    keeper.stop()
    wait(for: [keeper], until: deadline)
    return (workers + [keeper]).filter { !$0.isFinished }.map(\.progress.name)
  }

  private func wait(for threads: [StageThread], until deadline: Int64) {
    while !threads.allSatisfy(\.isFinished), SystemClock.monotonicNanoseconds() < deadline {
      finished.wait(until: deadline)
    }
  }
}
