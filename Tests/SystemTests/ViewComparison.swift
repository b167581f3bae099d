import Foundation

/// Compares a view's rows with what they must be: times as times, money and counts exactly, other numbers to 10⁻⁷, quantiles
/// to 1%.
struct ViewComparison {
  static let keys: [String: [String]] = [
    "technology_usage": ["technology", "day"], "technology_trends": ["technology_name"],
    "stack_combinations": ["technologies"], "team_stats": ["team_id"], "team_activity": ["team_id", "day"],
    "team_technologies": ["team_id", "technology"],
    "model_metrics": ["model_name", "task_type", "complexity_level", "hour"], "model_performance": ["model_name"],
    "technology_pairs": ["technology_a", "technology_b"], "domain_patterns": ["domain"],
    "prediction_calibration": ["model_version", "decile"], "wizard_activity": ["step", "hour"], "wizard_now": ["step"],
    "cache_stats": ["cache", "day"], "errors": ["component", "severity", "hour"],
  ]

  typealias Row = [String: Any]

  /// The first few differences, in words; none if the rows are the same. Only the columns of `expected` are compared.
  static func differences(_ view: String, found: [Row], expected: [Row], limit: Int = 5) -> [String] {
    let key = { (row: Row) -> String in
      keys[view]!.map { name in
        if let list = row[name] as? [String] { return list.joined(separator: "\u{1}") }
        let text = "\(row[name] ?? "")"
        return name == "hour" ? Date6(text).text : text
      }.joined(separator: "\u{0}")
    }
    var differences: [String] = []
    let foundByKey = Dictionary(found.map { (key($0), $0) }) { a, _ in a }
    if foundByKey.count != found.count { differences.append("\(view): a key appears twice") }
    let expectedByKey = Dictionary(expected.map { (key($0), $0) }) { a, _ in a }
    for (name, row) in expectedByKey.sorted(by: { $0.key < $1.key }) {
      guard let other = foundByKey[name] else {
        differences.append("\(view) \(name): missing")
        continue
      }
      for (column, value) in row.sorted(by: { $0.key < $1.key })
      where !matches(column, found: other[column] ?? NSNull(), expected: value) {
        differences.append("\(view) \(name) \(column): found \(other[column] ?? "nothing"), expected \(value)")
      }
    }
    for name in foundByKey.keys.sorted() where expectedByKey[name] == nil {
      differences.append("\(view) \(name): is there, and must not be: \(foundByKey[name]!)")
    }
    return Array(differences.prefix(limit))
  }

  private static let timeColumns: Set = [
    "first_seen", "last_seen", "aggregated_at", "first_activity", "last_activity", "hour",
  ]

  static func matches(_ column: String, found: Any, expected: Any) -> Bool {
    if expected is NSNull || found is NSNull { return expected is NSNull && found is NSNull }
    if timeColumns.contains(column) { return Date6("\(found)") == Date6("\(expected)") }
    if column == "cost_usd" || column == "cost_saved_usd" {
      return Decimal(string: "\(found)") == Decimal(string: "\(expected)")
    }
    if let expected = expected as? Row {
      guard let found = found as? Row, Set(found.keys) == Set(expected.keys) else { return false }
      return expected.allSatisfy { matches($0.key, found: found[$0.key]!, expected: $0.value) }
    }
    if let expected = expected as? [Row] {
      guard let found = found as? [Row], found.count == expected.count else { return false }
      return zip(found, expected).allSatisfy { matches(column, found: $0, expected: $1) }
    }
    if let expected = expected as? [String] { return (found as? [String]) == expected }
    if let expected = expected as? String { return (found as? String) == expected }
    guard let a = (found as? NSNumber)?.doubleValue, let b = number(expected) else { return false }
    // Two ways to compute an interval's end that is 0 differ by less than this.
    if abs(a - b) < 1e-12 { return true }
    let tolerance = column.contains("_p50") || column.contains("_p95") || column.contains("_p99") ? 0.01 : 1e-7
    return abs(a - b) <= tolerance * max(abs(a), abs(b))
  }

  private static func number(_ value: Any) -> Double? {
    if let value = value as? Decimal { return value.double }
    return (value as? NSNumber)?.doubleValue
  }
}
