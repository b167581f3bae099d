/// Where a share moves; as SQL has it, −1, 0 and 1.
enum TrendDirection: Int16 {
  case down = -1
  case stable = 0
  case up = 1

  var name: StaticString {
    switch self {
    case .down: "down"
    case .stable: "stable"
    case .up: "up"
    }
  }
}

/// How a thing's share of a whole differs between the current window and the previous one.
struct Trend {
  var usage: Int64
  var whole: Int64
  var previousUsage: Int64
  var previousWhole: Int64

  /// 99% two-sided, and 5% of change (1 part in 20) at least.
  private static let leastZ = 2.576
  private static let leastChangeParts: Int128 = 20

  /// share / previous share − 1 as an exact fraction; nil where the previous share is 0 or has no value.
  private var change: (numerator: Int128, denominator: Int128)? {
    if whole == 0 || previousWhole == 0 || previousUsage == 0 { return nil }
    let denominator = Int128(whole) * Int128(previousUsage)
    return (Int128(usage) * Int128(previousWhole) - denominator, denominator)
  }

  /// 100 × (share / previous share − 1), rounded once where both sides of the fraction fit in 53 bits, as in SQL; nil where the
  /// previous share is 0 or has no value.
  var percentage: Double? {
    guard let change else { return nil }
    let (numerator, overflows) = change.numerator.multipliedReportingOverflow(by: 100)
    if overflows { return 100 * (Double(change.numerator) / Double(change.denominator)) }
    return Double(numerator) / Double(change.denominator)
  }

  /// Pooled two-proportion z of current against previous; nil where a whole is 0, 0 where the deviation is 0.
  var z: Double? {
    pooledZ(part: usage, whole: whole, otherPart: previousUsage, otherWhole: previousWhole)
  }

  var direction: TrendDirection {
    guard let z, abs(z) >= Self.leastZ else { return .stable }
    if let change, change.numerator.magnitude * Self.leastChangeParts.magnitude < change.denominator.magnitude {
      return .stable
    }
    return z > 0 ? .up : .down
  }
}
