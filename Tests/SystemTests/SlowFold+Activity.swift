import Foundation

/// The views of the projection `activity`.
extension SlowFold {
  private func rank(_ values: [Double], _ q: Double) -> Any {
    if values.isEmpty { return NSNull() }
    return values.sorted()[max(Int((q * Double(values.count)).rounded(.up)) - 1, 0)]
  }

  private func steps() -> [JournalLine] { events.filter { $0.type == "wizard_step_completed" } }

  func wizardActivity() -> [Row] {
    Dictionary(grouping: steps()) { [Int($0.number("step")!), $0.time.hour] }.map {
      (key: [Int], all: [JournalLine]) -> Row in
      let durations = all.compactMap { $0.cut("duration_ms", digits: 3) }
      return [
        "step": key[0], "hour": Date6.hour(key[1]), "completions": all.count,
        "sessions": Set(all.map { $0.string("session_id")! }).count, "duration_ms_p50": rank(durations, 0.5),
        "duration_ms_p95": rank(durations, 0.95),
      ]
    }
  }

  /// Sessions whose newest step is no older than 30 minutes before the watermark.
  func wizardNow() -> [Row] {
    let last = Dictionary(grouping: steps()) { $0.string("session_id")! }.values.map { newest($0)! }
    let under = last.filter { $0.time.microseconds >= watermark.microseconds - 1_800_000_000 }
    return Dictionary(grouping: under) { Int($0.number("step")!) }.map { ["step": $0.key, "sessions": $0.value.count] }
  }

  func cacheStats() -> [Row] {
    let lookups = events.filter { $0.type == "cache_hit" || $0.type == "cache_miss" }
    return Dictionary(grouping: lookups) { [$0.string("cache")!, Date6.day($0.time.day)] }.map {
      (key: [String], all: [JournalLine]) -> Row in
      let hits = all.filter { $0.type == "cache_hit" }.count
      return [
        "cache": key[0], "day": key[1], "hits": hits, "misses": all.count - hits,
        "hit_rate": Double(hits) / Double(all.count),
        "tokens_saved": all.reduce(0) { $0 + Int($1.number("tokens_saved") ?? 0) },
        "cost_saved_usd": all.reduce(Decimal(0)) { $0 + ($1.decimal("cost_saved_usd") ?? 0) },
      ]
    }
  }

  func errors() -> [Row] {
    let errors = events.filter { $0.type == "error_occurred" }
    return Dictionary(grouping: errors) {
      [$0.string("component")!, $0.string("severity")!, Date6.hour($0.time.hour)]
    }.map {
      ["component": $0.key[0], "severity": $0.key[1], "hour": $0.key[2], "occurrences": $0.value.count]
    }
  }
}
