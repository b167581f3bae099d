import Events
import Glibc

/// Successes among outcomes.
struct Rate: Equatable {
  var successes: Int64
  var outcomes: Int64

  /// z of the 95% interval, and its square.
  private static let z = 1.959963984540054
  private static let zSquared = 3.841458820694124
  /// 99% two-sided, and a difference of 1 part in 20 at least.
  private static let leastZ = 2.576
  private static let leastDifferenceParts: Int128 = 20

  /// nil without outcomes.
  var value: Double? { outcomes == 0 ? nil : Double(successes) / Double(outcomes) }

  /// The ends of the Wilson 95% interval; nil without outcomes.
  var low: Double? { successes == 0 && outcomes != 0 ? 0 : end(-1) }
  var high: Double? { successes == outcomes && outcomes != 0 ? 1 : end(1) }

  private func end(_ side: Double) -> Double? {
    if outcomes == 0 { return nil }
    let (x, n) = (Double(successes), Double(outcomes))
    let half = Self.z * sqrt(Self.zSquared + 4 * x * (n - x) / n)
    return (2 * x + Self.zSquared + side * half) / (2 * (n + Self.zSquared))
  }

  /// By at least 0.05, compared as exact fractions, and by |pooled z| ≥ 2.576. Both have outcomes.
  func differs(from other: Rate) -> Bool {
    let difference = Int128(successes) * Int128(other.outcomes) - Int128(other.successes) * Int128(outcomes)
    let whole = Int128(outcomes) * Int128(other.outcomes)
    if difference.magnitude * Self.leastDifferenceParts.magnitude < whole.magnitude { return false }
    let z = pooledZ(
      part: successes, whole: outcomes, otherPart: other.successes, otherWhole: other.outcomes)
    return abs(z ?? 0) >= Self.leastZ
  }
}

/// Pooled two-proportion z of a part of a whole against another's; nil where a whole is 0, 0 where the deviation is 0.
func pooledZ(part: Int64, whole: Int64, otherPart: Int64, otherWhole: Int64) -> Double? {
  if whole == 0 || otherWhole == 0 { return nil }
  let (n, m) = (Double(whole), Double(otherWhole))
  let pooled = Double(part + otherPart) / (n + m)
  // From the counts, as the views do: 1 − pooled would lose digits near 1.
  let complement = Double(whole + otherWhole - part - otherPart) / (n + m)
  let deviation = sqrt(pooled * complement * (1 / n + 1 / m))
  return deviation == 0 ? 0 : (Double(part) / n - Double(otherPart) / m) / deviation
}

extension RowReader {
  /// `announced_successes` and `announced_outcomes`, null before the first.
  mutating func rate() -> Rate? {
    let (successes, outcomes) = (bigint(), bigint())
    guard let successes, let outcomes else { return nil }
    guard (0...1 << 62).contains(outcomes), (0...outcomes).contains(successes) else {
      FoldFault.note("a stored rate is \(successes) of \(outcomes)")
      return nil
    }
    return Rate(successes: successes, outcomes: outcomes)
  }
}

extension RowWriter {
  mutating func rate(_ rate: Rate?) {
    bigint(rate?.successes)
    bigint(rate?.outcomes)
  }
}
