import Events

/// All projects of a day that count for everybody: the whole of the trends.
struct ProjectDayRow: PeopledRow {
  var projects: Int64 = 0
  var successes: Int64 = 0
  var failures: Int64 = 0
  var people: People
  var position: Int64 = 0

  init(isPartial: Bool) { people = People(isPartial: isPartial) }

  mutating func merge(onto stored: Self) {
    projects += stored.projects
    successes += stored.successes
    failures += stored.failures
    people.merge(onto: stored.people)
  }

  var heapBytes: Int { people.heapBytes }
}

/// Keyed by the day alone.
struct ProjectDayLayout: PeopledLayout {
  typealias Row = ProjectDayRow

  let statements = TableStatements(
    name: "project_days",
    load: Self.load,
    copy: """
      COPY pleat.project_days_current (
        generation, day, projects, successes, failures, people, people_taken_out, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_project_days (LIKE pleat.project_days_current)",
    copyToStage: """
      COPY stage_project_days (
        generation, day, projects, successes, failures, people, people_taken_out, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.project_days_current AS c
      SET projects = s.projects, successes = s.successes, failures = s.failures, people = s.people,
        people_taken_out = s.people_taken_out, position = s.position
      FROM stage_project_days AS s
      WHERE c.generation = s.generation AND c.day = s.day
      """,
    version: """
      INSERT INTO pleat.project_days (
        generation, day, projects, successes, failures, people, people_taken_out, position)
      SELECT generation, day, projects, successes, failures, people, people_taken_out, $3
      FROM pleat.project_days_current
      WHERE generation = $1 AND position >= $2
      """)

  let peopleStatements = TableStatements(
    name: "project_people",
    load: Self.load,
    copy: """
      COPY pleat.project_people_current (
        generation, day, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_project_people (LIKE pleat.project_people_current)",
    copyToStage: """
      COPY stage_project_people (
        generation, day, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.project_people_current AS c
      SET hashes = s.hashes, counts = s.counts, estimate = s.estimate, position = s.position
      FROM stage_project_people AS s
      WHERE c.generation = s.generation AND c.day = s.day
      """,
    version: nil)

  private static let load = """
    SELECT c.day, c.projects, c.successes, c.failures, c.people_taken_out, c.position,
      p.hashes, p.counts, p.estimate, p.position
    FROM unnest($2::date[]) AS k (day)
    CROSS JOIN LATERAL (
      SELECT * FROM pleat.project_days_current AS x
      WHERE x.generation = $1 AND x.day = k.day
      OFFSET 0) AS c
    LEFT JOIN LATERAL (
      SELECT * FROM pleat.project_people_current AS x
      WHERE x.generation = $1 AND x.day = k.day
      OFFSET 0) AS p ON true
    """

  static func key(_ day: Int32) -> RowKey { RowKey(0, UInt64(UInt32(bitPattern: day))) }

  var fields: Int16 { 8 }
  var peopleFields: Int16 { 6 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.date)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(date: key.day) }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { a.day < b.day }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: ProjectDayRow) {
    let key = Self.key(reader.date() ?? 0)
    var row = ProjectDayRow(isPartial: false)
    row.projects = reader.count()
    row.successes = reader.count()
    row.failures = reader.count()
    let takenOut = reader.count()
    row.position = reader.count()
    let sketch = PeopleSketch(&reader)
    row.people = People(stored: sketch, takenOut: takenOut, position: reader.count())
    return (key, row)
  }

  func write(_ key: RowKey, _ row: ProjectDayRow, to writer: inout RowWriter) {
    writer.date(key.day)
    writer.bigint(row.projects)
    writer.bigint(row.successes)
    writer.bigint(row.failures)
    writer.bigint(row.people.count)
    writer.bigint(row.people.takenOut)
    writer.bigint(row.position)
  }

  func writePeople(_ key: RowKey, _ row: ProjectDayRow, to writer: inout RowWriter) {
    writer.date(key.day)
    row.people.sketch.write(to: &writer)
    writer.bigint(row.people.position)
  }
}
