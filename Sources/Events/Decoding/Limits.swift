/// The contract's limits on what a member may hold.
enum Limits {
  static let identifierBytes = 255
  static let nameBytes = 100
  static let technologies = 1...64
  static let steps: ClosedRange<Int64> = 1...20
  static let ratings: ClosedRange<Int64> = 1...5
  /// 10^9 milliseconds.
  static let durationMicroseconds: Int64 = 1_000_000_000_000
  static let tokens: ClosedRange<Int64> = 0...1_000_000_000_000
  /// 10^6 dollars.
  static let nanodollars: Int64 = 1_000_000_000_000_000
  static let nanodollarDigits = 9
  /// 1, as a fraction.
  static let millionths: Int64 = 1_000_000
  static let millionthDigits = 6
  /// From milliseconds to microseconds.
  static let microsecondDigits = 3
}
