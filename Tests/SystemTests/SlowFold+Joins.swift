import Foundation

/// The views of pairs, domains and predictions.
extension SlowFold {
  func technologyPairs(_ facts: [Fact]) -> [Row] {
    var usage: [String: Int] = [:]
    var pairs: [[String]: [Fact]] = [:]
    for fact in facts {
      let names = fact.project.technologies
      for (index, a) in names.enumerated() {
        usage[a, default: 0] += 1
        for b in names[(index + 1)...] { pairs[[a, b], default: []].append(fact) }
      }
    }
    return pairs.map { (pair: [String], all: [Fact]) -> Row in
      let (a, b) = (usage[pair[0]]!, usage[pair[1]]!)
      var row: Row = SuccessRate(all.map(\.outcome)).columns
      row["technology_a"] = pair[0]
      row["technology_b"] = pair[1]
      row["together"] = all.count
      row["people"] = Set(all.map(\.project.user)).count
      row["jaccard"] = Double(all.count) / Double(a + b - all.count)
      row["lift"] = Double(all.count) * Double(facts.count) / (Double(a) * Double(b))
      row["g"] = g(all.count, a, b, facts.count)
      return row
    }
  }

  /// - Parameter leastPeople: of a domain, and of a stack in it.
  func domainPatterns(_ facts: [Fact], leastPeople: Int = 0) -> [Row] {
    func people(_ facts: [Fact]) -> Int { Set(facts.map(\.project.user)).count }
    let domains = Dictionary(grouping: facts, by: \.project.domain).filter { people($0.value) >= leastPeople }
    return domains.map { (domain: String, all: [Fact]) -> Row in
      let stacks = Dictionary(grouping: all, by: \.project.technologies).filter { people($0.value) >= leastPeople }
        .sorted {
          if $0.value.count != $1.value.count { return $0.value.count > $1.value.count }
          // Lists by their names' bytes, one after the other.
          return $0.key.lexicographicallyPrecedes($1.key) {
            Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
          }
        }
      let languages = all.map { $0.project.technologies.filter { category($0) == "language" }.count }
      let rate = SuccessRate(all.map(\.outcome)).columns
      return [
        "domain": domain, "sample_size": all.count, "people": people(all),
        "popular_stacks": stacks.prefix(10).map { (names: [String], projects: [Fact]) -> Row in
          [
            "technologies": names, "usage_count": projects.count,
            "success_rate": SuccessRate(projects.map(\.outcome)).columns["success_rate"]!,
          ]
        },
        "average_languages_count": Double(languages.reduce(0, +)) / Double(all.count),
        "success_metrics": [
          "success_rate": rate["success_rate"]!, "low": rate["success_rate_low"]!,
          "high": rate["success_rate_high"]!, "outcomes": rate["outcomes"]!,
        ],
      ]
    }
  }

  /// Whatever the sharing.
  func predictionCalibration(_ facts: [Fact]) -> [Row] {
    let outcomes = Dictionary(uniqueKeysWithValues: facts.map { ($0.project.id, $0.outcome) })
    let firsts = Dictionary(grouping: events.filter { $0.type == "feedback_submitted" }) { $0.string("project_id")! }
      .mapValues { $0.map(\.time).min()! }
    let predictions = events.filter { event in
      guard event.type == "prediction_computed", let project = event.string("project_id") else { return false }
      return outcomes[project] != nil && firsts[project].map { event.time < $0 } ?? true
    }
    let counting = Dictionary(grouping: predictions) { [$0.string("project_id")!, $0.string("model_version")!] }
      .mapValues { newest($0)! }
    let deciles = Dictionary(grouping: counting.values) { line -> [String] in
      let millionths = NSDecimalNumber(decimal: line.decimal("probability")! * 1_000_000).int64Value
      return [line.string("model_version")!, "\(min(millionths / 100_000, 9))"]
    }
    return deciles.map { (key: [String], lines: [JournalLine]) -> Row in
      let each = lines.map { (p: $0.cut("probability", digits: 6)!, outcome: outcomes[$0.string("project_id")!]!) }
      let known = each.filter { $0.outcome != nil }
      let errors = known.map { pow($0.p - ($0.outcome! ? 1 : 0), 2) }
      return [
        "model_version": key[0], "decile": Int(key[1])!, "predictions": each.count, "outcomes": known.count,
        "successes": known.filter { $0.outcome! }.count, "mean_probability": mean(each.map(\.p)),
        "brier": mean(errors),
      ]
    }
  }
}
