import Events
import Randomness
import Testing

@testable import Projections

@Suite("The rule of models")
struct ModelPerformanceRuleTests {
  static func sample(_ values: [Int64]) -> Sample {
    Sample(
      count: Int64(values.count), sum: values.reduce(0) { $0 + Int128($1) },
      squares: values.reduce(0) { $0 + Int128($1) * Int128($1) })
  }

  struct Case: Sendable {
    var values: [Int64]
    var reference: [Int64]
    var differs: Bool
  }

  @Test(
    "a mean differs by a fifth of the other, and by 4 standard errors",
    arguments: [
      Case(values: [12, 12], reference: [10, 10], differs: true),
      Case(values: [8, 8], reference: [10, 10], differs: true),
      Case(values: [119, 119], reference: [100, 100], differs: false),
      Case(values: [81, 81], reference: [100, 100], differs: false),
      Case(values: [10, 10], reference: [10, 10], differs: false),
      Case(values: [0, 0], reference: [0, 0], differs: false),
      Case(values: [1, 1], reference: [0, 0], differs: true),
      // Means 20 and 10; variances 2 and 2: the error is √2, 4 of them 5.66.
      Case(values: [19, 21], reference: [9, 11], differs: true),
      // Variances 18 and 18: the error is √18, 4 of them 16.97.
      Case(values: [17, 23], reference: [7, 13], differs: false),
      // Great numbers, whose squares leave nothing of their difference in double precision.
      Case(values: [1_200_000_000_000_003, 1_200_000_000_000_001], reference: [1 << 49, 1 << 49], differs: true),
    ])
  func differences(each: Case) {
    #expect(Self.sample(each.values).differs(from: Self.sample(each.reference)) == each.differs)
  }

  /// The formulas as they are written, with values small enough for double precision.
  @Test("it is Welch's test, as a plain computation says", arguments: 1...100)
  func random(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    func values() -> [Int64] {
      let (base, spread) = (random.below(1000), 1 + random.below(1000))
      return (0..<2 + random.below(30)).map { _ in Int64(base + random.below(spread)) }
    }
    func moments(_ values: [Int64]) -> (mean: Double, error: Double) {
      let n = Double(values.count)
      let mean = Double(values.reduce(0, +)) / n
      let variance = values.map { (Double($0) - mean) * (Double($0) - mean) }.reduce(0, +) / (n - 1)
      return (mean, variance / n)
    }
    for _ in 0..<20 {
      let (a, b) = (values(), values())
      let (x, y) = (moments(a), moments(b))
      let difference = abs(x.mean - y.mean)
      let margins = [difference - 0.2 * y.mean, difference - 4 * (x.error + y.error).squareRoot()]
      if margins.contains(where: { abs($0) < 1e-6 }) { continue }
      let expected = margins.allSatisfy { $0 > 0 }
      #expect(Self.sample(a).differs(from: Self.sample(b)) == expected, "\(a) \(b)")
    }
  }

  @Test("sums of squares that do not fit stay at the greatest number")
  func saturated() {
    let call = ModelCall(model: "m", cost: .max)
    let batch = EventBatch(calls: [call, call, call])
    var row = ModelDayRow(isPartial: true)
    for call in batch.modelsRouted { row.add(call, position: 1) }
    #expect(row.costSquares == .max)
    var other = ModelDayRow(isPartial: true)
    other.add(batch.modelsRouted[0], position: 1)
    other.merge(onto: row)
    #expect(other.costSquares == .max)
    #expect(Sample(count: 3, sum: row.calls.costNanodollars, squares: .max).differs(from: Self.sample([1, 1])))
  }

  // MARK: - The rule

  private static let turn = Turn(
    position: 77, watermark: Timestamp(microseconds: 1_791_849_700_000_000),
    previousWatermark: Timestamp(microseconds: 1_791_845_000_000_000))

  private func row(
    announced: Int16, _ samples: (Sample, Sample, Sample), _ before: (Sample, Sample, Sample)
  ) -> StoredRow {
    StoredRow.make {
      $0.text("m")
      $0.text("t")
      $0.smallint(announced)
      for sample in [samples.0, samples.1, samples.2, before.0, before.1, before.2] {
        $0.bigint(sample.count)
        $0.wideInteger(sample.sum)
        $0.wideInteger(sample.squares)
      }
    }
  }

  @Test("latency, quality and cost are each announced once a day, from 100 values on against 2")
  func events() throws {
    func constant(_ value: Int64, _ count: Int) -> Sample { Self.sample(Array(repeating: value, count: count)) }
    let names = Names()
    let days = RowCache(ModelDaysLayout(names: names))
    let rule = ModelPerformanceRule(names: names, days: days)
    func run(_ row: StoredRow) throws -> [String] {
      try rule.run(at: Self.turn, ProjectsRulesTests.Answers([row])).map { event in
        String(event.json[event.json.firstRange(of: #""data":"#)!.upperBound...])
      }
    }
    let tail = #""position":77,"as_of":"2026-10-13T00:00:00Z","sample_size":"#
    let all = row(
      announced: 0, (constant(1_500, 120), constant(900_000, 100), constant(2_000_000, 120)),
      (constant(1_000, 2), constant(500_000, 2), constant(1_000_000, 2)))
    #expect(
      try run(all) == [
        #"{"model":"m","task_type":"t","measure":"latency","value":1.5,"previous_value":1,"# + tail + "120}}",
        #"{"model":"m","task_type":"t","measure":"quality","value":0.9,"previous_value":0.5,"# + tail + "100}}",
        #"{"model":"m","task_type":"t","measure":"cost","value":0.002,"previous_value":0.001,"# + tail + "120}}",
      ])
    let day = Self.turn.previousWatermark.day
    days.update(ModelDaysLayout.key(names.intern("m"), names.intern("t"), day: day)) {
      #expect($0.announced == 7 && $0.calls.position == 77 && $0.calls.requests == 0)
    }
    let few = row(
      announced: 1, (constant(1_500, 120), constant(900_000, 99), constant(2_000_000, 120)),
      (constant(1_000, 2), constant(500_000, 2), constant(1_000_000, 1)))
    #expect(try run(few) == [])
    let event = try rule.run(at: Self.turn, ProjectsRulesTests.Answers([all]))[2]
    #expect(event.subject == #"model/["m","t"]"#)
    #expect(
      event.id
        == UUIDv5.string(
          of: #"["model_performance_changed","model/[\"m\",\"t\"]","2026-10-13T00:00:00Z","cost"]"#))
  }
}
