import Foundation

/// Compares derived events with what they must be.
enum DerivedEventComparison {
  /// The first few differences, in words.
  static func differences(found: [[String: Any]], expected: [SlowRules.Event], limit: Int = 5) -> [String] {
    var differences: [String] = []
    for (event, wanted) in zip(found, expected) {
      let words = "\(wanted.type) of \(wanted.subject) at \(wanted.time)"
      let header = ["type": wanted.type, "subject": wanted.subject, "time": wanted.time, "source": wanted.source]
      for (member, value) in header where event[member] as? String != value {
        differences.append("\(words): \(member) is \(event[member] ?? "nothing")")
      }
      let data = event["data"] as? [String: Any] ?? [:]
      for member in Set(data.keys).union(wanted.data.keys) {
        if let found = data[member], let value = wanted.data[member],
          ViewComparison.matches(member, found: found, expected: value)
        {
          continue
        }
        differences.append(
          "\(words): \(member) is \(data[member] ?? "nothing"), expected \(wanted.data[member] ?? "nothing")")
      }
    }
    let missing = expected.dropFirst(found.count).map { "missing: \($0.type) of \($0.subject) at \($0.time)" }
    let more = found.dropFirst(expected.count).map {
      "unexpected: \($0["type"] ?? "") of \($0["subject"] ?? "") at \($0["time"] ?? "")"
    }
    return Array((differences + missing + more).prefix(limit))
  }
}
