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
