import Events

@testable import Projections

extension SlowProjects {
  func pairRows(_ rows: inout [String: String]) {
    var pairs: [[String]: Tally] = [:]
    for (_, project, outcome) in counting(.public) {
      for pair in project.pairs { pairs[pair, default: Tally()].count(project, outcome) }
    }
    for (pair, people) in pairPeople {
      let tally = pairs[pair] ?? Tally()
      rows["technology_pairs \(pair)"] = "\(tally.projects) \(tally.outcomes) \(people.count) \(people.takenOut)"
      rows["pair_people \(pair)"] = people.text
    }
  }

  func domainRows(_ rows: inout [String: String]) {
    var (domains, stacks, languages): ([String: Tally], [[String]: Tally], [String: Int]) = ([:], [:], [:])
    for (_, project, outcome) in counting(.public) {
      let domain = project.fact.type
      domains[domain, default: Tally()].count(project, outcome)
      stacks[[domain] + project.names, default: Tally()].count(project, outcome)
      languages[domain, default: 0] += project.names.filter { categories[$0] == "language" }.count
    }
    for (domain, people) in domainPeople {
      let tally = domains[domain] ?? Tally()
      rows["domains \(domain)"] =
        "\(tally.projects) \(languages[domain] ?? 0) \(tally.outcomes) \(people.count) \(people.takenOut)"
      rows["domain_people \(domain)"] = people.text
    }
    for (key, people) in domainStackPeople {
      let tally = stacks[key] ?? Tally()
      rows["domain_stacks \(key)"] = "\(tally.projects) \(tally.outcomes) \(people.count) \(people.takenOut)"
      rows["domain_stack_people \(key)"] = people.text
    }
  }

  func calibrationRows(_ rows: inout [String: String]) {
    var deciles: [String: [(millionths: Int, outcome: Bool?)]] = [:]
    for id in projects.keys {
      let first = feedback[id]?.map(\.time).min() ?? .max
      let older = (predictions[id] ?? []).filter { $0.time < first }
      for (version, each) in Dictionary(grouping: older, by: \.value.version) {
        let millionths = newest(each)!.millionths
        deciles["\(version) \(min(millionths * 10 / 1_000_000, 9))", default: []]
          .append((millionths, newest(feedback[id])))
      }
    }
    for (key, each) in deciles {
      let known = each.filter { $0.outcome != nil }
      let errors = known.map { $0.millionths - ($0.outcome! ? 1_000_000 : 0) }.map { $0 * $0 }
      rows["prediction_calibration \(key)"] =
        "\(each.count) \(known.count) \(known.filter { $0.outcome! }.count) \(each.map(\.millionths).reduce(0, +)) "
        + "\(errors.reduce(0, +))"
    }
  }
}
