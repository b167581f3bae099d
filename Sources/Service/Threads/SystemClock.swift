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

  package static func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * nanosecondsPerSecond + Int64(time.tv_nsec)
  }
}
