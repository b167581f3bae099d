import Events

/// A domain, which is a project's type.
struct DomainRow: PeopledRow {
  var projects: Int64 = 0
  /// Technologies of category `language` of these projects, each project's counted.
  var languagesSum: Int64 = 0
  var successes: Int64 = 0
  var failures: Int64 = 0
  var people: People
  var position: Int64 = 0

  init(isPartial: Bool) { people = People(isPartial: isPartial) }

  mutating func merge(onto stored: Self) {
    projects += stored.projects
    languagesSum += stored.languagesSum
    successes += stored.successes
    failures += stored.failures
    people.merge(onto: stored.people)
  }

  var heapBytes: Int { people.heapBytes }
}

struct DomainLayout: PeopledLayout {
  typealias Row = DomainRow

  let names: Names

  let statements = TableStatements(
    name: "domains",
    load: Self.load,
    copy: """
      COPY pleat.domains_current (
        generation, domain, projects, languages_sum, successes, failures, people, people_taken_out, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_domains (LIKE pleat.domains_current)",
    copyToStage: """
      COPY stage_domains (
        generation, domain, projects, languages_sum, successes, failures, people, people_taken_out, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.domains_current AS c
      SET projects = s.projects, languages_sum = s.languages_sum, successes = s.successes, failures = s.failures,
        people = s.people, people_taken_out = s.people_taken_out, position = s.position
      FROM stage_domains AS s
      WHERE c.generation = s.generation AND c.domain = s.domain
      """,
    version: """
      INSERT INTO pleat.domains (
        generation, domain, projects, languages_sum, successes, failures, people, people_taken_out, position)
      SELECT generation, domain, projects, languages_sum, successes, failures, people, people_taken_out, $3
      FROM pleat.domains_current
      WHERE generation = $1 AND position >= $2
      """)

  let peopleStatements = TableStatements(
    name: "domain_people",
    load: Self.load,
    copy: """
      COPY pleat.domain_people_current (
        generation, domain, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_domain_people (LIKE pleat.domain_people_current)",
    copyToStage: """
      COPY stage_domain_people (
        generation, domain, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.domain_people_current AS c
      SET hashes = s.hashes, counts = s.counts, estimate = s.estimate, position = s.position
      FROM stage_domain_people AS s
      WHERE c.generation = s.generation AND c.domain = s.domain
      """,
    version: nil)

  private static let load = """
    SELECT c.domain, c.projects, c.languages_sum, c.successes, c.failures, c.people_taken_out, c.position,
      p.hashes, p.counts, p.estimate, p.position
    FROM unnest($2::text[]) AS k (domain)
    CROSS JOIN LATERAL (
      SELECT * FROM pleat.domains_current AS x
      WHERE x.generation = $1 AND x.domain = k.domain
      OFFSET 0) AS c
    LEFT JOIN LATERAL (
      SELECT * FROM pleat.domain_people_current AS x
      WHERE x.generation = $1 AND x.domain = k.domain
      OFFSET 0) AS p ON true
    """

  var fields: Int16 { 9 }
  var peopleFields: Int16 { 6 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(key.name, names) }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { names.compare(a.name, b.name) < 0 }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: DomainRow) {
    let key = RowKey(reader.name(names))
    var row = DomainRow(isPartial: false)
    row.projects = reader.count()
    row.languagesSum = reader.count()
    row.successes = reader.count()
    row.failures = reader.count()
    let takenOut = reader.count()
    row.position = reader.count()
    let sketch = PeopleSketch(packed: &reader)
    row.people = People(stored: sketch, takenOut: takenOut, position: reader.count())
    return (key, row)
  }

  func write(_ key: RowKey, _ row: DomainRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.bigint(row.projects)
    writer.bigint(row.languagesSum)
    writer.bigint(row.successes)
    writer.bigint(row.failures)
    writer.bigint(row.people.count)
    writer.bigint(row.people.takenOut)
    writer.bigint(row.position)
  }

  func writePeople(_ key: RowKey, _ row: DomainRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    row.people.sketch.writePacked(to: &writer)
    writer.bigint(row.people.position)
  }
}
