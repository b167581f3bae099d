import Events

/// The measures whose mean of a day `model_performance_changed` watches.
enum ModelMeasure: Int16, CaseIterable {
  case latency = 1
  case quality = 2
  case cost = 4

  var name: StaticString {
    switch self {
    case .latency: "latency"
    case .quality: "quality"
    case .cost: "cost"
    }
  }

  /// How many of a sample's units are one of an event's: milliseconds, 1, dollars.
  var units: Double {
    switch self {
    case .latency: 1e3
    case .quality: 1e6
    case .cost: 1e9
    }
  }
}

/// Calls of a model for a task type on a day, with what their variances follow from.
struct ModelDayRow: CachedRow, Equatable {
  var calls: ModelRow
  /// Sums of squares, in (10⁻⁶ s)², (10⁻⁹ dollars)² and (10⁻⁶)². They stay at the greatest number that fits, which no order of
  /// the same calls changes.
  var responseTimeSquares: Int128 = 0
  var costSquares: Int128 = 0
  var qualitySquares: Int128 = 0
  /// For which measures of the day `model_performance_changed` was said: their numbers added up. In a partial row: said since.
  var announced: Int16 = 0

  init(isPartial: Bool) { calls = ModelRow(isPartial: isPartial) }

  mutating func add(_ call: ModelRouted, position: Int64) {
    calls.add(call, position: position)
    responseTimeSquares.addSaturating(square(call.responseTimeMicroseconds))
    costSquares.addSaturating(square(call.costNanodollars))
    if let quality = call.qualityMillionths { qualitySquares.addSaturating(square(Int64(quality))) }
  }

  private func square(_ value: Int64) -> Int128 { Int128(value) * Int128(value) }

  mutating func merge(onto stored: Self) {
    calls.merge(onto: stored.calls)
    responseTimeSquares.addSaturating(stored.responseTimeSquares)
    costSquares.addSaturating(stored.costSquares)
    qualitySquares.addSaturating(stored.qualitySquares)
    announced |= stored.announced
  }

  var heapBytes: Int { calls.heapBytes }
}

extension Int128 {
  /// Neither number is negative.
  fileprivate mutating func addSaturating(_ other: Int128) {
    let (sum, overflows) = addingReportingOverflow(other)
    self = overflows ? .max : sum
  }
}

extension ModelDayRow {
  /// How many columns `write` fills.
  static let fields = ModelRow.fields + 4

  init(_ reader: inout RowReader) {
    self.init(isPartial: false)
    responseTimeSquares = reader.wideInteger() ?? 0
    costSquares = reader.wideInteger() ?? 0
    qualitySquares = reader.wideInteger() ?? 0
    announced = reader.smallint() ?? 0
    calls = ModelRow(&reader)
  }

  func write(to writer: inout RowWriter) {
    writer.wideInteger(responseTimeSquares)
    writer.wideInteger(costSquares)
    writer.wideInteger(qualitySquares)
    writer.smallint(announced)
    calls.write(to: &writer)
  }
}
