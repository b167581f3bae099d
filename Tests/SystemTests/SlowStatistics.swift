import Foundation

/// Success rate with its Wilson interval (z = 1.959963984540054).
struct SuccessRate {
  var outcomes: Int
  var successes: Int

  init(_ results: [Bool?]) {
    outcomes = results.compactMap { $0 }.count
    successes = results.filter { $0 == true }.count
  }

  var columns: [String: Any] {
    guard outcomes > 0 else {
      return ["outcomes": 0, "success_rate": NSNull(), "success_rate_low": NSNull(), "success_rate_high": NSNull()]
    }
    let z = 1.959963984540054
    let n = Double(outcomes)
    let p = Double(successes) / n
    let center = (p + z * z / (2 * n)) / (1 + z * z / n)
    let half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
    return [
      "outcomes": outcomes, "success_rate": p, "success_rate_low": center - half, "success_rate_high": center + half,
    ]
  }
}

/// A usage against a whole, current against previous.
struct Trend {
  var usage: Int
  var whole: Int
  var previousUsage: Int
  var previousWhole: Int

  init(_ usage: Int, _ whole: Int, _ previousUsage: Int, _ previousWhole: Int) {
    (self.usage, self.whole, self.previousUsage, self.previousWhole) = (usage, whole, previousUsage, previousWhole)
  }

  var percentage: Double? {
    guard whole > 0, previousWhole > 0, previousUsage > 0 else { return nil }
    return 100 * (Double(usage) / Double(whole) / (Double(previousUsage) / Double(previousWhole)) - 1)
  }

  var z: Double? {
    guard whole > 0, previousWhole > 0 else { return nil }
    let pooled = Double(usage + previousUsage) / Double(whole + previousWhole)
    let deviation = (pooled * (1 - pooled) * (1 / Double(whole) + 1 / Double(previousWhole))).squareRoot()
    if deviation == 0 { return 0 }
    return (Double(usage) / Double(whole) - Double(previousUsage) / Double(previousWhole)) / deviation
  }

  var direction: String {
    guard let z, abs(z) >= 2.576 else { return "stable" }
    // 5% as an exact fraction, where the previous share has a value.
    let before = whole * previousUsage
    if before > 0, abs(usage * previousWhole - before) * 20 < before { return "stable" }
    return z > 0 ? "up" : "down"
  }

  var columns: [String: Any] {
    func orNull(_ value: Double?) -> Any { value ?? NSNull() as Any }
    return [
      "share": orNull(whole > 0 ? Double(usage) / Double(whole) : nil),
      "previous_share": orNull(previousWhole > 0 ? Double(previousUsage) / Double(previousWhole) : nil),
      "trend_percentage": orNull(percentage), "trend_z": orNull(z), "trend_direction": direction,
    ]
  }
}
