import Events

/// A combination of technologies over all time, and whether it is marked as trending.
struct StackRow: PeopledRow {
  var usageCount: Int64 = 0
  var successes: Int64 = 0
  var failures: Int64 = 0
  var complexitySumMillionths: Int64 = 0
  var complexityCount: Int64 = 0
  /// Of the projects ever counted.
  var seen = Extremes()
  var people: People
  /// Marked as trending: the watermark when it was last seen `up`.
  var trendingSeenAt: Timestamp?
  /// In a partial row: the rule has set `trendingSeenAt`.
  var isMarked = false
  var position: Int64 = 0

  init(isPartial: Bool) { people = People(isPartial: isPartial) }

  mutating func merge(onto stored: Self) {
    usageCount += stored.usageCount
    successes += stored.successes
    failures += stored.failures
    complexitySumMillionths += stored.complexitySumMillionths
    complexityCount += stored.complexityCount
    seen.include(stored.seen)
    people.merge(onto: stored.people)
    if !isMarked { trendingSeenAt = stored.trendingSeenAt }
  }

  var heapBytes: Int { people.heapBytes }
}

/// Keyed by the stack's id in `stacks`.
struct StackLayout: PeopledLayout {
  typealias Row = StackRow

  let names: Names
  let stacks: StackTable

  /// Both tables' rows, which are read together.
  private static let load = """
    SELECT c.stack_id, c.technologies, c.usage_count, c.successes, c.failures, c.complexity_sum_millionths,
      c.complexity_count, c.first_seen, c.last_seen, c.people_taken_out, c.trending_seen_at, c.position,
      p.hashes, p.counts, p.estimate, p.position
    FROM unnest($2::bytea[]) AS k (stack_id)
    CROSS JOIN LATERAL (
      SELECT * FROM pleat.stack_combinations_current AS x
      WHERE x.generation = $1 AND x.stack_id = k.stack_id
      OFFSET 0) AS c
    LEFT JOIN LATERAL (
      SELECT * FROM pleat.stack_people_current AS x
      WHERE x.generation = $1 AND x.stack_id = k.stack_id
      OFFSET 0) AS p ON true
    """

  let statements = TableStatements(
    name: "stack_combinations",
    load: Self.load,
    copy: """
      COPY pleat.stack_combinations_current (
        generation, stack_id, technologies, usage_count, successes, failures, complexity_sum_millionths,
        complexity_count, first_seen, last_seen, people, people_taken_out, trending_seen_at, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage:
      "CREATE TEMP TABLE stage_stack_combinations (LIKE pleat.stack_combinations_current)",
    copyToStage: """
      COPY stage_stack_combinations (
        generation, stack_id, technologies, usage_count, successes, failures, complexity_sum_millionths,
        complexity_count, first_seen, last_seen, people, people_taken_out, trending_seen_at, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.stack_combinations_current AS c
      SET usage_count = s.usage_count, successes = s.successes, failures = s.failures,
        complexity_sum_millionths = s.complexity_sum_millionths,
        complexity_count = s.complexity_count, first_seen = s.first_seen, last_seen = s.last_seen,
        people = s.people, people_taken_out = s.people_taken_out, trending_seen_at = s.trending_seen_at,
        position = s.position
      FROM stage_stack_combinations AS s
      WHERE c.generation = s.generation AND c.stack_id = s.stack_id
      """,
    version: """
      WITH shown AS (
        UPDATE pleat.stack_combinations_current SET public_turns = public_turns || $3::bigint
        WHERE generation = $1 AND position >= $2 AND ever_public
          AND (usage_count > 0 AND people - people_taken_out >= 10) <> (coalesce(cardinality(public_turns), 0) % 2 = 1))
      INSERT INTO pleat.stack_combinations (
        generation, stack_id, technologies, usage_count, successes, failures, complexity_sum_millionths,
        complexity_count, first_seen, last_seen, people, people_taken_out, trending_seen_at, position)
      SELECT generation, stack_id, technologies, usage_count, successes, failures, complexity_sum_millionths,
        complexity_count, first_seen, last_seen, people, people_taken_out, trending_seen_at, $3
      FROM pleat.stack_combinations_current
      WHERE generation = $1 AND position >= $2
      """)

  let peopleStatements = TableStatements(
    name: "stack_people",
    load: Self.load,
    copy: """
      COPY pleat.stack_people_current (
        generation, stack_id, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_stack_people (LIKE pleat.stack_people_current)",
    copyToStage: """
      COPY stage_stack_people (
        generation, stack_id, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.stack_people_current AS c
      SET hashes = s.hashes, counts = s.counts, estimate = s.estimate, position = s.position
      FROM stage_stack_people AS s
      WHERE c.generation = s.generation AND c.stack_id = s.stack_id
      """,
    version: nil)

  static func key(_ stack: StackID) -> RowKey { RowKey(UInt64(stack.index)) }
  static func stack(_ key: RowKey) -> StackID { StackID(index: UInt32(truncatingIfNeeded: key.high)) }

  var fields: Int16 { 14 }
  var peopleFields: Int16 { 6 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.bytea)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(stacks.digest(of: Self.stack(key))) }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    stacks.digest(of: Self.stack(a)) < stacks.digest(of: Self.stack(b))
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: StackRow) {
    _ = reader.stackDigest()
    let key = Self.key(reader.stack(stacks, names))
    var row = StackRow(isPartial: false)
    row.usageCount = reader.count()
    row.successes = reader.count()
    row.failures = reader.count()
    row.complexitySumMillionths = reader.count()
    row.complexityCount = reader.count()
    row.seen = Extremes(first: reader.timestamptz(), last: reader.timestamptz())
    let takenOut = reader.count()
    row.trendingSeenAt = reader.timestamptz()
    row.position = reader.count()
    let sketch = PeopleSketch(packed: &reader)
    row.people = People(stored: sketch, takenOut: takenOut, position: reader.count())
    return (key, row)
  }

  func write(_ key: RowKey, _ row: StackRow, to writer: inout RowWriter) {
    let stack = Self.stack(key)
    writer.stackDigest(stacks.digest(of: stack))
    writer.stack(stack, stacks, names)
    writer.bigint(row.usageCount)
    writer.bigint(row.successes)
    writer.bigint(row.failures)
    writer.bigint(row.complexitySumMillionths)
    writer.bigint(row.complexityCount)
    writer.timestamptz(row.seen.first)
    writer.timestamptz(row.seen.last)
    writer.bigint(row.people.count)
    writer.bigint(row.people.takenOut)
    writer.timestamptz(row.trendingSeenAt)
    writer.bigint(row.position)
  }

  func writePeople(_ key: RowKey, _ row: StackRow, to writer: inout RowWriter) {
    writer.stackDigest(stacks.digest(of: Self.stack(key)))
    row.people.sketch.writePacked(to: &writer)
    writer.bigint(row.people.position)
  }
}
