import Glibc

/// Values of which only their number, their sum and the sum of their squares are known. None is negative.
struct Sample: Equatable {
  var count: Int64
  var sum: Int128
  var squares: Int128

  /// Part of the reference's mean (1 in 5), and standard errors of the difference, by which a mean differs at least.
  private static let leastChangeParts = 5
  private static let leastErrors = 4.0

  var mean: Double { Double(sum) / Double(count) }

  /// n·Σx² − (Σx)², which is n·(n − 1) times the sample variance.
  private var scaledVariance: Double {
    let whole = Wide(UInt128(count), squares.magnitude)
    let square = Wide(sum.magnitude, sum.magnitude)
    // Only sums of squares that do not fit could be less.
    return whole < square ? 0 : whole.subtracting(square).double
  }

  /// Of the mean, squared. The sample has 2 values or more.
  private var squaredError: Double {
    let n = Double(count)
    return scaledVariance / (n * n * (n - 1))
  }

  /// Whether the mean differs from the reference's by at least 20% of the latter, compared as exact fractions, and by 4 standard
  /// errors of the difference of the two means (sample variances; Welch, "The generalization of 'Student's' problem when several
  /// different population variances are involved", 1947). Both have 2 values or more.
  func differs(from reference: Sample) -> Bool {
    let mine = Wide(sum.magnitude, UInt128(reference.count))
    let others = Wide(reference.sum.magnitude, UInt128(count))
    if mine == others { return false }
    let difference = mine < others ? others.subtracting(mine) : mine.subtracting(others)
    var scaled = difference
    for _ in 1..<Self.leastChangeParts { scaled = scaled.adding(difference) }
    if scaled < others { return false }
    let means = difference.double / (Double(count) * Double(reference.count))
    return means >= Self.leastErrors * sqrt(squaredError + reference.squaredError)
  }
}

/// A product of two 128-bit integers.
struct Wide: Comparable {
  private var high: UInt128
  private var low: UInt128

  init(_ a: UInt128, _ b: UInt128) { (high, low) = a.multipliedFullWidth(by: b) }

  static func < (a: Wide, b: Wide) -> Bool { (a.high, a.low) < (b.high, b.low) }

  /// `other` is not greater.
  func subtracting(_ other: Wide) -> Wide {
    var result = self
    let (low, borrows) = low.subtractingReportingOverflow(other.low)
    (result.low, result.high) = (low, high - other.high - (borrows ? 1 : 0))
    return result
  }

  func adding(_ other: Wide) -> Wide {
    var result = self
    let (low, carries) = low.addingReportingOverflow(other.low)
    (result.low, result.high) = (low, high + other.high + (carries ? 1 : 0))
    return result
  }

  var double: Double { Double(high) * 0x1p128 + Double(low) }
}
