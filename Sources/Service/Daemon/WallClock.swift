import Engine
import Events

/// Notices that somebody has set this host's clock, by the one that nobody sets.
struct WallClock {
  /// What NTP does by itself is less.
  static let tolerableMicroseconds: Int64 = 60_000_000

  private var offset: Int64

  init(_ now: Instant) { offset = Self.offset(now) }

  /// How far the clock was set since the last call, for people; nil where it was not.
  mutating func step(_ now: Instant) -> String? {
    let (before, after) = (offset, Self.offset(now))
    guard abs(after - before) > Self.tolerableMicroseconds else { return nil }
    offset = after
    let seconds = abs(after - before) / 1_000_000
    return after < before
      ? "back by \(seconds) s (where it is five minutes late now, `pleat deadletters retry --all` takes what is refused)"
      : "forward by \(seconds) s"
  }

  private static func offset(_ now: Instant) -> Int64 { now.wall.microseconds - now.monotonicNanoseconds / 1_000 }
}
