package import Events

/// A moment as a stage sees it: `monotonic` for waiting and timeouts, `wall` for the one rule that compares an event with a
/// clock. The simulator sets both.
package struct Instant: Sendable {
  package var monotonicNanoseconds: Int64
  package var wall: Timestamp
  package init(monotonicNanoseconds: Int64, wall: Timestamp) {
    (self.monotonicNanoseconds, self.wall) = (monotonicNanoseconds, wall)
  }
}

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

/// What a stage says to people. The daemon logs it; tests collect it.
package enum Severity: Int, Comparable, Sendable {
  case debug, info, notice, warning, error
  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Whom a stage tells that, from any thread; it never fails.
package protocol Reporter: Sendable {
  /// `fields` are for machines, in the order given; the message stands without them.
  func report(_ severity: Severity, _ message: String, _ fields: [(String, String)])
}

extension Reporter {
  package func report(_ severity: Severity, _ message: String) { report(severity, message, []) }
}
