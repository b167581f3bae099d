import Events

/// Calls of a model: how many, and sums of what they took. The row of `model_metrics`, and most of that of `model_days`.
struct ModelRow: CachedRow, Equatable {
  var requests: Int64 = 0
  var responseTimeMicroseconds: Int128 = 0
  var tokensUsed: Int128 = 0
  var costNanodollars: Int128 = 0
  /// Of the calls with a quality score, of which there are `qualitySamples`.
  var qualityMillionths: Int128 = 0
  var qualitySamples: Int64 = 0
  var fallbacks: Int64 = 0
  var histogram = LatencyHistogram()
  /// Of the last call.
  var position: Int64 = 0

  /// How many columns `write` fills.
  static let fields: Int16 = 10

  init(isPartial: Bool) {}

  mutating func add(_ call: ModelRouted, position: Int64) {
    requests += 1
    responseTimeMicroseconds += Int128(call.responseTimeMicroseconds)
    tokensUsed += Int128(call.tokensUsed)
    costNanodollars += Int128(call.costNanodollars)
    if let quality = call.qualityMillionths {
      qualityMillionths += Int128(quality)
      qualitySamples += 1
    }
    if call.fallback == true { fallbacks += 1 }
    histogram.add(call.responseTimeMicroseconds)
    self.position = position
  }

  mutating func merge(onto stored: Self) {
    requests += stored.requests
    responseTimeMicroseconds += stored.responseTimeMicroseconds
    tokensUsed += stored.tokensUsed
    costNanodollars += stored.costNanodollars
    qualityMillionths += stored.qualityMillionths
    qualitySamples += stored.qualitySamples
    fallbacks += stored.fallbacks
    histogram.add(stored.histogram)
    position = max(position, stored.position)
  }

  var heapBytes: Int { histogram.heapBytes }
}

extension ModelRow {
  init(_ reader: inout RowReader) {
    requests = reader.count()
    responseTimeMicroseconds = reader.wideCount()
    tokensUsed = reader.wideCount()
    costNanodollars = reader.wideCount()
    qualityMillionths = reader.wideCount()
    qualitySamples = reader.count()
    fallbacks = reader.count()
    histogram = LatencyHistogram(&reader)
    position = reader.count()
  }

  func write(to writer: inout RowWriter) {
    writer.bigint(requests)
    writer.wideInteger(responseTimeMicroseconds)
    writer.wideInteger(tokensUsed)
    writer.wideInteger(costNanodollars)
    writer.wideInteger(qualityMillionths)
    writer.bigint(qualitySamples)
    writer.bigint(fallbacks)
    histogram.write(to: &writer)
    writer.bigint(position)
  }
}
