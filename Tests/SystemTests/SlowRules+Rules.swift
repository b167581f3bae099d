import Foundation

extension SlowRules {
  private func sorted(_ strings: [String]) -> [String] {
    strings.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }

  private func byName() -> [Int] {
    names.indices.sorted { Array(names[$0].utf8).lexicographicallyPrecedes(Array(names[$1].utf8)) }
  }

  mutating func trendRule(_ tallies: Tallies, _ turn: Turn) {
    for index in byName() where tallies.technologies[index].people >= 10 {
      let (name, tally) = (names[index], tallies.technologies[index])
      let trend = tallies.trend(tally)
      let seen = directions[name]
      directions[name] = trend.direction
      if trend.direction == seen || (seen == nil && trend.direction != "up") { continue }
      say(
        "technology_trend_changed", about: "technology/\(name)", turn, of: tally.current,
        [
          "technology": name, "trend_direction": trend.direction, "previous_direction": seen,
          "trend_percentage": trend.percentage,
        ])
    }
  }

  mutating func stackRule(_ tallies: Tallies, _ turn: Turn) {
    var begun: [(subject: String, index: Int)] = []
    for (index, tally) in tallies.combinations.enumerated() where combinations[index].count >= 2 {
      if tally.everyone >= 10, tallies.trend(tally).direction == "up" {
        if trending[index] == nil { begun.append((json(combinations[index].map { names[$0] }), index)) }
        trending[index] = turn.watermark
      } else if let seen = trending[index], turn.watermark.microseconds - seen.microseconds >= 72 * 3_600_000_000 {
        trending[index] = nil
      }
    }
    for subject in sorted(begun.map(\.subject)) {
      let index = begun.first { $0.subject == subject }!.index
      let tally = tallies.combinations[index]
      say(
        "popular_stack_trending", about: "stack/\(subject)", turn, of: tally.current,
        [
          "technologies": combinations[index].map { names[$0] }, "usage_count": tally.current,
          "previous_usage_count": tally.previous, "trend_percentage": tallies.trend(tally).percentage,
        ])
    }
  }

  mutating func rateRule(_ tallies: Tallies, _ teams: [(Project, Bool?)], _ turn: Turn) {
    if tallies.whole.people >= 10 { judge("everybody", nil, tallies.whole.results, turn) }
    for index in byName() where tallies.technologies[index].people >= 10 {
      judge("technology", names[index], tallies.technologies[index].results, turn)
    }
    let current = teams.filter { turn.current.contains($0.0.day) }
    let byTeam = Dictionary(grouping: current) { $0.0.team! }
    for team in sorted(Array(byTeam.keys)) { judge("team", team, byTeam[team]!.map(\.1), turn) }
  }

  private mutating func judge(_ scope: String, _ name: String?, _ results: [Bool?], _ turn: Turn) {
    let rate = SuccessRate(results)
    if rate.outcomes < 30 { return }
    let subject = [scope, name].compactMap { $0 }.joined(separator: "/")
    guard let announced = rates[subject] else {
      rates[subject] = rate
      return
    }
    let difference = rate.successes * announced.outcomes - announced.successes * rate.outcomes
    if abs(difference) * 20 < rate.outcomes * announced.outcomes { return }
    if abs(Trend(rate.successes, rate.outcomes, announced.successes, announced.outcomes).z!) < 2.576 { return }
    rates[subject] = rate
    let columns = rate.columns
    say(
      "success_rate_changed", about: subject, turn, of: rate.outcomes,
      on: scope == "team" ? "analytics.teams" : "analytics.events",
      [
        "scope": scope, "subject": name, "success_rate": columns["success_rate"]!,
        "success_rate_low": columns["success_rate_low"]!, "success_rate_high": columns["success_rate_high"]!,
        "previous_success_rate": announced.columns["success_rate"]!,
      ])
  }

