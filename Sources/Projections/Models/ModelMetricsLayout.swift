import Events

/// `model_metrics`: calls by model, task type, complexity and hour.
struct ModelMetricsLayout: RowLayout {
  typealias Row = ModelRow

  let names: Names

  /// `hour` counts from 1970-01-01T00:00Z.
  static func key(_ model: NameID, _ task: NameID, _ complexity: TaskComplexity, hour: Int32) -> RowKey {
    RowKey(
      UInt64(model.index) << 32 | UInt64(task.index),
      UInt64(UInt32(bitPattern: hour)) << 8 | UInt64(complexity.rawValue))
  }

  private static func model(_ key: RowKey) -> NameID { NameID(index: UInt32(key.high >> 32)) }
  private static func task(_ key: RowKey) -> NameID { NameID(index: UInt32(truncatingIfNeeded: key.high)) }
  private static func hour(_ key: RowKey) -> Int32 { Int32(bitPattern: UInt32(key.low >> 8)) }
  private static func complexity(_ key: RowKey) -> TaskComplexity {
    guard let complexity = TaskComplexity(rawValue: UInt8(truncatingIfNeeded: key.low)) else {
      preconditionFailure("model_metrics: a key without a complexity")
    }
    return complexity
  }
  private static func start(_ hour: Int32) -> Timestamp {
    Timestamp(microseconds: Int64(hour) * Timestamp.microsecondsPerHour)
  }

  let statements = TableStatements(
    name: "model_metrics",
    load: """
      SELECT c.model_name, c.task_type, c.complexity_level, c.hour, c.requests, c.response_time_us, c.tokens_used,
        c.cost_nanodollars, c.quality_millionths, c.quality_samples, c.fallbacks, c.buckets, c.bucket_ranks, c.position
      FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[])
        AS k (model_name, task_type, complexity_level, hour)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.model_metrics_current AS x
        WHERE x.generation = $1 AND x.model_name = k.model_name AND x.task_type = k.task_type
            AND x.complexity_level = k.complexity_level AND x.hour = k.hour
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.model_metrics_current (
        generation, model_name, task_type, complexity_level, hour, requests, response_time_us, tokens_used,
        cost_nanodollars, quality_millionths, quality_samples, fallbacks, buckets, bucket_ranks, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_model_metrics (LIKE pleat.model_metrics_current)",
    copyToStage: """
      COPY stage_model_metrics (
        generation, model_name, task_type, complexity_level, hour, requests, response_time_us, tokens_used,
        cost_nanodollars, quality_millionths, quality_samples, fallbacks, buckets, bucket_ranks, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.model_metrics_current AS c
      SET requests = s.requests, response_time_us = s.response_time_us, tokens_used = s.tokens_used,
        cost_nanodollars = s.cost_nanodollars, quality_millionths = s.quality_millionths,
        quality_samples = s.quality_samples, fallbacks = s.fallbacks, buckets = s.buckets,
        bucket_ranks = s.bucket_ranks, position = s.position
      FROM stage_model_metrics AS s
      WHERE c.generation = s.generation AND c.model_name = s.model_name AND c.task_type = s.task_type
        AND c.complexity_level = s.complexity_level AND c.hour = s.hour
      """,
    version: """
      INSERT INTO pleat.model_metrics (
        generation, model_name, task_type, complexity_level, hour, requests, response_time_us, tokens_used,
        cost_nanodollars, quality_millionths, quality_samples, fallbacks, buckets, bucket_ranks, position)
      SELECT generation, model_name, task_type, complexity_level, hour, requests, response_time_us, tokens_used,
        cost_nanodollars, quality_millionths, quality_samples, fallbacks, buckets, bucket_ranks, $3
      FROM pleat.model_metrics_current
      WHERE generation = $1 AND position >= $2
      """)

  var fields: Int16 { 5 + ModelRow.fields }
  var keyArrays: [ArrayParameter] {
    [ArrayParameter(.text), ArrayParameter(.text), ArrayParameter(.text), ArrayParameter(.timestamptz)]
  }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(Self.model(key), names)
    arrays[1].append(Self.task(key), names)
    Self.complexity(key).columnValue.withUTF8Buffer { arrays[2].append(UnsafeRawBufferPointer($0)) }
    arrays[3].append(timestamptz: Self.start(Self.hour(key)))
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: ModelRow) {
    let model = reader.name(names)
    let task = reader.name(names)
    let complexity = TaskComplexity(columnValue: reader.text())
    if complexity == nil { FoldFault.note("model_metrics: a stored row has a complexity that there is not") }
    let hour = reader.timestamptz()?.hour ?? 0
    return (Self.key(model, task, complexity ?? .simple, hour: hour), ModelRow(&reader))
  }

  func write(_ key: RowKey, _ row: ModelRow, to writer: inout RowWriter) {
    writer.name(Self.model(key), names)
    writer.name(Self.task(key), names)
    Self.complexity(key).columnValue.withUTF8Buffer { writer.raw(UnsafeRawBufferPointer($0)) }
    writer.timestamptz(Self.start(Self.hour(key)))
    row.write(to: &writer)
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    var order = names.compare(Self.model(a), Self.model(b))
    if order == 0 { order = names.compare(Self.task(a), Self.task(b)) }
    if order != 0 { return order < 0 }
    let (x, y) = (Self.complexity(a).columnOrder, Self.complexity(b).columnOrder)
    return x == y ? Self.hour(a) < Self.hour(b) : x < y
  }
}

/// How `complexity_level` writes a complexity: as the events do.
extension TaskComplexity {
  fileprivate var columnValue: StaticString {
    switch self {
    case .simple: "simple"
    case .medium: "medium"
    case .complex: "complex"
    case .veryHigh: "very_high"
    }
  }

  fileprivate init?(columnValue: String?) {
    switch columnValue {
    case "simple": self = .simple
    case "medium": self = .medium
    case "complex": self = .complex
    case "very_high": self = .veryHigh
    default: return nil
    }
  }

  /// By the bytes of `columnValue`.
  fileprivate var columnOrder: Int {
    switch self {
    case .complex: 0
    case .medium: 1
    case .simple: 2
    case .veryHigh: 3
    }
  }
}
