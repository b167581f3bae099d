import Events

/// A combination of technologies in a domain.
struct DomainStackRow: PeopledRow {
  var usageCount: Int64 = 0
  var successes: Int64 = 0
  var failures: Int64 = 0
  var people: People
  var position: Int64 = 0

  init(isPartial: Bool) { people = People(isPartial: isPartial) }

  mutating func merge(onto stored: Self) {
    usageCount += stored.usageCount
    successes += stored.successes
    failures += stored.failures
    people.merge(onto: stored.people)
  }

  var heapBytes: Int { people.heapBytes }
}

/// Keyed by the domain and the stack's id in `stacks`.
struct DomainStackLayout: PeopledLayout {
  typealias Row = DomainStackRow

  let names: Names
  let stacks: StackTable

  let statements = TableStatements(
    name: "domain_stacks",
    load: Self.load,
    copy: """
      COPY pleat.domain_stacks_current (
        generation, domain, stack_id, technologies, usage_count, successes, failures, people, people_taken_out, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_domain_stacks (LIKE pleat.domain_stacks_current)",
    copyToStage: """
      COPY stage_domain_stacks (
        generation, domain, stack_id, technologies, usage_count, successes, failures, people, people_taken_out, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.domain_stacks_current AS c
      SET technologies = s.technologies, usage_count = s.usage_count, successes = s.successes, failures = s.failures,
        people = s.people, people_taken_out = s.people_taken_out, position = s.position
      FROM stage_domain_stacks AS s
      WHERE c.generation = s.generation AND c.domain = s.domain AND c.stack_id = s.stack_id
      """,
    version: """
      INSERT INTO pleat.domain_stacks (
        generation, domain, stack_id, technologies, usage_count, successes, failures, people, people_taken_out, position)
      SELECT generation, domain, stack_id, technologies, usage_count, successes, failures, people, people_taken_out, $3
      FROM pleat.domain_stacks_current
      WHERE generation = $1 AND position >= $2
      """)

  let peopleStatements = TableStatements(
    name: "domain_stack_people",
    load: Self.load,
    copy: """
      COPY pleat.domain_stack_people_current (
        generation, domain, stack_id, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_domain_stack_people (LIKE pleat.domain_stack_people_current)",
    copyToStage: """
      COPY stage_domain_stack_people (
        generation, domain, stack_id, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.domain_stack_people_current AS c
      SET hashes = s.hashes, counts = s.counts, estimate = s.estimate, position = s.position
      FROM stage_domain_stack_people AS s
      WHERE c.generation = s.generation AND c.domain = s.domain AND c.stack_id = s.stack_id
      """,
    version: nil)

  private static let load = """
    SELECT c.domain, c.stack_id, c.usage_count, c.successes, c.failures, c.people_taken_out, c.position,
      p.hashes, p.counts, p.estimate, p.position
    FROM unnest($2::text[], $3::bytea[]) AS k (domain, stack_id)
    CROSS JOIN LATERAL (
      SELECT * FROM pleat.domain_stacks_current AS x
      WHERE x.generation = $1 AND x.domain = k.domain AND x.stack_id = k.stack_id
      OFFSET 0) AS c
    LEFT JOIN LATERAL (
      SELECT * FROM pleat.domain_stack_people_current AS x
      WHERE x.generation = $1 AND x.domain = k.domain AND x.stack_id = k.stack_id
      OFFSET 0) AS p ON true
    """

  static func key(_ domain: NameID, _ stack: StackID) -> RowKey { RowKey(UInt64(domain.index), UInt64(stack.index)) }
  private static func stack(_ key: RowKey) -> StackID { StackID(index: UInt32(truncatingIfNeeded: key.low)) }

  var fields: Int16 { 10 }
  var peopleFields: Int16 { 7 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text), ArrayParameter(.bytea)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(key.name, names)
    arrays[1].append(stacks.digest(of: Self.stack(key)))
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    let order = names.compare(a.name, b.name)
    if order != 0 { return order < 0 }
    return stacks.digest(of: Self.stack(a)) < stacks.digest(of: Self.stack(b))
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: DomainStackRow) {
    let domain = reader.name(names)
    // One that was not asked for is nobody's row, which the cache finds.
    let stack = stacks.find(reader.stackDigest()) ?? .none
    var row = DomainStackRow(isPartial: false)
    row.usageCount = reader.count()
    row.successes = reader.count()
    row.failures = reader.count()
    let takenOut = reader.count()
    row.position = reader.count()
    let sketch = PeopleSketch(packed: &reader)
    row.people = People(stored: sketch, takenOut: takenOut, position: reader.count())
    return (Self.key(domain, stack), row)
  }

  func write(_ key: RowKey, _ row: DomainStackRow, to writer: inout RowWriter) {
    let stack = Self.stack(key)
    writer.name(key.name, names)
    writer.stackDigest(stacks.digest(of: stack))
    writer.stack(stack, stacks, names)
    writer.bigint(row.usageCount)
    writer.bigint(row.successes)
    writer.bigint(row.failures)
    writer.bigint(row.people.count)
    writer.bigint(row.people.takenOut)
    writer.bigint(row.position)
  }

  func writePeople(_ key: RowKey, _ row: DomainStackRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.stackDigest(stacks.digest(of: Self.stack(key)))
    row.people.sketch.writePacked(to: &writer)
    writer.bigint(row.people.position)
  }
}
