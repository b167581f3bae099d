import Events

@testable import Projections

extension ProjectsStore {
  /// The rows in the words of `SlowProjects`.
  func described() -> [String: String] {
    var result: [String: String] = [:]
    func time(_ row: StoredRow, _ index: Int) -> String { row.time(index).map(String.init) ?? "-" }
    func sketch(_ row: StoredRow, _ index: Int, packed: Bool = false) -> String {
      let (hashes, counts) = (row.hashes(index, packed: packed)!, row.counts(index + 1, packed: packed)!)
      return "\(hashes.map(hash(stored:))) \(counts) \(row.integer(index + 2) == 1)"
    }
    func numbers(_ row: StoredRow, _ range: ClosedRange<Int>) -> String {
      range.map { "\(row.integer($0)!)" }.joined(separator: " ")
    }
    var stacks: [[UInt8]: [String]] = [:]
    for row in rows(of: "technologies") {
      result["technologies \(row.text(0)!)"] = "\(row.text(1)!) \(numbers(row, 2...3)) \(time(row, 4)) \(time(row, 5))"
    }
    for row in rows(of: "technology_usage") {
      result["technology_usage \([row.text(0)!, "\(row.day(1))"])"] = numbers(row, 2...7)
    }
    for row in rows(of: "technology_people") {
      result["technology_people \([row.text(0)!, "\(row.day(1))"])"] = sketch(row, 2)
    }
    for row in rows(of: "project_days") { result["project_days \(row.day(0))"] = numbers(row, 1...5) }
    for row in rows(of: "project_people") { result["project_people \(row.day(0))"] = sketch(row, 1) }
    for row in rows(of: "technology_pairs") {
      result["technology_pairs \([row.text(0)!, row.text(1)!])"] = numbers(row, 2...6)
    }
    for row in rows(of: "pair_people") {
      result["pair_people \([row.text(0)!, row.text(1)!])"] = sketch(row, 2, packed: true)
    }
    for row in rows(of: "domains") { result["domains \(row.text(0)!)"] = numbers(row, 1...6) }
    for row in rows(of: "domain_people") { result["domain_people \(row.text(0)!)"] = sketch(row, 1, packed: true) }
    for row in rows(of: "domain_stacks") {
      stacks[row.fields[1]!] = row.texts(2)!
      result["domain_stacks \([row.text(0)!] + row.texts(2)!)"] = numbers(row, 3...7)
    }
    for row in rows(of: "domain_stack_people") {
      result["domain_stack_people \([row.text(0)!] + stacks[row.fields[1]!]!)"] = sketch(row, 2, packed: true)
    }
    for row in rows(of: "prediction_calibration") {
      result["prediction_calibration \(row.text(0)!) \(row.integer(1)!)"] =
        "\(numbers(row, 2...5)) \(row.wideInteger(6)!)"
    }
    for row in rows(of: "stack_combinations") {
      stacks[row.fields[0]!] = row.texts(1)!
      result["stack_combinations \(row.texts(1)!)"] =
        "\(numbers(row, 2...6)) \(time(row, 7)) \(time(row, 8)) \(numbers(row, 9...10))"
    }
    for row in rows(of: "stack_people") {
      result["stack_people \(stacks[row.fields[0]!]!)"] = sketch(row, 1, packed: true)
    }
    for row in rows(of: "stack_days") {
      result["stack_days \(stacks[row.fields[0]!]! + ["\(row.day(1))"])"] = numbers(row, 2...2)
    }
    for row in rows(of: "team_stats") {
      result["team_stats \(row.text(0)!)"] =
        "\(row.text(1) ?? "-") \(numbers(row, 4...11)) \(time(row, 12)) \(time(row, 13))"
    }
    for row in rows(of: "team_activity") {
      result["team_activity \([row.text(0)!, "\(row.day(1))"])"] = "\(numbers(row, 2...8)) \(sketch(row, 9))"
    }
    for row in rows(of: "team_technologies") {
      for (index, technology) in row.texts(1)!.enumerated() {
        result["team_technologies \([row.text(0)!, technology])"] =
          (2...4).map { "\(row.ints($0)![index])" }.joined(separator: " ")
      }
    }
    for row in rows(of: "memberships") {
      result["memberships \(row.text(0)!) \(hash(stored: row.integer(1)!))"] = row.integer(2).map { "\($0)" } ?? "-"
    }
    return result
  }
}
