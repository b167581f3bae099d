package import Engine
import Events
import Glibc

/// The machine's clocks, read by the daemon and nowhere below it.
package enum SystemClock {
  package static let nanosecondsPerSecond: Int64 = 1_000_000_000
  package static let nanosecondsPerMillisecond: Int64 = 1_000_000

  package static func now() -> Instant {
    var wall = timespec()
    clock_gettime(CLOCK_REALTIME, &wall)
    return Instant(
      monotonicNanoseconds: monotonicNanoseconds(),
      wall: Timestamp(microseconds: Int64(wall.tv_sec) * 1_000_000 + Int64(wall.tv_nsec) / 1000))
  }

  package static func monotonicNanoseconds() -> Int64 { nanoseconds(CLOCK_MONOTONIC) }

  /// The CPU time that the calling thread has used.
  package static func threadNanoseconds() -> Int64 { nanoseconds(CLOCK_THREAD_CPUTIME_ID) }

  private static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * nanosecondsPerSecond + Int64(time.tv_nsec)
  }
}
