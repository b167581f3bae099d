/// When a stage wants to be called again. A wake-up (a record, a batch, a lease) may call it earlier.
package enum NextStep: Sendable {
  case immediately
  /// Monotonic nanoseconds.
  case at(Int64)
}

/// A part of the pipeline: reads from a log, folds, and commits outputs and cursor in one transaction.
///
/// `step` does what can be done now and never sleeps (its ports may block in the broker or the database). It does not throw:
/// what fails becomes state, is said once, and is tried again at the moment it returns. One thread calls it.
package protocol Stage: AnyObject {
  /// For logs, leases and `freshness`: `ingest`, `projects`, `models`, `activity`, `rebuild`, `relay`, `leases`, `probe`.
  var name: String { get }
  func step(_ now: Instant) -> NextStep
  /// Finishes what is begun and gives back what it holds; called once, after the last `step`.
  func stop(_ now: Instant)
}
