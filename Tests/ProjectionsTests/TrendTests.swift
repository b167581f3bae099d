import Testing

@testable import Projections

@Suite("A trend")
struct TrendTests {
  struct Case: Sendable {
    var usage, whole, previousUsage, previousWhole: Int64
    var percentage: Double?
    var z: Double?
    var direction: TrendDirection
    init(
      _ usage: Int64, of whole: Int64, after previousUsage: Int64, of previousWhole: Int64, _ percentage: Double?,
      z: Double?, _ direction: TrendDirection
    ) {
      (self.usage, self.whole, self.previousUsage, self.previousWhole) = (usage, whole, previousUsage, previousWhole)
      (self.percentage, self.z, self.direction) = (percentage, z, direction)
    }
  }

  @Test(
    "has percentage, z and direction by the contract",
    arguments: [
      Case(0, of: 0, after: 0, of: 0, nil, z: nil, .stable),
      Case(5, of: 10, after: 0, of: 0, nil, z: nil, .stable),
      Case(0, of: 0, after: 5, of: 10, nil, z: nil, .stable),
      // Nothing before: no percentage, and z alone decides.
      Case(17, of: 583, after: 0, of: 518, nil, z: 3.916824, .up),
      Case(1, of: 583, after: 0, of: 518, nil, z: 0.943035, .stable),
      // Everybody, always: no deviation.
      Case(10, of: 10, after: 10, of: 10, 0, z: 0, .stable),
      Case(60, of: 100, after: 30, of: 100, 100, z: 4.264014, .up),
      Case(30, of: 100, after: 60, of: 100, -50, z: -4.264014, .down),
      // Gone altogether.
      Case(0, of: 100, after: 20, of: 100, -100, z: -4.714045, .down),
      // Sure, but less than 5%; then 5% to the last place.
      Case(524_999, of: 1_000_000, after: 500_000, of: 1_000_000, 4.9998, z: 35.365, .stable),
      Case(525_000, of: 1_000_000, after: 500_000, of: 1_000_000, 5, z: 35.3664, .up),
      Case(475_000, of: 1_000_000, after: 500_000, of: 1_000_000, -5, z: -35.3664, .down),
      // As large as counts get.
      Case(1 << 40, of: 1 << 41, after: 1 << 39, of: 1 << 41, 100, z: 541_482.318, .up),
    ])
  func table(_ each: Case) {
    let trend = Trend(
      usage: each.usage, whole: each.whole, previousUsage: each.previousUsage, previousWhole: each.previousWhole)
    #expect(isClose(trend.percentage, each.percentage, 1e-9))
    #expect(isClose(trend.z, each.z, 1e-3))
    #expect(trend.direction == each.direction)
  }

  @Test("its percentage is rounded once, as the view's is")
  func roundedOnce() {
    #expect(Trend(usage: 4, whole: 1, previousUsage: 3, previousWhole: 1).percentage == 100.0 / 3)
    #expect(Trend(usage: 7, whole: 10, previousUsage: 9, previousWhole: 11).percentage == -1_300.0 / 90)
  }

  private func isClose(_ a: Double?, _ b: Double?, _ tolerance: Double) -> Bool {
    guard let a, let b else { return a == nil && b == nil }
    return abs(a - b) <= tolerance * max(1, abs(b))
  }
}
