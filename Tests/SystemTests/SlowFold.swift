import Foundation

/// What every view must show after some events, computed in the plainest way from `pleat journal`'s lines, with nothing of
/// Pleat's own: each number by going through all events again.
///
/// People are counted exactly, so a world must not have more than 256 of them behind any key.
struct SlowFold {
  struct Project {
    var position: Int
    var id: String
    var time: Date6
    var team: String?
    var org: String?
    var user: String
    var domain: String
    var technologies: [String]
    var complexity: Double?
  }

  typealias Row = [String: Any]

  let events: [JournalLine]
  private(set) var projects: [Project] = []
  let greatest: Date6
  private let ofProject: [String: [JournalLine]]
  private let ofOrganisation: [String: [JournalLine]]
  /// Of each technology, that of its first event.
  private var categories: [String: String] = [:]

  init(_ events: [JournalLine]) {
    self.events = events
    ofProject = Dictionary(grouping: events) { $0.string("project_id") ?? "" }
    ofOrganisation = Dictionary(grouping: events.filter { $0.type == "org_settings_changed" }) { $0.string("org_id")! }
    greatest = events.map(\.time).max() ?? Date6(microseconds: 0)
    var seen: Set<String> = []
    for event in events where event.type == "project_generated" && seen.insert(event.string("project_id")!).inserted {
      projects.append(
        Project(
          position: event.position, id: event.string("project_id")!, time: event.time, team: event.string("team_id"),
          org: event.string("org_id"), user: event.string("user_id")!, domain: event.string("project_type")!,
          technologies: Set(event.mentions.map(\.name)).sorted {
            Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
          },
          complexity: event.cut("complexity", digits: 6)))
    }
    seen = []
    for event in events {
      if event.type == "project_generated", !seen.insert(event.string("project_id")!).inserted { continue }
      guard event.type == "project_generated" || event.type == "stack_selected" else { continue }
      for name in Set(event.mentions.map(\.name)) where categories[name] == nil {
        categories[name] = event.mentions.first { $0.name == name && $0.category != nil }?.category ?? "other"
      }
    }
  }

  var watermark: Date6 { Date6(microseconds: greatest.microseconds - 300_000_000) }
  var today: Int { watermark.day }

  // MARK: - What is newest

  func newest(_ candidates: [JournalLine]) -> JournalLine? {
    candidates.max { ($0.time.microseconds, $0.position) < ($1.time.microseconds, $1.position) }
  }

  private func sharing(_ project: Project) -> Int {
    let levels = ["none": 0, "team": 1, "org": 2, "public": 3]
    let visibility = newest(
      ofProject[project.id]!.filter {
        $0.type == "project_visibility_changed" || $0.position == project.position
      })
    var level = levels[visibility?.string("visibility") ?? "public"]!
    guard let org = project.org else { return level }
    let settings = ofOrganisation[org] ?? []
    if let set = newest(settings.filter { $0.string("data_sharing_level") != nil }) {
      level = min(level, levels[set.string("data_sharing_level")!]!)
    }
    if let set = newest(settings.filter { $0.data["learning_enabled"] is Bool }),
      set.data["learning_enabled"] as? Bool == false
    {
      level = 0
    }
    return level
  }

  private func outcome(_ project: Project) -> Bool? {
    newest(ofProject[project.id]!.filter { $0.type == "feedback_submitted" })
      .map { $0.data["success"] as! Bool }
  }

  // MARK: - Views

  /// Every unmasked view, its rows keyed by the key's columns.
  func views() -> [String: [Row]] {
    let facts = facts()
    let everybody = facts.filter { $0.sharing == 3 }
    let teams = facts.filter { $0.sharing > 0 }
    return [
      "technology_usage": technologyUsage(everybody), "technology_trends": technologyTrends(everybody),
      "stack_combinations": stacks(everybody), "team_stats": teamStats(teams), "team_activity": teamActivity(teams),
      "team_technologies": teamTechnologies(teams), "model_metrics": modelMetrics(),
      "model_performance": modelPerformance(), "technology_pairs": technologyPairs(everybody),
      "domain_patterns": domainPatterns(everybody), "prediction_calibration": predictionCalibration(facts),
      "wizard_activity": wizardActivity(), "wizard_now": wizardNow(), "cache_stats": cacheStats(), "errors": errors(),
    ]
  }

