import Events

@testable import Projections

/// The rows of projection `projects`, and its queries in plain Swift.
final class ProjectsStore: MemoryStore {
  override func keyColumns(_ table: String) -> Int {
    switch table {
    case "projects", "organisations", "technologies", "project_days", "project_people", "everybody",
      "stack_combinations", "stack_people", "domains", "domain_people", "team_stats", "team_technologies":
      1
    case "memberships", "technology_usage", "technology_people", "stack_days", "technology_pairs", "pair_people",
      "domain_stacks", "domain_stack_people", "team_activity", "prediction_calibration":
      2
    default: super.keyColumns(table)
    }
  }

  override func load(_ table: String, _ key: Key) -> StoredRow? {
    func join(_ table: String, without columns: Int..., people: String) -> StoredRow? {
      guard var row = row(table, key) else { return nil }
      for column in columns { row.fields.remove(at: column) }
      row.fields += self.row(people, key).map { Array($0.fields.dropFirst(key.count)) } ?? [nil, nil, nil, nil]
      return row
    }
    switch table {
    case "technology_people", "technology_usage":
      return join("technology_usage", without: 6, people: "technology_people")
    case "project_people", "project_days": return join("project_days", without: 4, people: "project_people")
    case "stack_people", "stack_combinations": return join("stack_combinations", without: 9, people: "stack_people")
    case "pair_people", "technology_pairs": return join("technology_pairs", without: 5, people: "pair_people")
    case "domain_people", "domains": return join("domains", without: 5, people: "domain_people")
    case "domain_stack_people", "domain_stacks":
      return join("domain_stacks", without: 6, 2, people: "domain_stack_people")
    default: return super.load(table, key)
    }
  }

