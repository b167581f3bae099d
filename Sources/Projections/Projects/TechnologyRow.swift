import Events

/// A technology over all time, and what the trend rule remembers of it.
struct TechnologyRow: CachedRow {
  /// Of its first event; `.none` where that had no category.
  var category = NameID.none
  var projects: Int64 = 0
  var selections: Int64 = 0
  /// Of the projects ever counted.
  var seen = Extremes()
  var announcedDirection: TrendDirection?
  /// In a partial row: the rule has set `announcedDirection`.
  var isAnnounced = false
  /// Of the window whose success rate was announced last, or is the baseline. In a partial row: what the rule has set.
  var announcedRate: Rate?
  /// A position at which the row was there: in a row that nothing is known of yet, its first event's.
  var origin: Int64 = 0
  /// The last event that changed what counts; 0 for none.
  private var changed: Int64 = 0

  init(isPartial: Bool) {}

  init(category: NameID, position: Int64) { (self.category, origin) = (category, position) }

  var position: Int64 {
    get { max(origin, changed) }
    set { changed = newValue }
  }

  mutating func merge(onto stored: Self) {
    // What only was there, as every project's technologies are, changes no row that the store has.
    if stored.origin != 0 { (category, origin) = (stored.category, stored.position) }
    projects += stored.projects
    selections += stored.selections
    seen.include(stored.seen)
    if !isAnnounced { announcedDirection = stored.announcedDirection }
    announcedRate = announcedRate ?? stored.announcedRate
  }
}

struct TechnologyLayout: RowLayout {
  typealias Row = TechnologyRow

  let names: Names

  let statements = TableStatements(
    name: "technologies",
    load: """
      SELECT c.technology, c.category, c.projects, c.selections, c.first_seen, c.last_seen,
        c.announced_direction, c.announced_successes, c.announced_outcomes, c.position
      FROM unnest($2::text[]) AS k (technology)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.technologies_current AS x
        WHERE x.generation = $1 AND x.technology = k.technology
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.technologies_current (
        generation, technology, category, projects, selections, first_seen, last_seen,
        announced_direction, announced_successes, announced_outcomes, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_technologies (LIKE pleat.technologies_current)",
    copyToStage: """
      COPY stage_technologies (
        generation, technology, category, projects, selections, first_seen, last_seen,
        announced_direction, announced_successes, announced_outcomes, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.technologies_current AS c
      SET category = s.category, projects = s.projects, selections = s.selections,
        first_seen = s.first_seen, last_seen = s.last_seen, announced_direction = s.announced_direction,
        announced_successes = s.announced_successes, announced_outcomes = s.announced_outcomes,
        position = s.position
      FROM stage_technologies AS s
      WHERE c.generation = s.generation AND c.technology = s.technology
      """,
    version: """
      WITH counted AS (
        UPDATE pleat.technologies_current
        SET counted_since = CASE WHEN projects + selections > 0 THEN $3::bigint END, counted_first_seen = first_seen
        WHERE generation = $1 AND position >= $2
          AND ((projects + selections > 0) <> (counted_since IS NOT NULL)
            OR first_seen IS DISTINCT FROM counted_first_seen))
      INSERT INTO pleat.technologies (
        generation, technology, category, projects, selections, first_seen, last_seen,
        announced_direction, announced_successes, announced_outcomes, position)
      SELECT generation, technology, category, projects, selections, first_seen, last_seen,
        announced_direction, announced_successes, announced_outcomes, $3
      FROM pleat.technologies_current
      WHERE generation = $1 AND position >= $2
      """)

  var fields: Int16 { 11 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(key.name, names) }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { names.compare(a.name, b.name) < 0 }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: TechnologyRow) {
    let key = RowKey(reader.name(names))
    var row = TechnologyRow(category: reader.name(names), position: 0)
    row.projects = reader.count()
    row.selections = reader.count()
    row.seen = Extremes(first: reader.timestamptz(), last: reader.timestamptz())
    row.announcedDirection = reader.smallint().flatMap(TrendDirection.init(rawValue:))
    row.announcedRate = reader.rate()
    row.origin = reader.count()
    return (key, row)
  }

  func write(_ key: RowKey, _ row: TechnologyRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    if row.category.isNone { writer.text("other") } else { writer.name(row.category, names) }
    writer.bigint(row.projects)
    writer.bigint(row.selections)
    writer.timestamptz(row.seen.first)
    writer.timestamptz(row.seen.last)
    writer.smallint(row.announcedDirection?.rawValue)
    writer.rate(row.announcedRate)
    writer.bigint(row.position)
  }
}