  mutating func patternRule(_ facts: [(Project, Bool?)], _ turn: Turn) {
    var usage = Array(repeating: 0, count: names.count)
    var together: [Int: Int] = [:]
    for (project, _) in facts {
      let list = project.technologies
      for (at, a) in list.enumerated() {
        usage[a] += 1
        for b in list[(at + 1)...] { together[a << 32 | b, default: 0] += 1 }
      }
    }
    var begun: [(subject: String, pair: [Int], count: Int, people: Int, lift: Double)] = []
    for (key, count) in together where count >= 20 {
      let pair = [key >> 32, key & 0xffff_ffff]
      if patterns.contains(pair) { continue }
      let (a, b, n) = (usage[pair[0]], usage[pair[1]], facts.count)
      if count * n < 2 * a * b || g(count, a, b, n) < 10.83 { continue }
      let people = Set(facts.filter { Set(pair).isSubset(of: $0.0.technologies) }.map(\.0.user)).count
      if people < 10 { continue }
      patterns.insert(pair)
      begun.append((json(pair.map { names[$0] }), pair, count, people, Double(count * n) / Double(a * b)))
    }
    for subject in sorted(begun.map(\.subject)) {
      let each = begun.first { $0.subject == subject }!
      say(
        "new_pattern_detected", about: "pair/\(subject)", turn, of: each.count,
        ["technologies": each.pair.map { names[$0] }, "lift": each.lift, "people": each.people])
    }
  }

  mutating func modelRule(_ turn: Turn) {
    let day = turn.before.day
    let keys = calls.filter { ($0.value[day] ?? []).count >= 100 }.keys
      .map { (key: $0, subject: "model/" + json($0)) }
    for subject in sorted(keys.map(\.subject)) {
      let key = keys.first { $0.subject == subject }!.key
      let (now, before) = (calls[key]![day]!, (day - 7..<day).flatMap { calls[key]![$0] ?? [] })
      for measure in ["latency", "quality", "cost"] where !modelChanges.contains(key + ["\(day)", measure]) {
        let (values, reference) = (values(now, measure), values(before, measure))
        if values.count < 100 || reference.count < 2 || !differs(values, reference) { continue }
        modelChanges.insert(key + ["\(day)", measure])
        say(
          "model_performance_changed", about: subject, turn, of: values.count,
          [
            "model": key[0], "task_type": key[1], "measure": measure, "value": mean(values).double,
            "previous_value": mean(reference).double,
          ])
        found[found.count - 1].source = "/pleat/models"
      }
    }
  }

  private func values(_ calls: [JournalLine], _ measure: String) -> [Decimal] {
    let (member, digits) = [
      "latency": ("response_time_ms", 3), "quality": ("quality_score", 6), "cost": ("cost_usd", 9),
    ][
      measure]!
    return calls.compactMap { line in
      guard var value = line.decimal(member) else { return nil }
      var cut = Decimal()
      NSDecimalRound(&cut, &value, digits, .down)
      return cut
    }
  }

  private func mean(_ values: [Decimal]) -> Decimal { values.reduce(0, +) / Decimal(values.count) }

  /// By a fifth of the reference, and by 4 standard errors.
  private func differs(_ values: [Decimal], _ reference: [Decimal]) -> Bool {
    let (x, y) = (values.reduce(0, +), reference.reduce(0, +))
    let (n, m) = (Decimal(values.count), Decimal(reference.count))
    let difference = x * m > y * n ? x * m - y * n : y * n - x * m
    if difference == 0 || difference * 5 < y * n { return false }
    func squaredError(_ values: [Decimal]) -> Double {
      let mean = mean(values)
      let variance = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +).double / Double(values.count - 1)
      return variance / Double(values.count)
    }
    return difference.double / (n * m).double >= 4 * (squaredError(values) + squaredError(reference)).squareRoot()
  }
}

/// 2·Σ o·ln(o/e) over the four cells of two things that `a` and `b` of `n` have, and `both` have both.
func g(_ both: Int, _ a: Int, _ b: Int, _ n: Int) -> Double {
  var sum = 0.0
  for (hasA, hasB) in [(true, true), (true, false), (false, true), (false, false)] {
    let row = hasA ? a : n - a
    let column = hasB ? b : n - b
    let observed = hasA ? (hasB ? both : a - both) : (hasB ? b - both : n - a - b + both)
    if observed > 0 { sum += Double(observed) * log(Double(observed) / (Double(row) * Double(column) / Double(n))) }
  }
  return 2 * sum
}
