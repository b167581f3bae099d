import Foundation

/// What was done, how often, and how long until everything was caught up again.
struct FaultLog {
  private var times: [Fault: Int] = [:]
  private var recoveries: [Fault: [Double]] = [:]

  /// `seconds` is nil where the next fault did not wait.
  mutating func note(_ fault: Fault, recoveredAfter seconds: Double?) {
    times[fault, default: 0] += 1
    if let seconds { recoveries[fault, default: []].append(seconds) }
  }

  mutating func add(_ other: FaultLog) {
    times.merge(other.times, uniquingKeysWith: +)
    recoveries.merge(other.recoveries, uniquingKeysWith: +)
  }

  var count: Int { times.values.reduce(0, +) }
  var kills: Int { times.reduce(0) { $0 + ($1.key.isKill ? $1.value : 0) } }

  /// A table in Markdown.
  var table: String {
    let rows = Fault.allCases.compactMap { fault -> String? in
      guard let count = times[fault] else { return nil }
      let seconds = recoveries[fault, default: []].sorted()
      let (median, greatest) = (seconds.isEmpty ? nil : seconds[seconds.count / 2], seconds.last)
      return "| \(fault.rawValue) | \(count) | \(Self.text(median)) | \(Self.text(greatest)) |"
    }
    return
      (["| fault | times | caught up again after, median (s) | at most (s) |", "| --- | ---: | ---: | ---: |"]
      + rows).joined(separator: "\n")
  }

  private static func text(_ seconds: Double?) -> String { seconds.map { String(format: "%.1f", $0) } ?? "–" }
}