  /// What everybody may read of the views that have a threshold.
  /// - Parameter unmasked: what `views` says.
  func masked(_ unmasked: [String: [Row]]) -> [String: [Row]] {
    var masked: [String: [Row]] = [:]
    for view in ["technology_usage", "technology_trends", "stack_combinations", "technology_pairs"] {
      masked[view] = unmasked[view]!.filter { $0["people"] as! Int >= Self.threshold }
    }
    // Of a domain's stacks the ten are taken that everybody may know of.
    masked["domain_patterns"] = domainPatterns(facts().filter { $0.sharing == 3 }, leastPeople: Self.threshold)
    return masked
  }

  private static let threshold = 10

  typealias Fact = (project: Project, sharing: Int, outcome: Bool?)

  private func facts() -> [Fact] {
    projects.map { (project: $0, sharing: sharing($0), outcome: outcome($0)) }
  }

  func category(_ technology: String) -> String { categories[technology] ?? "other" }

  private func selections() -> [JournalLine] { events.filter { $0.type == "stack_selected" } }

  private func technologyUsage(_ facts: [Fact]) -> [Row] {
    var rows: [String: Row] = [:]
    func add(_ technology: String, _ day: Int, _ change: (inout Row) -> Void) {
      let key = "\(technology)\u{0}\(day)"
      var row =
        rows[key] ?? [
          "technology": technology, "day": Date6.day(day), "category": category(technology), "projects": 0,
          "selections": 0,
          "people": Set<String>(), "successes": 0, "failures": 0,
        ]
      change(&row)
      rows[key] = row
    }
    for fact in facts {
      for technology in fact.project.technologies {
        add(technology, fact.project.time.day) {
          $0.increment("projects")
          $0.insert("people", fact.project.user)
          $0.count(fact.outcome)
        }
      }
    }
    for event in selections() {
      for technology in Set(event.mentions.map(\.name)) {
        add(technology, event.time.day) { $0.increment("selections") }
      }
    }
    return rows.values.map { $0.withCounts(["people"]) }
  }

  private func window(_ facts: [Fact], _ days: ClosedRange<Int>) -> [Fact] {
    facts.filter { days.contains($0.project.time.day) }
  }
  private var current: ClosedRange<Int> { today - 29...today }
  private var previous: ClosedRange<Int> { today - 59...today - 30 }

  private func technologyTrends(_ facts: [Fact]) -> [Row] {
    let whole = (window(facts, current).count, window(facts, previous).count)
    var names = Set(facts.flatMap(\.project.technologies))
    names.formUnion(selections().flatMap { $0.mentions.map(\.name) })
    return names.map { (name: String) -> Row in
      let all = facts.filter { $0.project.technologies.contains(name) }
      let now = window(all, current)
      let before = window(all, previous).count
      var row: Row = SuccessRate(now.map(\.outcome)).columns
      row.merge(Trend(now.count, whole.0, before, whole.1).columns) { $1 }
      row["technology_name"] = name
      row["category"] = category(name)
      row["usage_count"] = now.count
      row["people"] = Set(now.map(\.project.user)).count
      row["previous_usage_count"] = before
      row["aggregated_at"] = watermark.text
      return row
    }
  }

  private func stacks(_ facts: [Fact]) -> [Row] {
    let whole = (window(facts, current).count, window(facts, previous).count)
    return Dictionary(grouping: facts) { $0.project.technologies }.map { (technologies: [String], all: [Fact]) -> Row in
      let counts = (window(all, current).count, window(all, previous).count)
      var row: Row = SuccessRate(all.map(\.outcome)).columns
      row["avg_success_rate"] = row.removeValue(forKey: "success_rate")
      row.merge(Trend(counts.0, whole.0, counts.1, whole.1).columns) { $1 }
      row["technologies"] = technologies
      row["size"] = technologies.count
      row["usage_count"] = all.count
      row["people"] = Set(all.map(\.project.user)).count
      row["avg_complexity"] = mean(all.compactMap(\.project.complexity))
      row["current_usage_count"] = counts.0
      row["previous_usage_count"] = counts.1
      return row
    }
  }

