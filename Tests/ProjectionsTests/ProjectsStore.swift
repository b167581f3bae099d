import Events

@testable import Projections

/// The rows of projection `projects`, and its queries in plain Swift.
final class ProjectsStore: MemoryStore {
  override func keyColumns(_ table: String) -> Int {
    switch table {
    case "projects", "organisations", "technologies", "project_days", "stack_combinations", "stack_people",
      "team_stats":
      1
    case "memberships", "technology_usage", "technology_people", "stack_days", "team_activity", "team_technologies": 2
    default: super.keyColumns(table)
    }
  }

  override func load(_ table: String, _ key: Key) -> StoredRow? {
    func join(_ table: String, without column: Int, _ people: String) -> StoredRow? {
      guard var row = row(table, key) else { return nil }
      row.fields.remove(at: column)
      row.fields += self.row(people, key).map { Array($0.fields.dropFirst(key.count)) } ?? [nil, nil, nil, nil]
      return row
    }
    switch table {
    case "technology_people", "technology_usage": return join("technology_usage", without: 6, "technology_people")
    case "stack_people", "stack_combinations": return join("stack_combinations", without: 9, "stack_people")
    default: return super.load(table, key)
    }
  }

  override func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    switch (sql, parameters[0]) {
    case (ProjectLayout.ofOrganisation, .text(let org)):
      guard case .text(let after) = parameters[1] else { preconditionFailure("a project id is text") }
      let page = rows(of: "projects") { $0.text(4) == org && after.utf8.lexicographicallyPrecedes($0.fields[0]!) }
      for row in page.prefix(ProjectLayout.pageRows) { try row.withReader(body) }
    case (OrganisationLayout.one, .text(let org)):
      if let row = row("organisations", [Array(org.utf8)]) { try row.withReader(body) }
    case (TrendWindows.wholeQuery, .date(let today)):
      let days = (tables["project_days"] ?? [:]).values.map { ($0.day(0), $0.integer(1)!) }
      try windows(days, today).withReader(body)
    case (TechnologyTrendRule.query, .date(let today)):
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
    case (ProjectsProjection.teamDays, .bigint(let person)):
      for row in exact(in: "team_activity", with: person, at: 9) { try row.withReader(body) }
    case (ProjectsProjection.endMemberships, .bigint(let person)):
      for row in rows(of: "memberships", where: { $0.integer(1) == person }) {
        remove("memberships", [row.fields[0]!, row.fields[1]!])
        try StoredRow(fields: [row.fields[0], row.fields[2]]).withReader(body)
      }
    default:
      try super.rows(sql, parameters, body)
    }
  }

  /// A page of the rows whose sketch, at a column and the two behind it, is exact and holds a person.
  private func exact(in table: String, with person: Int64, at column: Int) -> ArraySlice<StoredRow> {
    rows(of: table) { $0.fields[column + 2] == [0] && $0.integers(column)!.contains(person) }.prefix(1000)
  }

  private func sums(_ days: [(day: Int32, count: Int64)], _ today: Int32) -> (current: Int64, previous: Int64) {
    (
      days.filter { $0.day > today - 30 && $0.day <= today }.reduce(0) { $0 + $1.count },
      days.filter { $0.day > today - 60 && $0.day <= today - 30 }.reduce(0) { $0 + $1.count }
    )
  }

  private func windows(_ days: [(day: Int32, count: Int64)], _ today: Int32) -> StoredRow {
    let sums = sums(days, today)
    return StoredRow.make {
      $0.bigint(sums.current)
      $0.bigint(sums.previous)
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
      if mostPeople == 0 { return nil }
      let takenOut = current.reduce(0) { $0 + $1.integer(7)! }
      var hashes: [Int64]?
      if mostPeople < 10 || takenOut > 0 {
        let current = (sketches[technology.fields[0]] ?? []).filter { $0.day(1) > today - 30 }
        hashes = Array(Set(current.flatMap { $0.integers(2)! }).sorted().prefix(257))
      }
      let sums = sums(usage.map { ($0.day(1), $0.integer(2)!) }, today)
      return StoredRow.make {
        $0.text(technology.text(0))
        $0.smallint(technology.integer(6).map { Int16($0) })
        $0.bigint(sums.current)
        $0.bigint(sums.previous)
        $0.bigint(mostPeople)
        $0.bigint(takenOut)
        if let hashes { $0.bigints(hashes) } else { $0.null() }
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
