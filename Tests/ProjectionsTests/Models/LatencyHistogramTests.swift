import Randomness
import Testing

@testable import Projections

@Suite("A histogram of response times")
struct LatencyHistogramTests {
  /// What the SQL function `pleat.bucket_middle` says.
  static func middle(_ bucket: Int32) -> Double {
    if bucket < 128 { return Double(bucket) }
    return (64.5 + Double(bucket & 63)) * Double(Int64(1) << Int64((bucket - 64) >> 6)) - 0.5
  }

  /// Nearest rank: the ⌈percent·n/100⌉th smallest.
  static func quantile(_ percent: Int64, _ histogram: LatencyHistogram) -> Double? {
    let rank = (percent * histogram.counts.reduce(0, +) + 99) / 100
    var below: Int64 = 0
    for (bucket, count) in zip(histogram.buckets, histogram.counts) {
      below += count
      if below >= rank { return middle(bucket) }
    }
    return nil
  }

  @Test(
    "a time has its bucket",
    arguments: [
      (0, 0), (1, 1), (127, 127), (128, 128), (129, 128), (130, 129), (255, 191), (256, 192), (259, 192), (260, 193),
      (511, 255), (512, 256), (1_000_000_000_000, 2228), (.max, 3711),
    ] as [(Int64, Int32)])
  func bucket(microseconds: Int64, bucket: Int32) {
    #expect(LatencyHistogram.bucket(of: microseconds) == bucket)
  }

  @Test("buckets follow each other without a gap, each within 1% of its middle")
  func contiguous() {
    var previous: Int32 = -1
    var wrong: [Int64] = []
    for microseconds in Int64(0)..<300_000 {
      let bucket = LatencyHistogram.bucket(of: microseconds)
      let isNext = bucket == previous || bucket == previous + 1
      if !isNext || abs(Self.middle(bucket) - Double(microseconds)) > 0.01 * Double(microseconds) {
        wrong.append(microseconds)
      }
      previous = bucket
    }
    #expect(wrong == [])
  }

  /// From even to very skewed, from a few values to many.
  @Test("quantiles are within 1% of those of the sorted times", arguments: 0..<40)
  func quantiles(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    let greatest = Int64(1) << Int64(1 + seed)
    let times = (0..<1 + random.below(3000)).map { _ in
      Int64.random(in: 0...greatest, using: &random) >> Int64(random.below(seed + 1))
    }
    var histogram = LatencyHistogram()
    for time in times { histogram.add(time) }
    let sorted = times.sorted()
    for percent: Int64 in [1, 50, 95, 99, 100] {
      let exact = Double(sorted[Int((percent * Int64(sorted.count) + 99) / 100) - 1])
      let estimate = Self.quantile(percent, histogram) ?? -1
      #expect(abs(estimate - exact) <= 0.01 * exact, "p\(percent) of \(sorted.count) times, seed \(seed)")
    }
  }

  @Test("parts add up to the whole, in any order")
  func merging() {
    var random = SeededRandom(seed: 7)
    var whole = LatencyHistogram()
    var parts = Array(repeating: LatencyHistogram(), count: 3)
    for _ in 0..<1000 {
      let time = Int64.random(in: 0...100_000, using: &random)
      whole.add(time)
      parts[random.below(3)].add(time)
    }
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
      var sum = LatencyHistogram()
      for index in order { sum.add(parts[index]) }
      #expect(sum == whole)
    }
  }

  @Test("the store holds ranks, and gives back the counts")
  func stored() {
    var histogram = LatencyHistogram()
    for time: Int64 in [5, 3, 5, 1000, 5] { histogram.add(time) }
    let row = StoredRow.make { histogram.write(to: &$0) }
    #expect(row.ints(0) == [3, 5, LatencyHistogram.bucket(of: 1000)])
    #expect(row.integers(1) == [1, 4, 5])
    let back = row.withReader { LatencyHistogram(&$0) }
    #expect(back == histogram)

    let empty = StoredRow.make { LatencyHistogram().write(to: &$0) }
    let emptyBack = empty.withReader { LatencyHistogram(&$0) }
    #expect(emptyBack == LatencyHistogram())
  }
}
