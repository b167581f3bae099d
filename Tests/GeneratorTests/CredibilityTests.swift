import Events
import Foundation
import Testing

@testable import Generator

/// What there is to be found in the world: without it, the views over it would show nothing.
@Suite("What a generated world tells")
struct CredibilityTests {
  struct Project {
    var time: Double
    var technologies: Set<String>
    var complexity: Double?
    var success: Bool?
  }

  /// Made once and never changed; only `Any` inside keeps it from being Sendable.
  nonisolated(unsafe) static let events: [ReadEvent] =
    (try? WorldTests.events(WorldSettings(events: 60_000, days: 60))) ?? []

  static func projects() -> [Project] {
    var projects: [String: Project] = [:]
    for event in events {
      guard let id = event.data["project_id"] as? String else { continue }
      if event.type == "project_generated", projects[id] == nil {
        let names = (event.data["technologies"] as? [Any] ?? []).compactMap {
          $0 as? String ?? ($0 as? [String: Any])?["name"] as? String
        }
        projects[id] = Project(
          time: event.time, technologies: Set(names), complexity: event.data["complexity"] as? Double)
      } else if event.type == "feedback_submitted", let success = event.data["success"] as? Bool {
        projects[id]?.success = success
      }
    }
    return Array(projects.values)
  }

  static func rate(_ projects: [Project]) -> Double {
    let outcomes = projects.compactMap(\.success)
    return Double(outcomes.filter { $0 }.count) / Double(outcomes.count)
  }

  @Test("technologies rise and fall")
  func trends() {
    let projects = Self.projects()
    #expect(projects.count > 2000)
    let middle = Double(WorldTests.end.microseconds) / 1e6 - 30 * 86_400
    func share(_ technology: String, _ isNew: Bool) -> Double {
      let part = projects.filter { ($0.time >= middle) == isNew }
      return Double(part.filter { $0.technologies.contains(technology) }.count) / Double(part.count)
    }
    for rising in ["Supabase", "Axum", "Hugging Face"] { #expect(share(rising, true) > 1.5 * share(rising, false)) }
    for falling in ["Java", "Express", "Netlify"] { #expect(share(falling, true) < 0.75 * share(falling, false)) }
  }

  @Test("feedback follows quality: complex projects fail more often, and some stacks do")
  func quality() {
    let projects = Self.projects()
    let simple = Self.rate(projects.filter { ($0.complexity ?? 0.5) < 0.3 })
    let complex = Self.rate(projects.filter { ($0.complexity ?? 0.5) > 0.65 })
    #expect(simple > complex + 0.1)
    let rails = Self.rate(projects.filter { $0.technologies.contains("Ruby on Rails") })
    let kubernetes = Self.rate(projects.filter { $0.technologies.contains("Kubernetes") })
    #expect(rails > kubernetes + 0.05)
  }

  @Test("predictions know something of the outcome")
  func predictions() {
    var outcome: [String: Bool] = [:]
    for event in Self.events where event.type == "feedback_submitted" {
      if let id = event.data["project_id"] as? String { outcome[id] = event.data["success"] as? Bool }
    }
    var sums: [Bool: (sum: Double, count: Double)] = [true: (0, 0), false: (0, 0)]
    for event in Self.events where event.type == "prediction_computed" {
      guard let id = event.data["project_id"] as? String, let success = outcome[id],
        let probability = event.data["probability"] as? Double
      else { continue }
      sums[success]?.sum += probability
      sums[success]?.count += 1
    }
    let means = sums.mapValues { $0.sum / $0.count }
    #expect((means[true] ?? 0) > (means[false] ?? 1) + 0.02)
  }

  @Test("one model gets slower in the course of time, one gets cheaper, and a new one comes")
  func models() {
    var calls: [String: [(time: Double, latency: Double, cost: Double)]] = [:]
    for event in Self.events where event.type == "model_routed" {
      guard let model = event.data["model"] as? String, let latency = event.data["response_time_ms"] as? Double,
        let tokens = event.data["tokens_used"] as? Double
      else { continue }
      let cost = (event.data["cost_usd"] as? Double) ?? Double(event.data["cost_usd"] as? String ?? "") ?? .nan
      calls[model, default: []].append((event.time, latency, cost / tokens))
    }
    let middle = Double(WorldTests.end.microseconds) / 1e6 - 30 * 86_400
    func mean(_ model: String, _ isNew: Bool, _ value: ((time: Double, latency: Double, cost: Double)) -> Double)
      -> Double
    {
      let part = calls[model, default: []].filter { ($0.time >= middle) == isNew }.map(value)
      return part.reduce(0, +) / Double(part.count)
    }
    #expect(mean("gpt-4o-mini", true, \.latency) > 1.3 * mean("gpt-4o-mini", false, \.latency))
    #expect(mean("gemini-1.5-pro", true, \.cost) < 0.8 * mean("gemini-1.5-pro", false, \.cost))
    let first = calls["claude-3-5-sonnet", default: []].map(\.time).min() ?? 0
    #expect(first > middle - 10 * 86_400)
  }

  @Test("a few organisations opt out, and some change their mind")
  func organisations() {
    var settings: [String: [Bool]] = [:]
    for event in Self.events where event.type == "org_settings_changed" {
      guard let organisation = event.data["org_id"] as? String else { continue }
      if let enabled = event.data["learning_enabled"] as? Bool { settings[organisation, default: []].append(enabled) }
    }
    #expect(settings.values.contains { Set($0) == [false] })
    #expect(settings.values.contains { Set($0).count == 2 })
    #expect(settings.values.filter { !$0.contains(false) }.count > settings.count / 2)
  }
}
