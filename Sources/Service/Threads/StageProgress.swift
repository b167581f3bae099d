import Synchronization

/// When a stage last finished a step, for the watchdog; written by the stage's thread, read by any.
package final class StageProgress: Sendable {
  package let name: String
  private let lastStep: Atomic<Int64>

  /// `now` in monotonic nanoseconds: a stage that has not begun yet counts from here.
  package init(name: String, now: Int64) {
    self.name = name
    lastStep = Atomic(now)
  }

  package func stepFinished(at now: Int64) { lastStep.store(now, ordering: .relaxed) }

  package var lastStepNanoseconds: Int64 { lastStep.load(ordering: .relaxed) }
}
