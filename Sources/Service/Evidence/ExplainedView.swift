import Engine
package import Postgres

/// Which rows of which tables are behind a row of a view.
package struct ExplainedView: Sendable {
  package var name: String
  package var projection: String
  /// The view's key, in its order.
  package var key: [String]
  /// Tables, and their columns for the key's first columns, in order.
  package var tables: [(name: String, columns: [String])]
  /// Of which the row is one member, where the tables keep several in a row.
  package var member: ListMember?

  /// Whose versions are no rows that events change: what counts changes with the watermark.
  static let wizardNow = "wizard_now"

  package static let all: [ExplainedView] = [
    .init(
      name: "technology_usage", projection: "projects", key: ["technology", "day"],
      tables: [("technology_usage", ["technology", "day"])]),
    .init(
      name: "technology_trends", projection: "projects", key: ["technology_name"],
      tables: [("technologies", ["technology"]), ("technology_usage", ["technology"])]),
    .init(
      name: "stack_combinations", projection: "projects", key: ["technologies"],
      tables: [("stack_combinations", ["technologies"])]),
    .init(
      name: "technology_pairs", projection: "projects", key: ["technology_a", "technology_b"],
      tables: [("technology_pairs", ["technology_a", "technology_b"])]),
    .init(
      name: "domain_patterns", projection: "projects", key: ["domain"],
      tables: [("domains", ["domain"]), ("domain_stacks", ["domain"])]),
    .init(
      name: "team_stats", projection: "projects", key: ["team_id"],
      tables: [("team_stats", ["team_id"]), ("team_activity", ["team_id"])]),
    .init(
      name: "team_activity", projection: "projects", key: ["team_id", "day"],
      tables: [("team_activity", ["team_id", "day"])]),
    .init(
      name: "team_technologies", projection: "projects", key: ["team_id", "technology"],
      tables: [("team_technologies", ["team_id", "technology"])],
      member: ListMember(
        names: .init("technologies", of: "technology"),
        values: [
          .init("usage_counts", of: "usage_count"), .init("successes", of: "successes"),
          .init("failures", of: "failures"),
        ])),
    .init(
      name: "prediction_calibration", projection: "projects", key: ["model_version", "decile"],
      tables: [("prediction_calibration", ["model_version", "decile"])]),
    .init(
      name: "model_metrics", projection: "models",
      key: ["model_name", "task_type", "complexity_level", "hour"],
      tables: [("model_metrics", ["model_name", "task_type", "complexity_level", "hour"])]),
    .init(
      name: "model_performance", projection: "models", key: ["model_name"],
      tables: [("model_days", ["model_name"])]),
    .init(
      name: "wizard_activity", projection: "activity", key: ["step", "hour"],
      tables: [("wizard_activity", ["step", "hour"])]),
    .init(
      name: wizardNow, projection: "activity", key: ["step"], tables: []),
    .init(
      name: "cache_stats", projection: "activity", key: ["cache", "day"], tables: [("cache_stats", ["cache", "day"])]),
    .init(
      name: "errors", projection: "activity", key: ["component", "severity", "hour"],
      tables: [("errors", ["component", "severity", "hour"])]),
  ]

  /// Of tables that keep several of a view's rows in one, with the newest rows and with versions.
  static let membersByTable: [String: ListMember] = all.reduce(into: [:]) { members, view in
    guard let member = view.member else { return }
    for (name, _) in view.tables {
      members[name] = member
      members[name + "_current"] = member
    }
  }

  /// The view that a table, of versions or newest rows, is behind: the one of its name before others; nil where there is none.
  static func showing(_ table: String) -> ExplainedView? {
    let name = table.hasSuffix("_current") ? String(table.dropLast("_current".count)) : table
    return all.first { $0.name == name } ?? all.first { view in view.tables.contains { $0.name == name } }
  }

  package static func named(_ name: String) throws(CommandFailure) -> ExplainedView {
    if let view = all.first(where: { $0.name == name }) { return view }
    let nearest = nearestName(to: name, among: all.map(\.name)) ?? ""
    throw CommandFailure(.usage, "\"\(name)\" is no view that can be explained; the nearest is \"\(nearest)\".")
  }

  /// What events may reach the row; `names` reads a JSON array.
  func subject(_ values: [String], names: (String) throws(StoreError) -> [String]) throws(StoreError)
    -> RowReach.Subject
  {
    switch name {
    case "technology_usage", "technology_trends": .technologies([values[0]])
    case "technology_pairs": .technologies(Array(values.prefix(2)))
    case "stack_combinations": .stack(try names(values[0]))
    case "domain_patterns": .domain(values[0])
    case "team_stats", "team_activity", "team_technologies": .team(values[0])
    case "prediction_calibration": .predictions(values[0])
    case "model_metrics", "model_performance": .model(values[0])
    case "wizard_activity": .wizardStep(values[0])
    case "cache_stats": .cache(values[0])
    case "errors": .component(values[0])
    default: preconditionFailure("\(name) has no subject")
    }
  }

  /// The key as it was typed: `column=value` in any order, or the values in the key's order.
  package func values(_ words: [String]) throws(CommandFailure) -> [String] {
    guard words.count == key.count else {
      throw CommandFailure(.usage, "the key of \(name) is \(key.joined(separator: ", ")), not \(words.count) values.")
    }
    var named: [String: String] = [:]
    for word in words {
      guard let sign = word.firstIndex(of: "="), key.contains(String(word[..<sign])) else { continue }
      named[String(word[..<sign])] = String(word[word.index(after: sign)...])
    }
    if named.isEmpty { return words }
    guard named.count == key.count else {
      let missing = key.filter { named[$0] == nil }.joined(separator: ", ")
      throw CommandFailure(
        .usage, "of the key of \(name) there is no \(missing): give every column once, as column=value.")
    }
    return key.map { named[$0] ?? "" }
  }
}
