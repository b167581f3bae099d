@testable import Projections

/// The rows of projection `models`.
final class ModelsStore: MemoryStore {
  override func keyColumns(_ table: String) -> Int {
    switch table {
    case "model_metrics": 4
    case "model_days": 3
    default: super.keyColumns(table)
    }
  }

  override func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    guard sql == ModelPerformanceRule.query, case .date(let day) = parameters[0] else {
      return try super.rows(sql, parameters, body)
    }
    let days = rows(of: "model_days")
    for today in days where today.day(2) == day && today.integer(7)! >= 100 {
      let before = days.filter {
        $0.fields[0] == today.fields[0] && $0.fields[1] == today.fields[1] && (day - 7..<day).contains($0.day(2))
      }
      let row = StoredRow.make {
        $0.text(today.text(0))
        $0.text(today.text(1))
        $0.smallint(Int16(today.integer(6)!))
        for rows in [[today], before] {
          for (count, sum, squares) in [(7, 8, 3), (12, 11, 5), (7, 10, 4)] {
            $0.bigint(rows.reduce(0) { $0 + $1.integer(count)! })
            $0.wideInteger(rows.reduce(0) { $0 + $1.wideInteger(sum)! })
            $0.wideInteger(rows.reduce(0) { $0 + $1.wideInteger(squares)! })
          }
        }
      }
      try row.withReader(body)
    }
  }
}

/// What a row says, as a test compares it.
struct ModelValues: Equatable {
  var requests: Int64
  var response: Int128
  var tokens: Int128
  var cost: Int128
  var quality: Int128
  var samples: Int64
  var fallbacks: Int64
  var buckets: [Int32]
  var ranks: [Int64]
  var position: Int64

  init(_ row: StoredRow, keyColumns: Int) {
    self = StoredRow(fields: Array(row.fields.dropFirst(keyColumns))).withReader { ModelValues(&$0) }
  }

  private init(_ reader: inout RowReader) {
    requests = reader.bigint() ?? -1
    response = reader.wideInteger() ?? -1
    tokens = reader.wideInteger() ?? -1
    cost = reader.wideInteger() ?? -1
    quality = reader.wideInteger() ?? -1
    samples = reader.bigint() ?? -1
    fallbacks = reader.bigint() ?? -1
    buckets = reader.ints() ?? []
    ranks = reader.bigints() ?? []
    position = reader.bigint() ?? -1
  }

  /// Of these calls, at these positions.
  init(_ calls: [(call: ModelCall, position: Int64)]) {
    requests = Int64(calls.count)
    response = calls.reduce(0) { $0 + Int128($1.call.response) }
    tokens = calls.reduce(0) { $0 + Int128($1.call.tokens) }
    cost = calls.reduce(0) { $0 + Int128($1.call.cost) }
    quality = calls.reduce(0) { $0 + Int128($1.call.quality ?? 0) }
    samples = Int64(calls.filter { $0.call.quality != nil }.count)
    fallbacks = Int64(calls.filter { $0.call.fallback == true }.count)
    let each = calls.map { LatencyHistogram.bucket(of: $0.call.response) }
    buckets = Set(each).sorted()
    ranks = buckets.map { bucket in Int64(each.filter { $0 <= bucket }.count) }
    position = calls.map(\.position).max() ?? 0
  }
}
