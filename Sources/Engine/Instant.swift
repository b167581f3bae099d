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
