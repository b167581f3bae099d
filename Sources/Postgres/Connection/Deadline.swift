import Glibc

/// When a wait ends, by the monotonic clock.
struct Deadline {
  /// As given, for messages.
  let seconds: Int
  private let end: Int64

  init(seconds: Int) { self.init(milliseconds: Int64(seconds) * 1000) }

  init(milliseconds: Int64) {
    seconds = Int(milliseconds / 1000)
    end = Self.now + milliseconds
  }

  /// At least 0, as `poll` takes it.
  var millisecondsLeft: Int32 { Int32(clamping: max(end - Self.now, 0)) }
  var hasPassed: Bool { end <= Self.now }

  /// The monotonic clock, in milliseconds.
  static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
