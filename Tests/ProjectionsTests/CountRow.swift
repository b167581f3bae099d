import Events

@testable import Projections

/// A row of counts, keyed by two names.
struct CountRow: CachedRow {
  var usageCount: Int64 = 0
  var successes: Int64 = 0
  var failures: Int64 = 0
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func merge(onto stored: Self) {
    usageCount += stored.usageCount
    successes += stored.successes
    failures += stored.failures
  }
}

struct CountLayout: RowLayout {
  typealias Row = CountRow

  let names: Names

  let statements = TableStatements(
    name: "counts",
    load: "", copy: "", createStage: "", copyToStage: "", update: "", version: "")

  var fields: Int16 { 7 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text), ArrayParameter(.text)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(key.name, names)
    arrays[1].append(key.secondName, names)
  }

  func lastingHash(_ key: RowKey) -> UInt64? {
    func hash(_ name: NameID) -> UInt64 { names.withBytes(name) { sipHash24(HashKey(k0: 0, k1: 0), $0) } }
    return RowKey(hash(key.name), hash(key.secondName)).mixed
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    let order = names.compare(a.name, b.name)
    return (order == 0 ? names.compare(a.secondName, b.secondName) : order) < 0
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: CountRow) {
    let team = reader.name(names)
    let key = RowKey(team, reader.name(names))
    var row = CountRow(isPartial: false)
    row.usageCount = reader.count()
    row.successes = reader.count()
    row.failures = reader.count()
    row.position = reader.count()
    return (key, row)
  }

  func write(_ key: RowKey, _ row: CountRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.name(key.secondName, names)
    writer.bigint(row.usageCount)
    writer.bigint(row.successes)
    writer.bigint(row.failures)
    writer.bigint(row.position)
  }
}
