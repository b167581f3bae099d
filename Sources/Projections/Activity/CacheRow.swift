import Events

/// Look-ups in a cache on a day.
struct CacheRow: CachedRow {
  var hits: Int64 = 0
  var misses: Int64 = 0
  var tokensSaved: Int128 = 0
  var costSavedNanodollars: Int128 = 0
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func add(_ lookup: CacheLookup, isHit: Bool, at position: Int64) {
    if isHit { hits += 1 } else { misses += 1 }
    tokensSaved += Int128(lookup.tokensSaved ?? 0)
    costSavedNanodollars += Int128(lookup.costSavedNanodollars ?? 0)
    self.position = position
  }

  mutating func merge(onto stored: Self) {
    hits += stored.hits
    misses += stored.misses
    tokensSaved += stored.tokensSaved
    costSavedNanodollars += stored.costSavedNanodollars
    position = max(position, stored.position)
  }
}

/// `cache_stats`.
struct CacheLayout: RowLayout {
  typealias Row = CacheRow

  let names: Names

  let statements = TableStatements(
    name: "cache_stats",
    load: """
      SELECT c.cache, c.day, c.hits, c.misses, c.tokens_saved, c.cost_saved_nanodollars, c.position
      FROM unnest($2::text[], $3::date[]) AS k (cache, day)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.cache_stats_current AS x
        WHERE x.generation = $1 AND x.cache = k.cache AND x.day = k.day
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.cache_stats_current (
        generation, cache, day, hits, misses, tokens_saved, cost_saved_nanodollars, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_cache_stats (LIKE pleat.cache_stats_current)",
    copyToStage: """
      COPY stage_cache_stats (
        generation, cache, day, hits, misses, tokens_saved, cost_saved_nanodollars, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.cache_stats_current AS c
      SET hits = s.hits, misses = s.misses, tokens_saved = s.tokens_saved,
        cost_saved_nanodollars = s.cost_saved_nanodollars, position = s.position
      FROM stage_cache_stats AS s
      WHERE c.generation = s.generation AND c.cache = s.cache AND c.day = s.day
      """,
    version: """
      INSERT INTO pleat.cache_stats (
        generation, cache, day, hits, misses, tokens_saved, cost_saved_nanodollars, position)
      SELECT generation, cache, day, hits, misses, tokens_saved, cost_saved_nanodollars, $3
      FROM pleat.cache_stats_current
      WHERE generation = $1 AND position >= $2
      """)

  var fields: Int16 { 8 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text), ArrayParameter(.date)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(key.name, names)
    arrays[1].append(date: key.day)
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: CacheRow) {
    let name = reader.name(names)
    let day = reader.date() ?? 0
    var row = CacheRow(isPartial: false)
    row.hits = reader.count()
    row.misses = reader.count()
    row.tokensSaved = reader.wideCount()
    row.costSavedNanodollars = reader.wideCount()
    row.position = reader.count()
    return (RowKey(name, day: day), row)
  }

  func write(_ key: RowKey, _ row: CacheRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.date(key.day)
    writer.bigint(row.hits)
    writer.bigint(row.misses)
    writer.wideInteger(row.tokensSaved)
    writer.wideInteger(row.costSavedNanodollars)
    writer.bigint(row.position)
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    let order = names.compare(a.name, b.name)
    return order == 0 ? a.day < b.day : order < 0
  }
}