  func mean(_ values: [Double]) -> Any {
    values.isEmpty ? NSNull() : values.reduce(0, +) / Double(values.count)
  }

  // MARK: Teams

  private static let teamTypes: Set = [
    "wizard_step_completed", "stack_selected", "team_created", "team_member_added", "team_member_removed",
    "model_routed",
  ]

  /// Events of teams that always count, and the first `project_generated` of each project.
  private func teamEvents() -> [JournalLine] {
    let firsts = Set(projects.map(\.position))
    return events.filter {
      $0.string("team_id") != nil
        && (Self.teamTypes.contains($0.type) || ($0.type == "project_generated" && firsts.contains($0.position)))
    }
  }

  private func openings(_ facts: [Fact]) -> [(team: String, day: Int)] {
    let teams = Dictionary(facts.compactMap { f in f.project.team.map { (f.project.id, $0) } }) { a, _ in a }
    return events.filter { $0.type == "project_opened" }.compactMap { event in
      teams[event.string("project_id")!].map { ($0, event.time.day) }
    }
  }

  /// (team, day, person) of everything that makes a member active.
  private func activity(_ facts: [Fact]) -> [(team: String, day: Int, user: String)] {
    let counting = Set(facts.map(\.project.position))
    return teamEvents().filter { $0.type != "project_generated" || counting.contains($0.position) }.compactMap {
      event in
      event.string("user_id").map { (event.string("team_id")!, event.time.day, $0) }
    }
  }

  private func teamStats(_ facts: [Fact]) -> [Row] {
    let activity = activity(facts)
    let openings = openings(facts)
    return Dictionary(grouping: teamEvents()) { $0.string("team_id")! }.map {
      (team: String, all: [JournalLine]) -> Row in
      let mine = facts.filter { $0.project.team == team }
      let complexities = mine.compactMap(\.project.complexity)
      let changes = all.filter { $0.type.hasPrefix("team_member_") || $0.type == "team_created" }
      let members = Dictionary(grouping: changes) { $0.string("user_id")! }
        .filter { newest($0.value)!.type != "team_member_removed" }
      var row: Row = SuccessRate(mine.map(\.outcome)).columns
      row["team_id"] = team
      row["name"] = newest(all.filter { $0.type == "team_created" })?.string("name") ?? NSNull()
      row["members"] = members.count
      row["projects_generated"] = mine.count
      row["projects_opened"] = openings.filter { $0.team == team }.count
      row["wizard_steps"] = all.filter { $0.type == "wizard_step_completed" }.count
      row["active_members"] = Set(activity.filter { $0.team == team && current.contains($0.day) }.map(\.user)).count
      row["avg_complexity"] = mean(complexities)
      row["first_activity"] = all.map(\.time).min()!.text
      row["last_activity"] = all.map(\.time).max()!.text
      return row
    }
  }

  private func teamActivity(_ facts: [Fact]) -> [Row] {
    var rows: [String: Row] = [:]
    func add(_ team: String, _ day: Int, _ change: (inout Row) -> Void) {
      var row =
        rows["\(team)\u{0}\(day)"] ?? [
          "team_id": team, "day": Date6.day(day), "projects_generated": 0, "projects_opened": 0, "wizard_steps": 0,
          "active_members": Set<String>(), "successes": 0, "failures": 0,
        ]
      change(&row)
      rows["\(team)\u{0}\(day)"] = row
    }
    for fact in facts {
      guard let team = fact.project.team else { continue }
      add(team, fact.project.time.day) {
        $0.increment("projects_generated")
        $0.count(fact.outcome)
      }
    }
    // One of nobody, as a model's call without a user may be, counts in no number of its day.
    for event in teamEvents() where event.type != "project_generated" && event.string("user_id") != nil {
      add(event.string("team_id")!, event.time.day) {
        if event.type == "wizard_step_completed" { $0.increment("wizard_steps") }
      }
    }
    for opening in openings(facts) { add(opening.team, opening.day) { $0.increment("projects_opened") } }
    for active in activity(facts) { add(active.team, active.day) { $0.insert("active_members", active.user) } }
    return rows.values.map { $0.withCounts(["active_members"]) }
  }

