import Events

/// The predictions of a model version whose probability lies in one tenth.
struct CalibrationRow: CachedRow, Equatable {
  var predictions: Int64 = 0
  /// Those whose project has an outcome, and those of them with a success.
  var outcomes: Int64 = 0
  var successes: Int64 = 0
  /// Of all.
  var probabilitySumMillionths: Int64 = 0
  /// Of those with an outcome: (probability − outcome)², in 10⁻¹².
  var squaredErrorSum: Int128 = 0
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func merge(onto stored: Self) {
    predictions += stored.predictions
    outcomes += stored.outcomes
    successes += stored.successes
    probabilitySumMillionths += stored.probabilitySumMillionths
    squaredErrorSum += stored.squaredErrorSum
  }
}

struct CalibrationLayout: RowLayout {
  typealias Row = CalibrationRow

  let names: Names

  let statements = TableStatements(
    name: "prediction_calibration",
    load: """
      SELECT c.model_version, c.decile, c.predictions, c.outcomes, c.successes, c.probability_sum_millionths,
        c.squared_error_sum, c.position
      FROM unnest($2::text[], $3::integer[]) AS k (model_version, decile)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.prediction_calibration_current AS x
        WHERE x.generation = $1 AND x.model_version = k.model_version AND x.decile = k.decile
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.prediction_calibration_current (
        generation, model_version, decile, predictions, outcomes, successes, probability_sum_millionths,
        squared_error_sum, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_prediction_calibration (LIKE pleat.prediction_calibration_current)",
    copyToStage: """
      COPY stage_prediction_calibration (
        generation, model_version, decile, predictions, outcomes, successes, probability_sum_millionths,
        squared_error_sum, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.prediction_calibration_current AS c
      SET predictions = s.predictions, outcomes = s.outcomes, successes = s.successes,
        probability_sum_millionths = s.probability_sum_millionths, squared_error_sum = s.squared_error_sum,
        position = s.position
      FROM stage_prediction_calibration AS s
      WHERE c.generation = s.generation AND c.model_version = s.model_version AND c.decile = s.decile
      """,
    version: """
      INSERT INTO pleat.prediction_calibration (
        generation, model_version, decile, predictions, outcomes, successes, probability_sum_millionths,
        squared_error_sum, position)
      SELECT generation, model_version, decile, predictions, outcomes, successes, probability_sum_millionths,
        squared_error_sum, $3
      FROM pleat.prediction_calibration_current
      WHERE generation = $1 AND position >= $2
      """)

  /// ⌊10·p⌋, but 1.0 is in 9.
  static func key(_ prediction: Prediction) -> RowKey {
    let decile = min(prediction.probabilityMillionths / 100_000, 9)
    return RowKey(UInt64(prediction.version.index), UInt64(decile))
  }

  private static func decile(_ key: RowKey) -> Int32 { Int32(truncatingIfNeeded: key.low) }

  var fields: Int16 { 9 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text), ArrayParameter(.integer)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(key.name, names)
    withUnsafeBytes(of: Self.decile(key).bigEndian) { arrays[1].append($0) }
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    let order = names.compare(a.name, b.name)
    return order == 0 ? Self.decile(a) < Self.decile(b) : order < 0
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: CalibrationRow) {
    let version = reader.name(names)
    let key = RowKey(UInt64(version.index), UInt64(reader.int() ?? 0))
    var row = CalibrationRow(isPartial: false)
    row.predictions = reader.count()
    row.outcomes = reader.count()
    row.successes = reader.count()
    row.probabilitySumMillionths = reader.count()
    row.squaredErrorSum = reader.wideCount()
    row.position = reader.count()
    return (key, row)
  }

  func write(_ key: RowKey, _ row: CalibrationRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.int(Self.decile(key))
    writer.bigint(row.predictions)
    writer.bigint(row.outcomes)
    writer.bigint(row.successes)
    writer.bigint(row.probabilitySumMillionths)
    writer.wideInteger(row.squaredErrorSum)
    writer.bigint(row.position)
  }
}
