import Glibc
import Service

/// A line on the terminal that says how far `generate` has come; nothing where standard error is no terminal, or events
/// go to the same terminal.
struct GenerateProgress {
  private let total: Int
  private let isShown: Bool
  private let start = SystemClock.monotonicNanoseconds()
  private var done = 0
  private var shownAt: Int64 = 0

  private static let interval = SystemClock.nanosecondsPerSecond / 5
  /// The clock is looked at once in so many events, or more often where they are slow.
  private static let mostBetweenLooks = 1024

  /// - Parameter isShown: false where events go to the terminal.
  init(total: Int, isShown: Bool) {
    self.total = total
    self.isShown = isShown && isatty(STDERR_FILENO) == 1
  }

  mutating func advance() {
    done += 1
    if isShown, done % min(Self.mostBetweenLooks, max(1, total / 1000)) == 0 { show() }
  }

  private mutating func show() {
    let now = SystemClock.monotonicNanoseconds()
    if now - shownAt < Self.interval { return }
    shownAt = now
    let seconds = Double(now - start) / 1e9
    let rate = Double(done) / max(seconds, 0.001)
    let left = Double(total - done) / max(rate, 0.001)
    standardError(
      "\r\(done) of \(total) events (\(done * 100 / total)%), \(Int(rate)) a second, \(Int(left)) s left\u{1B}[K")
  }

  mutating func finish() {
    if !isShown { return }
    let seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
    standardError(
      "\r\(done) events in \(Int(seconds * 10) / 10).\(Int(seconds * 10) % 10) s, \(Int(Double(done) / max(seconds, 0.001))) a second\u{1B}[K\n"
    )
  }
}