  override func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    switch (sql, parameters[0]) {
    case (ProjectLayout.ofOrganisation, .text(let org)):
      guard case .uuid(let after) = parameters[1] else { preconditionFailure("a project's key is a uuid") }
      let page = rows(of: "projects") {
        let key = $0.uuid(0)!
        return $0.text(4) == org && (after.high, after.low) < (key.high, key.low)
      }
      for row in page.prefix(ProjectLayout.pageRows) { try row.withReader(body) }
    case (OrganisationLayout.one, .text(let org)):
      if let row = row("organisations", [Array(org.utf8)]) { try row.withReader(body) }
    case (EverybodyWindows.query, .date(let today)):
      try everybodyWindows(today).withReader(body)
    case (TechnologyWindows.query, .date(let today)):
      for row in technologyWindows(today) { try row.withReader(body) }
    case (PopularStackRule.query, .date(let today)):
      for row in stackWindows(today) { try row.withReader(body) }
    case (ProjectLayout.ofPerson, .bigint(let person)):
      for row in rows(of: "projects", where: { $0.integer(6) == person }).prefix(1000) { try row.withReader(body) }
    case (ProjectsProjection.technologyDays, .bigint(let person)):
      for row in exact(in: "technology_people", with: person, at: 2) { try row.withReader(body) }
    case (ProjectsProjection.combinations, .bigint(let person)):
      for row in exact(in: "stack_people", with: person, at: 1) {
        let technologies = self.row("stack_combinations", [row.fields[0]!])!.fields[1]
        try StoredRow(fields: [technologies]).withReader(body)
      }
    case (ProjectsProjection.days, .bigint(let person)):
      for row in exact(in: "project_people", with: person, at: 1) { try row.withReader(body) }
    case (ProjectsProjection.pairs, .bigint(let person)):
      for row in exact(in: "pair_people", with: person, at: 2) { try row.withReader(body) }
    case (ProjectsProjection.domains, .bigint(let person)):
      for row in exact(in: "domain_people", with: person, at: 1) { try row.withReader(body) }
    case (ProjectsProjection.domainStacks, .bigint(let person)):
      for row in exact(in: "domain_stack_people", with: person, at: 2) {
        let technologies = self.row("domain_stacks", [row.fields[0]!, row.fields[1]!])!.fields[2]
        try StoredRow(fields: [row.fields[0], technologies]).withReader(body)
      }
    case (ProjectsProjection.teamDays, .bigint(let person)):
      for row in exact(in: "team_activity", with: person, at: 9) { try row.withReader(body) }
    case (ProjectsProjection.endMemberships, .bigint(let person)):
      for row in rows(of: "memberships", where: { $0.integer(1) == person }) {
        remove("memberships", [row.fields[0]!, row.fields[1]!])
        try StoredRow(fields: [row.fields[0], row.fields[2]]).withReader(body)
      }
    case (SuccessRateRule.teamQuery, .date(let today)):
      guard case .bigint(let since) = parameters[1] else { preconditionFailure("a position is a bigint") }
      for row in teamWindows(today, since) { try row.withReader(body) }
    case (NewPatternRule.query, .bigint(let projects)):
      for row in pairs(projects) { try row.withReader(body) }
    default:
      try super.rows(sql, parameters, body)
    }
  }

  /// A page of the rows whose sketch, at a column and the two behind it, is exact and holds a person.
  private func exact(in table: String, with person: Int64, at column: Int) -> ArraySlice<StoredRow> {
    let packed = ["pair_people", "stack_people", "domain_people", "domain_stack_people"].contains(table)
    return rows(of: table) {
      $0.fields[column + 2] == [0] && $0.hashes(column, packed: packed)!.contains(person)
    }.prefix(1000)
  }

  private func sums(_ days: [(day: Int32, count: Int64)], _ today: Int32) -> (current: Int64, previous: Int64) {
    (
      days.filter { $0.day > today - 30 && $0.day <= today }.reduce(0) { $0 + $1.count },
      days.filter { $0.day > today - 60 && $0.day <= today - 30 }.reduce(0) { $0 + $1.count }
    )
  }

  /// The 257 smallest hashes of the days' sketches, unless one exact day has people enough.
  private func union(_ sketches: [StoredRow], _ column: Int, _ mostPeople: Int64, _ takenOut: Int64) -> [Int64]? {
    mostPeople < 10 || takenOut > 0
      ? Array(Set(sketches.flatMap { $0.integers(column)! }).sorted().prefix(257)) : nil
  }

  private func everybodyWindows(_ today: Int32) -> StoredRow {
    let days = Array((tables["project_days"] ?? [:]).values)
    let isCurrent = { (day: Int32) in day > today - 30 && day <= today }
    let current = days.filter { isCurrent($0.day(0)) }
    let sums = sums(days.map { ($0.day(0), $0.integer(1)!) }, today)
    let (mostPeople, takenOut) = (
      current.map { $0.integer(4)! }.max() ?? 0, current.reduce(0) { $0 + $1.integer(5)! }
    )
    let sketches = rows(of: "project_people") { isCurrent($0.day(0)) }
    let memory = row("everybody", [Array("success_rate_changed".utf8)])
    return StoredRow.make {
      $0.bigint(days.reduce(0) { $0 + $1.integer(1)! })
      $0.bigint(sums.current)
      $0.bigint(sums.previous)
      $0.bigint(current.reduce(0) { $0 + $1.integer(2)! })
      $0.bigint(current.reduce(0) { $0 + $1.integer(2)! + $1.integer(3)! })
      $0.bigint(memory?.integer(1))
      $0.bigint(memory?.integer(2))
      $0.bigint(mostPeople)
      $0.bigint(takenOut)
      if let hashes = union(sketches, 1, mostPeople, takenOut) { $0.bigints(hashes) } else { $0.null() }
    }
  }

  /// The rows of the last 60 days by their first column; `day` is the second.
  private func recent(_ table: String, _ today: Int32) -> [[UInt8]?: [StoredRow]] {
    let rows = (tables[table] ?? [:]).values.filter { $0.day(1) > today - 60 && $0.day(1) <= today }
    return Dictionary(grouping: rows) { $0.fields[0] }
  }

  private func technologyWindows(_ today: Int32) -> [StoredRow] {
    let (usages, sketches) = (recent("technology_usage", today), recent("technology_people", today))
    return rows(of: "technologies").compactMap { technology in
      let usage = usages[technology.fields[0]] ?? []
      let current = usage.filter { $0.day(1) > today - 30 }
      let mostPeople = current.map { $0.integer(6)! }.max() ?? 0
      let takenOut = current.reduce(0) { $0 + $1.integer(7)! }
      let sums = sums(usage.map { ($0.day(1), $0.integer(2)!) }, today)
      if sums.current < 10 && takenOut == 0 || technology.integer(2)! < 10 && takenOut == 0 { return nil }
      let days = (sketches[technology.fields[0]] ?? []).filter { $0.day(1) > today - 30 }
      return StoredRow.make {
        $0.text(technology.text(0))
        $0.smallint(technology.integer(6).map { Int16($0) })
        $0.bigint(technology.integer(7))
        $0.bigint(technology.integer(8))
        $0.bigint(sums.current)
        $0.bigint(sums.previous)
        $0.bigint(current.reduce(0) { $0 + $1.integer(4)! })
        $0.bigint(current.reduce(0) { $0 + $1.integer(4)! + $1.integer(5)! })
        $0.bigint(mostPeople)
        $0.bigint(takenOut)
        if let hashes = union(days, 2, mostPeople, takenOut) { $0.bigints(hashes) } else { $0.null() }
      }
    }
  }

  private func teamWindows(_ today: Int32, _ since: Int64) -> [StoredRow] {
    let days = recent("team_activity", today)
    return rows(of: "team_stats") { $0.integer(8)! + $0.integer(9)! >= 30 && $0.integer(16)! >= since }
      .compactMap { team in
        let current = (days[team.fields[0]] ?? []).filter { $0.day(1) > today - 30 }
        let successes = current.reduce(0) { $0 + $1.integer(7)! }
        let outcomes = current.reduce(successes) { $0 + $1.integer(8)! }
        if outcomes < 30 { return nil }
        return StoredRow.make {
          $0.text(team.text(0))
          $0.bigint(team.integer(14))
          $0.bigint(team.integer(15))
          $0.bigint(successes)
          $0.bigint(outcomes)
        }
      }
  }

  private func pairs(_ projects: Int64) -> [StoredRow] {
    func usage(_ technology: [UInt8]?) -> Int64 { row("technologies", [technology!])!.integer(2)! }
    return rows(of: "technology_pairs") {
      $0.integer(2)! >= 20 && $0.integer(5)! - $0.integer(6)! >= 10 && $0.integer(7) == 0
    }
    .compactMap { pair in
      let (a, b) = (usage(pair.fields[0]), usage(pair.fields[1]))
      if pair.integer(2)! * projects < 2 * a * b { return nil }
      return StoredRow.make {
        $0.text(pair.text(0))
        $0.text(pair.text(1))
        $0.bigint(pair.integer(2))
        $0.bigint(pair.integer(5))
        $0.bigint(a)
        $0.bigint(b)
      }
    }
  }

  private func stackWindows(_ today: Int32) -> [StoredRow] {
    var stackDays: [[UInt8]?: [StoredRow]]?
    let candidates = rows(of: "stack_combinations") {
      $0.fields[11] != nil || $0.integer(9)! - $0.integer(10)! >= 10 && $0.texts(1)!.count >= 2
    }
    return candidates.map { stack in
      let recents = stackDays ?? recent("stack_days", today)
      stackDays = recents
      let sums = sums((recents[stack.fields[0]] ?? []).map { ($0.day(1), $0.integer(2)!) }, today)
      return StoredRow.make {
        $0.texts(stack.texts(1)!)
        $0.bigint(stack.integer(9)! - stack.integer(10)!)
        $0.timestamptz(stack.time(11).map(Timestamp.init(microseconds:)))
        $0.bigint(sums.current)
        $0.bigint(sums.previous)
      }
    }
  }
}
