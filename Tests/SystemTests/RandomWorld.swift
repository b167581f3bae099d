import Foundation
import Randomness
import TestSupport

/// Events of a small world that changes its mind: late, repeated and reordered events, outcomes that turn, projects and
/// organisations that opt out and in again, technologies that become the fashion, models that become slow.
struct RandomWorld {
  private var random: SeededRandom
  private let count: Int
  private let days: Int
  /// 0 to 1: how far the world is.
  private var progress = 0.0
  private var time = ""
  private static let start = Date6("2026-06-01T00:00:00Z").microseconds

  init(seed: Int, events: Int, days: Int) {
    (random, count, self.days) = (SeededRandom(seed: UInt64(seed)), events, days)
  }

  /// `key TAB value`, a line an event.
  mutating func lines() -> Data {
    var lines: [String] = []
    for index in 0..<count {
      progress = Double(index) / Double(count)
      var microseconds = Self.start + Int(progress * Double(days) * 86_400e6)
      if random.chance(20) { microseconds -= random.below(4 * 86_400) * 1_000_000 }
      if random.chance(20) { microseconds -= microseconds % 3_600_000_000 }
      time = Date6(microseconds: microseconds).text
      let (key, type, data) = event()
      let envelope: [String: Any] = [
        "specversion": "1.0", "id": "e\(index)", "source": "world", "type": type, "time": time, "data": data,
      ]
      let json = try! JSONSerialization.data(withJSONObject: envelope, options: [.sortedKeys, .withoutEscapingSlashes])
      lines.append("\(key)\t\(String(decoding: json, as: UTF8.self))\n")
      if random.chance(3) { lines.append(lines[lines.count - 1 - random.below(min(lines.count, 50))]) }
    }
    return Data(lines.joined().utf8)
  }

  private var isLater: Bool { progress > 0.55 }

  private mutating func id(_ prefix: String, _ count: Int) -> String { "\(prefix)\(random.below(count))" }

  /// Of those that are likely to be there already.
  private mutating func project() -> String { id("p", max(Int(progress * Double(count) * 0.3), 5)) }

  private mutating func technologies() -> [Any] {
    var names: [String] = []
    if isLater, random.chance(40) { names = ["New A", "New B"] }
    if names.isEmpty || random.chance(30) {
      names += (0..<1 + random.below(3)).map { _ in id("T", random.chance(70) ? 3 : 8) }
    }
    return names.map { name -> Any in
      random.chance(20) ? ["name": name, "category": ["language", "database"][random.below(2)]] : name
    }
  }

  private mutating func event() -> (key: String, type: String, data: [String: Any]) {
    let project = project()
    let levels = ["none", "team", "org", "public", "public", "public", "public"]
    // Every fifth day belongs to the models.
    switch Int(progress * Double(days)) % 5 == 4 && random.chance(85) ? 99 : random.below(100) {
    case 0..<30:
      var data: [String: Any] = [
        "project_id": project, "user_id": id("u", 60), "technologies": technologies(), "project_type": id("d", 4),
      ]
      // What few people know, and what is known to fewer than the threshold asks for.
      if project.hasSuffix("7") { data["project_type"] = "small" }
      if project.hasSuffix("99") {
        data["project_type"] = "rare"
        data["technologies"] = ["Rare"] + (data["technologies"] as! [Any])
      }
      if random.chance(70) { data["team_id"] = id("team", 2) }
      if random.chance(40) { data["org_id"] = id("org", 5) }
      if random.chance(50) { data["complexity"] = Double(random.below(1001)) / 1000 }
      if random.chance(20) { data["visibility"] = levels[random.below(7)] }
      return (project, "project_generated", data)
    case 30..<55:
      let success = random.chance(isLater ? 85 : 25)
      return (project, "feedback_submitted", ["project_id": project, "user_id": id("u", 60), "success": success])
    case 55..<61:
      return (
        project, "project_visibility_changed", ["project_id": project, "visibility": levels[random.below(7)]]
      )
    case 61..<62:
      var data: [String: Any] = ["org_id": id("org", 5)]
      if random.chance(50) { data["learning_enabled"] = random.chance(70) }
      if random.chance(60) { data["data_sharing_level"] = levels[random.below(7)] }
      return (data["org_id"] as! String, "org_settings_changed", data)
    case 62..<70:
      return (
        project, "prediction_computed",
        [
          "project_id": project, "model_version": id("v", 2),
          "probability": Double(random.below(1001)) / 1000,
        ]
      )
    case 70..<75:
      return (
        "s", "stack_selected", ["user_id": id("u", 60), "technologies": technologies(), "team_id": id("team", 2)]
      )
    case 75..<78: return (project, "project_opened", ["project_id": project, "user_id": id("u", 60)])
    default:
      let isSlow = Int(progress * Double(days)) / 10 % 2 == 1
      var data: [String: Any] = [
        "model": "m", "task_type": "t", "complexity": "simple", "strategy": "cost",
        "response_time_ms": (isSlow ? 900 : 500) + random.below(200), "tokens_used": random.below(1000),
        "cost_usd": "0.0\((isLater ? 20 : 10) + random.below(5))",
      ]
      if random.chance(95) { data["quality_score"] = Double((isSlow ? 300 : 700) + random.below(100)) / 1000 }
      return ("m", "model_routed", data)
    }
  }
}

extension SeededRandom {
  fileprivate mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
  fileprivate mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
