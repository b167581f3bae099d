import Events

/// All projects of a day that count for everybody: the whole of the trends.
struct ProjectDayRow: CachedRow {
  var projects: Int64 = 0
  var successes: Int64 = 0
  var failures: Int64 = 0
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func merge(onto stored: Self) {
    projects += stored.projects
    successes += stored.successes
    failures += stored.failures
  }
}

/// Keyed by the day alone.
struct ProjectDayLayout: RowLayout {
  typealias Row = ProjectDayRow

  let statements = TableStatements(
    name: "project_days",
    load: """
      SELECT c.day, c.projects, c.successes, c.failures, c.position
      FROM unnest($2::date[]) AS k (day)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.project_days_current AS x
        WHERE x.generation = $1 AND x.day = k.day
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.project_days_current (
        generation, day, projects, successes, failures, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_project_days (LIKE pleat.project_days_current)",
    copyToStage: """
      COPY stage_project_days (
        generation, day, projects, successes, failures, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.project_days_current AS c
      SET projects = s.projects, successes = s.successes, failures = s.failures, position = s.position
      FROM stage_project_days AS s
      WHERE c.generation = s.generation AND c.day = s.day
      """,
    version: """
      INSERT INTO pleat.project_days (
        generation, day, projects, successes, failures, position)
      SELECT generation, day, projects, successes, failures, $3
      FROM pleat.project_days_current
      WHERE generation = $1 AND position >= $2
      """)

  static func key(_ day: Int32) -> RowKey { RowKey(0, UInt64(UInt32(bitPattern: day))) }

  var fields: Int16 { 6 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.date)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(date: key.day) }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { a.day < b.day }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: ProjectDayRow) {
    let key = Self.key(reader.date() ?? 0)
    var row = ProjectDayRow(isPartial: false)
    row.projects = reader.bigint() ?? 0
    row.successes = reader.bigint() ?? 0
    row.failures = reader.bigint() ?? 0
    row.position = reader.bigint() ?? 0
    return (key, row)
  }

  func write(_ key: RowKey, _ row: ProjectDayRow, to writer: inout RowWriter) {
    writer.date(key.day)
    writer.bigint(row.projects)
    writer.bigint(row.successes)
    writer.bigint(row.failures)
    writer.bigint(row.position)
  }
}

/// Contributions into `project_days`.
struct Everybody {
  let days = RowCache(ProjectDayLayout())

  func count(_ project: Contribution) {
    days.update(ProjectDayLayout.key(project.time.day)) { row in
      row.projects += project.sign
      row.successes += project.successes
      row.failures += project.failures
      row.position = project.position
    }
  }

  func change(_ outcome: OutcomeChange) {
    days.update(ProjectDayLayout.key(outcome.time.day)) { row in
      row.successes += outcome.successes
      row.failures += outcome.failures
      row.position = outcome.position
    }
  }
}
