import Events

/// A technology on a day.
struct TechnologyUsageRow: PeopledRow {
  var projects: Int64 = 0
  var selections: Int64 = 0
  var successes: Int64 = 0
  var failures: Int64 = 0
  var people: People
  var position: Int64 = 0

  init(isPartial: Bool) { people = People(isPartial: isPartial) }

  mutating func merge(onto stored: Self) {
    projects += stored.projects
    selections += stored.selections
    successes += stored.successes
    failures += stored.failures
    people.merge(onto: stored.people)
  }

  var heapBytes: Int { people.heapBytes }
}

struct TechnologyUsageLayout: PeopledLayout {
  typealias Row = TechnologyUsageRow

  let names: Names

  /// Both tables' rows, which are read together.
  private static let load = """
    SELECT c.technology, c.day, c.projects, c.selections, c.successes, c.failures, c.people_taken_out, c.position,
      p.hashes, p.counts, p.estimate, p.position
    FROM unnest($2::text[], $3::date[]) AS k (technology, day)
    CROSS JOIN LATERAL (
      SELECT * FROM pleat.technology_usage_current AS x
      WHERE x.generation = $1 AND x.technology = k.technology AND x.day = k.day
      OFFSET 0) AS c
    LEFT JOIN LATERAL (
      SELECT * FROM pleat.technology_people_current AS x
      WHERE x.generation = $1 AND x.technology = k.technology AND x.day = k.day
      OFFSET 0) AS p ON true
    """

  let statements = TableStatements(
    name: "technology_usage",
    load: Self.load,
    copy: """
      COPY pleat.technology_usage_current (
        generation, technology, day, projects, selections, successes, failures, people, people_taken_out,
        position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_technology_usage (LIKE pleat.technology_usage_current)",
    copyToStage: """
      COPY stage_technology_usage (
        generation, technology, day, projects, selections, successes, failures, people, people_taken_out,
        position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.technology_usage_current AS c
      SET projects = s.projects, selections = s.selections, successes = s.successes, failures = s.failures,
        people = s.people, people_taken_out = s.people_taken_out, position = s.position
      FROM stage_technology_usage AS s
      WHERE c.generation = s.generation AND c.technology = s.technology AND c.day = s.day
      """,
    version: """
      INSERT INTO pleat.technology_usage (
        generation, technology, day, projects, selections, successes, failures, people, people_taken_out,
        position)
      SELECT generation, technology, day, projects, selections, successes, failures, people, people_taken_out,
        $3
      FROM pleat.technology_usage_current
      WHERE generation = $1 AND position >= $2
      """)

  let peopleStatements = TableStatements(
    name: "technology_people",
    load: Self.load,
    copy: """
      COPY pleat.technology_people_current (
        generation, technology, day, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage:
      "CREATE TEMP TABLE stage_technology_people (LIKE pleat.technology_people_current)",
    copyToStage: """
      COPY stage_technology_people (
        generation, technology, day, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.technology_people_current AS c
      SET hashes = s.hashes, counts = s.counts, estimate = s.estimate, position = s.position
      FROM stage_technology_people AS s
      WHERE c.generation = s.generation AND c.technology = s.technology AND c.day = s.day
      """,
    version: """
      INSERT INTO pleat.technology_people (
        generation, technology, day, hashes, counts, estimate, position)
      SELECT generation, technology, day, hashes, counts, estimate, $3
      FROM pleat.technology_people_current
      WHERE generation = $1 AND position >= $2
      """)

  var fields: Int16 { 10 }
  var peopleFields: Int16 { 7 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text), ArrayParameter(.date)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(key.name, names)
    arrays[1].append(date: key.day)
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    let order = names.compare(a.name, b.name)
    return order == 0 ? a.day < b.day : order < 0
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: TechnologyUsageRow) {
    let name = reader.name(names)
    let key = RowKey(name, day: reader.date() ?? 0)
    var row = TechnologyUsageRow(isPartial: false)
    row.projects = reader.count()
    row.selections = reader.count()
    row.successes = reader.count()
    row.failures = reader.count()
    let takenOut = reader.count()
    row.position = reader.count()
    let sketch = PeopleSketch(&reader)
    row.people = People(stored: sketch, takenOut: takenOut, position: reader.count())
    return (key, row)
  }

  func write(_ key: RowKey, _ row: TechnologyUsageRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.date(key.day)
    writer.bigint(row.projects)
    writer.bigint(row.selections)
    writer.bigint(row.successes)
    writer.bigint(row.failures)
    writer.bigint(row.people.count)
    writer.bigint(row.people.takenOut)
    writer.bigint(row.position)
  }

  func writePeople(_ key: RowKey, _ row: TechnologyUsageRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.date(key.day)
    row.people.sketch.write(to: &writer)
    writer.bigint(row.people.position)
  }
}
