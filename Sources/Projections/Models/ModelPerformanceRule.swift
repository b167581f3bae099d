import Events

/// `model_performance_changed`: the mean latency, quality or cost of a day differs from that of the 7 days before, for each model
/// and task type; once a day and measure.
struct ModelPerformanceRule {
  let names: Names
  let days: RowCache<ModelDaysLayout>

  /// Values of the day, and of the days before.
  static let leastValues: Int64 = 100
  static let leastValuesBefore: Int64 = 2

  /// Models and task types with values enough on the day `$2`, in key order: its sums and those of the 7 days before.
  static let query = """
    SELECT d.model_name, d.task_type, d.announced,
      d.requests, d.response_time_us, d.response_time_squares, d.quality_samples, d.quality_millionths,
      d.quality_squares, d.requests, d.cost_nanodollars, d.cost_squares,
      w.requests, w.response_time_us, w.response_time_squares, w.quality_samples, w.quality_millionths,
      w.quality_squares, w.requests, w.cost_nanodollars, w.cost_squares
    FROM pleat.model_days_current AS d
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(b.requests), 0)::bigint AS requests,
        coalesce(sum(b.response_time_us), 0) AS response_time_us,
        least(coalesce(sum(b.response_time_squares), 0), 170141183460469231731687303715884105727)
          AS response_time_squares,
        coalesce(sum(b.quality_samples), 0)::bigint AS quality_samples,
        coalesce(sum(b.quality_millionths), 0) AS quality_millionths,
        least(coalesce(sum(b.quality_squares), 0), 170141183460469231731687303715884105727) AS quality_squares,
        coalesce(sum(b.cost_nanodollars), 0) AS cost_nanodollars,
        least(coalesce(sum(b.cost_squares), 0), 170141183460469231731687303715884105727) AS cost_squares
      FROM pleat.model_days_current AS b
      WHERE b.generation = $1 AND b.model_name = d.model_name AND b.task_type = d.task_type
        AND b.day >= $2::date - 7 AND b.day < $2::date
    ) AS w
    WHERE d.generation = $1 AND d.day = $2 AND d.requests >= 100
    ORDER BY d.model_name, d.task_type
    """

  func run(at turn: Turn, _ store: any RowStream) throws -> [DerivedEvent] {
    let day = turn.previousWatermark.day
    var events: [DerivedEvent] = []
    try store.rows(Self.query, [.date(day)]) { row in
      guard let model = row.text(), let task = row.text() else { return }
      let announced = row.smallint() ?? 0
      let samples = Self.samples(&row)
      let before = Self.samples(&row)
      for (index, measure) in ModelMeasure.allCases.enumerated() where announced & measure.rawValue == 0 {
        let (sample, reference) = (samples[index], before[index])
        if sample.count < Self.leastValues || reference.count < Self.leastValuesBefore { continue }
        if !sample.differs(from: reference) { continue }
        days.update(ModelDaysLayout.key(names.intern(model), names.intern(task), day: day)) { row in
          row.announced |= measure.rawValue
          row.calls.position = turn.position
        }
        events.append(event(model, task, measure, sample, reference, turn))
      }
    }
    return events.sortedBySubject()
  }

  /// Latency, quality, cost.
  private static func samples(_ row: inout RowReader) -> [Sample] {
    ModelMeasure.allCases.map { _ in
      Sample(count: row.bigint() ?? 0, sum: row.wideInteger() ?? 0, squares: row.wideInteger() ?? 0)
    }
  }

  private func event(
    _ model: String, _ task: String, _ measure: ModelMeasure, _ sample: Sample, _ reference: Sample, _ turn: Turn
  ) -> DerivedEvent {
    var event = DerivedEventBuilder(
      "model_performance_changed", on: .events, from: ModelsProjection.name,
      about: "model/" + DerivedEventBuilder.array([model, task]), measure: measure.name.description, at: turn)
    event.add("model", model)
    event.add("task_type", task)
    event.add("measure", measure.name.description)
    event.add("value", sample.mean / measure.units)
    event.add("previous_value", reference.mean / measure.units)
    return event.finish(sampleSize: sample.count)
  }
}
