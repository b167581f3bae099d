import Events

/// What a rule remembers of everybody.
struct EverybodyRow: CachedRow {
  /// Of the window whose success rate was announced last, or is the baseline. In a partial row: what the rule has set.
  var announcedRate: Rate?
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func merge(onto stored: Self) { announcedRate = announcedRate ?? stored.announcedRate }
}

/// Keyed by the rule: the type of its events.
struct EverybodyLayout: RowLayout {
  typealias Row = EverybodyRow

  let names: Names

  let statements = TableStatements(
    name: "everybody",
    load: """
      SELECT c.rule, c.announced_successes, c.announced_outcomes, c.position
      FROM unnest($2::text[]) AS k (rule)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.everybody_current AS x
        WHERE x.generation = $1 AND x.rule = k.rule
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.everybody_current (
        generation, rule, announced_successes, announced_outcomes, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_everybody (LIKE pleat.everybody_current)",
    copyToStage: """
      COPY stage_everybody (
        generation, rule, announced_successes, announced_outcomes, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.everybody_current AS c
      SET announced_successes = s.announced_successes, announced_outcomes = s.announced_outcomes, position = s.position
      FROM stage_everybody AS s
      WHERE c.generation = s.generation AND c.rule = s.rule
      """,
    version: nil)

  var fields: Int16 { 5 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(key.name, names) }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { names.compare(a.name, b.name) < 0 }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: EverybodyRow) {
    let key = RowKey(reader.name(names))
    var row = EverybodyRow(isPartial: false)
    row.announcedRate = reader.rate()
    row.position = reader.count()
    return (key, row)
  }

  func write(_ key: RowKey, _ row: EverybodyRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.rate(row.announcedRate)
    writer.bigint(row.position)
  }
}
