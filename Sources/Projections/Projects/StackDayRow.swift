import Events

/// A combination on a day.
struct StackDayRow: CachedRow {
  var usageCount: Int64 = 0
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func merge(onto stored: Self) { usageCount += stored.usageCount }
}

/// Keyed by the stack's id in `stacks`, and the day.
struct StackDayLayout: RowLayout {
  typealias Row = StackDayRow

  let stacks: StackTable

  let statements = TableStatements(
    name: "stack_days",
    load: """
      SELECT c.stack_id, c.day, c.usage_count, c.position
      FROM unnest($2::bytea[], $3::date[]) AS k (stack_id, day)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.stack_days_current AS x
        WHERE x.generation = $1 AND x.stack_id = k.stack_id AND x.day = k.day
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.stack_days_current (
        generation, stack_id, day, usage_count, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_stack_days (LIKE pleat.stack_days_current)",
    copyToStage: """
      COPY stage_stack_days (
        generation, stack_id, day, usage_count, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.stack_days_current AS c
      SET usage_count = s.usage_count, position = s.position
      FROM stage_stack_days AS s
      WHERE c.generation = s.generation AND c.stack_id = s.stack_id AND c.day = s.day
      """,
    version: """
      INSERT INTO pleat.stack_days (
        generation, stack_id, day, usage_count, position)
      SELECT generation, stack_id, day, usage_count, $3
      FROM pleat.stack_days_current
      WHERE generation = $1 AND position >= $2
      """)

  static func key(_ stack: StackID, day: Int32) -> RowKey {
    RowKey(UInt64(stack.index), UInt64(UInt32(bitPattern: day)))
  }

  var fields: Int16 { 5 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.bytea), ArrayParameter(.date)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(stacks.digest(of: StackLayout.stack(key)))
    arrays[1].append(date: key.day)
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    if a.high == b.high { return a.day < b.day }
    return stacks.digest(of: StackLayout.stack(a)) < stacks.digest(of: StackLayout.stack(b))
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: StackDayRow) {
    // One that was not asked for is nobody's row, which the cache finds.
    let stack = stacks.find(reader.stackDigest()) ?? .none
    let key = Self.key(stack, day: reader.date() ?? 0)
    var row = StackDayRow(isPartial: false)
    row.usageCount = reader.count()
    row.position = reader.count()
    return (key, row)
  }

  func write(_ key: RowKey, _ row: StackDayRow, to writer: inout RowWriter) {
    writer.stackDigest(stacks.digest(of: StackLayout.stack(key)))
    writer.date(key.day)
    writer.bigint(row.usageCount)
    writer.bigint(row.position)
  }
}
