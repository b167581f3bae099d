/// A moment in microseconds since 1970-01-01T00:00:00Z. Days and hours are UTC.
package struct Timestamp: Hashable, Comparable, Sendable {
  package var microseconds: Int64

  package init(microseconds: Int64) { self.microseconds = microseconds }

  package static let microsecondsPerHour: Int64 = 3_600_000_000
  package static let microsecondsPerDay: Int64 = 86_400_000_000

  /// Whole hours since the epoch, rounded down.
  package var hour: Int32 { Int32(floorDivide(microseconds, Self.microsecondsPerHour)) }
  /// Whole days since the epoch, rounded down.
  package var day: Int32 { Int32(floorDivide(microseconds, Self.microsecondsPerDay)) }

  package static func < (a: Self, b: Self) -> Bool { a.microseconds < b.microseconds }
}

@inline(__always)
package func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
  let quotient = a / b
  return a % b < 0 ? quotient - 1 : quotient
}
