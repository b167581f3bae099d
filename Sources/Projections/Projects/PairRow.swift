import Events

/// Two technologies that were in one project.
struct PairRow: PeopledRow {
  var together: Int64 = 0
  var successes: Int64 = 0
  var failures: Int64 = 0
  var people: People
  /// `new_pattern_detected` was said of them. In a partial row: said since.
  var isAnnounced = false
  /// Since the row was written a project left, or it was announced: as it is stored it may look as if there were something to say.
  var isLess = false
  var position: Int64 = 0

  init(isPartial: Bool) { people = People(isPartial: isPartial) }

  mutating func merge(onto stored: Self) {
    together += stored.together
    successes += stored.successes
    failures += stored.failures
    people.merge(onto: stored.people)
    isAnnounced = isAnnounced || stored.isAnnounced
  }

  mutating func wasWritten() { isLess = false }
  var heapBytes: Int { people.heapBytes }
}

/// Keyed by both names, the lesser by bytes first.
struct PairLayout: PeopledLayout {
  typealias Row = PairRow

  func rulesNeed(_ row: PairRow, isWhole: Bool) -> Bool {
    !isWhole || row.isLess || row.together >= Association.leastTogether && !row.isAnnounced
  }

  let names: Names

  let statements = TableStatements(
    name: "technology_pairs",
    load: Self.load,
    copy: """
      COPY pleat.technology_pairs_current (
        generation, technology_a, technology_b, together, successes, failures, people, people_taken_out, announced,
        position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_technology_pairs (LIKE pleat.technology_pairs_current)",
    copyToStage: """
      COPY stage_technology_pairs (
        generation, technology_a, technology_b, together, successes, failures, people, people_taken_out, announced,
        position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.technology_pairs_current AS c
      SET together = s.together, successes = s.successes, failures = s.failures, people = s.people,
        people_taken_out = s.people_taken_out, announced = s.announced, position = s.position
      FROM stage_technology_pairs AS s
      WHERE c.generation = s.generation AND c.technology_a = s.technology_a AND c.technology_b = s.technology_b
      """,
    version: """
      INSERT INTO pleat.technology_pairs (
        generation, technology_a, technology_b, together, successes, failures, people, people_taken_out, announced,
        position)
      SELECT generation, technology_a, technology_b, together, successes, failures, people, people_taken_out, announced,
        $3
      FROM pleat.technology_pairs_current
      WHERE generation = $1 AND position >= $2
      """)

  let peopleStatements = TableStatements(
    name: "pair_people",
    load: Self.load,
    copy: """
      COPY pleat.pair_people_current (
        generation, technology_a, technology_b, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_pair_people (LIKE pleat.pair_people_current)",
    copyToStage: """
      COPY stage_pair_people (
        generation, technology_a, technology_b, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.pair_people_current AS c
      SET hashes = s.hashes, counts = s.counts, estimate = s.estimate, position = s.position
      FROM stage_pair_people AS s
      WHERE c.generation = s.generation AND c.technology_a = s.technology_a AND c.technology_b = s.technology_b
      """,
    version: nil)

  private static let load = """
    SELECT c.technology_a, c.technology_b, c.together, c.successes, c.failures, c.people_taken_out, c.announced,
      c.position, p.hashes, p.counts, p.estimate, p.position
    FROM unnest($2::text[], $3::text[]) AS k (technology_a, technology_b)
    CROSS JOIN LATERAL (
      SELECT * FROM pleat.technology_pairs_current AS x
      WHERE x.generation = $1 AND x.technology_a = k.technology_a AND x.technology_b = k.technology_b
      OFFSET 0) AS c
    LEFT JOIN LATERAL (
      SELECT * FROM pleat.pair_people_current AS x
      WHERE x.generation = $1 AND x.technology_a = k.technology_a AND x.technology_b = k.technology_b
      OFFSET 0) AS p ON true
    """

  var fields: Int16 { 10 }
  var peopleFields: Int16 { 7 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text), ArrayParameter(.text)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(key.name, names)
    arrays[1].append(key.secondName, names)
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    let order = names.compare(a.name, b.name)
    return order == 0 ? names.compare(a.secondName, b.secondName) < 0 : order < 0
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: PairRow) {
    let a = reader.name(names)
    let key = RowKey(a, reader.name(names))
    var row = PairRow(isPartial: false)
    row.together = reader.count()
    row.successes = reader.count()
    row.failures = reader.count()
    let takenOut = reader.count()
    row.isAnnounced = reader.bool() ?? false
    row.position = reader.count()
    let sketch = PeopleSketch(packed: &reader)
    row.people = People(stored: sketch, takenOut: takenOut, position: reader.count())
    return (key, row)
  }

  func write(_ key: RowKey, _ row: PairRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.name(key.secondName, names)
    writer.bigint(row.together)
    writer.bigint(row.successes)
    writer.bigint(row.failures)
    writer.bigint(row.people.count)
    writer.bigint(row.people.takenOut)
    writer.bool(row.isAnnounced)
    writer.bigint(row.position)
  }

  func writePeople(_ key: RowKey, _ row: PairRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.name(key.secondName, names)
    row.people.sketch.writePacked(to: &writer)
    writer.bigint(row.people.position)
  }
}
