import Glibc

/// How far a long command is, on standard error: one line that changes on a terminal, else a line now and then.
package struct ProgressLine {
  private let isTerminal: Bool
  private var sayAt: Int64 = 0
  private var isOpen = false

  private static let terminalNanoseconds: Int64 = 200_000_000
  private static let lineNanoseconds: Int64 = 10_000_000_000
  private static let barCells = 24

  package init() { isTerminal = isatty(STDERR_FILENO) == 1 }

  /// `done` of `total` in a unit that `what` tells; `perSecond` of them, 0 while that is not known.
  package mutating func show(_ what: String, done: Int64, of total: Int64, perSecond: Double) {
    let now = SystemClock.monotonicNanoseconds()
    guard now >= sayAt else { return }
    sayAt = now + (isTerminal ? Self.terminalNanoseconds : Self.lineNanoseconds)
    let text = Self.text(what, done: done, of: total, perSecond: perSecond)
    if isTerminal {
      standardError("\r\(Self.bar(done, total)) \(text)\u{1B}[K")
      isOpen = true
    } else {
      standardError("\(text)\n")
    }
  }

  /// To be called before anything else is said.
  package mutating func end() {
    if isOpen { standardError("\r\u{1B}[K") }
    isOpen = false
  }

  /// A second, since a moment in monotonic nanoseconds.
  static func rate(_ count: Int64, since began: Int64) -> Double {
    let elapsed = SystemClock.monotonicNanoseconds() - began
    return elapsed > 0 ? Double(count) * 1e9 / Double(elapsed) : 0
  }

  static func text(_ what: String, done: Int64, of total: Int64, perSecond: Double) -> String {
    var text = "\(what): \(percent(done, total))%"
    if perSecond >= 1 {
      text += ", \(Int64(perSecond)) a second"
      if total > done { text += ", about \(duration(Double(total - done) / perSecond)) left" }
    }
    return text
  }

  private static func percent(_ done: Int64, _ total: Int64) -> Int64 {
    total <= 0 ? 100 : Int64(100 * Double(min(done, total)) / Double(total))
  }

  private static func bar(_ done: Int64, _ total: Int64) -> String {
    let full = total <= 0 ? barCells : Int(Double(barCells) * Double(min(done, total)) / Double(total))
    return "[" + String(repeating: "#", count: full) + String(repeating: "·", count: barCells - full) + "]"
  }

  static func duration(_ seconds: Double) -> String {
    let whole = Int64(min(seconds.rounded(.up), 1e9))
    if whole < 120 { return "\(whole) s" }
    if whole < 7_200 { return "\(whole / 60) min" }
    return "\(whole / 3_600) h"
  }
}
