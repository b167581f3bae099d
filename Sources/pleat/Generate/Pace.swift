import Glibc
import Service

/// Holds a loop to so many rounds a second, counted from its start, so that a delay is made up for.
struct Pace {
  private let nanosecondsPerRound: Double?
  private let start = SystemClock.monotonicNanoseconds()
  private var rounds = 0
  /// Known to lie before now.
  private var reached: Int64 = 0

  /// Shorter waits are not worth a system call: rounds come in small bursts.
  private static let shortestWait: Int64 = 2_000_000

  /// nil: no limit.
  init(perSecond rate: Double?) { nanosecondsPerRound = rate.map { 1e9 / $0 } }

  private var due: Int64 { Int64(Double(rounds) * (nanosecondsPerRound ?? 0)) }

  /// Whether the next `wait` will not return at once: time to hand over what is buffered.
  var mustWait: Bool {
    mutating get {
      guard nanosecondsPerRound != nil, due > reached else { return false }
      reached = SystemClock.monotonicNanoseconds() - start
      return due - reached > Self.shortestWait
    }
  }

  /// After each round.
  mutating func wait() {
    rounds += 1
    if nanosecondsPerRound == nil { return }
    while mustWait {
      let left = due - reached
      var time = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
      nanosleep(&time, nil)
    }
  }
}