  private func teamTechnologies(_ facts: [Fact]) -> [Row] {
    var rows: [String: Row] = [:]
    for fact in facts {
      guard let team = fact.project.team else { continue }
      for technology in fact.project.technologies {
        var row =
          rows["\(team)\u{0}\(technology)"] ?? [
            "team_id": team, "technology": technology, "usage_count": 0, "successes": 0, "failures": 0,
          ]
        row.increment("usage_count")
        row.count(fact.outcome)
        rows["\(team)\u{0}\(technology)"] = row
      }
    }
    return rows.values.map { row in
      let successes = Double(row["successes"] as! Int)
      let outcomes = successes + Double(row["failures"] as! Int)
      return row.merging(["weight": (successes + 1) / (outcomes + 2) * Double(row["usage_count"] as! Int)]) { $1 }
    }
  }

  // MARK: Models

  func measures(_ calls: [JournalLine]) -> Row {
    let times = calls.map { $0.cut("response_time_ms", digits: 3)! }.sorted()
    let qualities = calls.compactMap { $0.cut("quality_score", digits: 6) }
    func rank(_ q: Double) -> Double { times[max(Int((q * Double(times.count)).rounded(.up)) - 1, 0)] }
    var row: Row = [:]
    row["requests"] = calls.count
    row["response_time_ms"] = times.reduce(0, +) / Double(times.count)
    row["response_time_ms_p50"] = rank(0.5)
    row["response_time_ms_p95"] = rank(0.95)
    row["response_time_ms_p99"] = rank(0.99)
    row["tokens_used"] = calls.reduce(0) { $0 + Int($1.number("tokens_used")!) }
    row["cost_usd"] = calls.reduce(Decimal(0)) { $0 + $1.decimal("cost_usd")! }
    row["quality_score"] = mean(qualities)
    row["quality_samples"] = qualities.count
    row["fallbacks"] = calls.filter { $0.data["fallback"] as? Bool == true }.count
    return row
  }

  private func calls() -> [JournalLine] { events.filter { $0.type == "model_routed" } }

  private func modelMetrics() -> [Row] {
    Dictionary(grouping: calls()) {
      [$0.string("model")!, $0.string("task_type")!, $0.string("complexity")!, Date6.hour($0.time.hour)]
    }.map { key, calls in
      measures(calls).merging([
        "model_name": key[0], "task_type": key[1], "complexity_level": key[2], "hour": key[3],
      ]) { $1 }
    }
  }

  private func modelPerformance() -> [Row] {
    Dictionary(grouping: calls()) { $0.string("model")! }.map { model, all in
      let now = all.filter { current.contains($0.time.day) }
      let before = all.filter { previous.contains($0.time.day) }
      var row: Row = ["model_name": model, "requests": now.count, "previous_requests": before.count]
      if !now.isEmpty {
        let measured = measures(now)
        row.merge(measured) { $1 }
        row["mean_cost_usd"] = (measured["cost_usd"] as! Decimal).double / Double(now.count)
      }
      if !before.isEmpty {
        let measured = measures(before)
        row["previous_mean_cost_usd"] = (measured["cost_usd"] as! Decimal).double / Double(before.count)
        row["previous_response_time_ms"] = measured["response_time_ms"]
        row["previous_quality_score"] = measured["quality_score"]
      }
      return row
    }
  }
}

extension Dictionary where Key == String, Value == Any {
  fileprivate mutating func increment(_ column: String) { self[column] = (self[column] as! Int) + 1 }
  fileprivate mutating func insert(_ column: String, _ person: String) {
    self[column] = (self[column] as! Set<String>).union([person])
  }
  fileprivate mutating func count(_ outcome: Bool?) {
    if let outcome { increment(outcome ? "successes" : "failures") }
  }
  fileprivate func withCounts(_ columns: [String]) -> Self {
    var row = self
    for column in columns { row[column] = (row[column] as! Set<String>).count }
    return row
  }
}

extension Decimal {
  var double: Double { NSDecimalNumber(decimal: self).doubleValue }
}
