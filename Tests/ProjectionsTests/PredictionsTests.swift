import Events
import Randomness
import Testing

@testable import Projections

@Suite("What counts of a project's predictions")
struct PredictionsTests {
  @Test("the newest of each version counts, whatever the order in which they came", arguments: 1...20)
  func newest(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    let names = Names()
    var predictions = Predictions()
    var all: [(version: String, time: Int64, millionths: Int32)] = []
    for _ in 0..<1 + random.below(12) {
      let each = (version: "v\(random.below(3))", time: Int64(random.below(6)), millionths: Int32(random.below(1000)))
      all.removeAll { $0.version == each.version && $0.time == each.time }
      all.append(each)
      predictions.insert(
        Prediction(
          version: names.intern(each.version), time: Timestamp(microseconds: each.time),
          probabilityMillionths: each.millionths), names)
    }
    for limit in [Int64(7), 4, 3, 0] {
      all.removeAll { $0.time >= limit }
      predictions.keep(before: Timestamp(microseconds: limit))
      let sorted = all.sorted { ($0.version, $0.time) < ($1.version, $1.time) }
      let row = StoredRow.make { $0.predictions(predictions, names) }
      let back = row.withReader { $0.predictions(names) }
      for each in [predictions, back] {
        var (kept, counting): ([String], [String]) = ([], [])
        func text(_ each: Prediction) -> String {
          "\(names.withBytes(each.version) { String(decoding: $0, as: UTF8.self) }) \(each.time.microseconds) \(each.probabilityMillionths)"
        }
        each.each { kept.append(text($0)) }
        each.eachNewest { counting.append(text($0)) }
        #expect(kept == sorted.map { "\($0.version) \($0.time) \($0.millionths)" }, "seed \(seed)")
        let expected = Set(all.map(\.version)).sorted().map { version in
          let newest = all.filter { $0.version == version }.max { $0.time < $1.time }!
          return "\(newest.version) \(newest.time) \(newest.millionths)"
        }
        #expect(counting == expected, "seed \(seed)")
        for version in ["v0", "v1", "v2"] {
          let newest = each.newest(of: names.intern(version)).map(text)
          #expect(newest == expected.first { $0.hasPrefix(version) }, "seed \(seed)")
        }
      }
    }
  }
}
