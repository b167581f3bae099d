/// `model_days`: calls by model, task type and day. What windows and rules add up.
struct ModelDaysLayout: RowLayout {
  typealias Row = ModelDayRow

  let names: Names

  /// `day` counts from 1970-01-01.
  static func key(_ model: NameID, _ task: NameID, day: Int32) -> RowKey {
    RowKey(UInt64(model.index) << 32 | UInt64(task.index), UInt64(UInt32(bitPattern: day)))
  }

  private static func model(_ key: RowKey) -> NameID { NameID(index: UInt32(key.high >> 32)) }
  private static func task(_ key: RowKey) -> NameID { NameID(index: UInt32(truncatingIfNeeded: key.high)) }

  let statements = TableStatements(
    name: "model_days",
    load: """
      SELECT c.model_name, c.task_type, c.day, c.response_time_squares, c.cost_squares, c.quality_squares, c.announced,
        c.requests, c.response_time_us, c.tokens_used, c.cost_nanodollars, c.quality_millionths, c.quality_samples, c.fallbacks, c.buckets, c.bucket_ranks, c.position
      FROM unnest($2::text[], $3::text[], $4::date[]) AS k (model_name, task_type, day)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.model_days_current AS x
        WHERE x.generation = $1 AND x.model_name = k.model_name AND x.task_type = k.task_type
            AND x.day = k.day
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.model_days_current (
        generation, model_name, task_type, day, response_time_squares, cost_squares, quality_squares, announced,
        requests, response_time_us, tokens_used, cost_nanodollars, quality_millionths, quality_samples, fallbacks,
        buckets, bucket_ranks, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_model_days (LIKE pleat.model_days_current)",
    copyToStage: """
      COPY stage_model_days (
        generation, model_name, task_type, day, response_time_squares, cost_squares, quality_squares, announced,
        requests, response_time_us, tokens_used, cost_nanodollars, quality_millionths, quality_samples, fallbacks,
        buckets, bucket_ranks, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.model_days_current AS c
      SET response_time_squares = s.response_time_squares, cost_squares = s.cost_squares,
        quality_squares = s.quality_squares, announced = s.announced, requests = s.requests,
        response_time_us = s.response_time_us, tokens_used = s.tokens_used,
        cost_nanodollars = s.cost_nanodollars, quality_millionths = s.quality_millionths,
        quality_samples = s.quality_samples, fallbacks = s.fallbacks, buckets = s.buckets,
        bucket_ranks = s.bucket_ranks, position = s.position
      FROM stage_model_days AS s
      WHERE c.generation = s.generation AND c.model_name = s.model_name AND c.task_type = s.task_type AND c.day = s.day
      """,
    version: """
      INSERT INTO pleat.model_days (
        generation, model_name, task_type, day, response_time_squares, cost_squares, quality_squares, announced,
        requests, response_time_us, tokens_used, cost_nanodollars, quality_millionths, quality_samples, fallbacks,
        buckets, bucket_ranks, position)
      SELECT generation, model_name, task_type, day, response_time_squares, cost_squares, quality_squares, announced,
        requests, response_time_us, tokens_used, cost_nanodollars, quality_millionths, quality_samples, fallbacks,
        buckets, bucket_ranks, $3
      FROM pleat.model_days_current
      WHERE generation = $1 AND position >= $2
      """)

  var fields: Int16 { 4 + ModelDayRow.fields }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text), ArrayParameter(.text), ArrayParameter(.date)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(Self.model(key), names)
    arrays[1].append(Self.task(key), names)
    arrays[2].append(date: key.day)
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: ModelDayRow) {
    let model = reader.name(names)
    let task = reader.name(names)
    let day = reader.date() ?? 0
    return (Self.key(model, task, day: day), ModelDayRow(&reader))
  }

  func write(_ key: RowKey, _ row: ModelDayRow, to writer: inout RowWriter) {
    writer.name(Self.model(key), names)
    writer.name(Self.task(key), names)
    writer.date(key.day)
    row.write(to: &writer)
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    var order = names.compare(Self.model(a), Self.model(b))
    if order == 0 { order = names.compare(Self.task(a), Self.task(b)) }
    return order == 0 ? a.day < b.day : order < 0
  }
}
