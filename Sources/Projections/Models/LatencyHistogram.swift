/// Response times in logarithmic buckets, made by integer arithmetic alone, so that every machine fills the same ones.
///
/// A time below 128 µs is a bucket of its own. Above, each power of two has 64 buckets of the same width, so that the middle of
/// a bucket is within 1/128 of every time in it. Histograms add up: a window's is the sum of its days'.
struct LatencyHistogram: Equatable {
  /// Buckets in use, ascending.
  private(set) var buckets: [Int32] = []
  /// How many times lie in each.
  private(set) var counts: [Int64] = []

  private static let exactLimit: Int64 = 128
  private static let exactBits = 7

  /// The bucket of a time; `pleat.bucket_middle` is its inverse. Times are not negative.
  static func bucket(of microseconds: Int64) -> Int32 {
    if microseconds < exactLimit { return Int32(microseconds) }
    let exponent = Int64.bitWidth - 1 - microseconds.leadingZeroBitCount
    let step = microseconds >> Int64(exponent - exactBits + 1)
    return Int32(exactLimit) + Int32(exponent - exactBits) * 64 + Int32(step - 64)
  }

  mutating func add(_ microseconds: Int64) { add(Self.bucket(of: microseconds), 1) }

  private mutating func add(_ bucket: Int32, _ count: Int64) {
    let index = firstIndex(notBelow: bucket)
    if index < buckets.count && buckets[index] == bucket {
      counts[index] += count
    } else {
      buckets.insert(bucket, at: index)
      counts.insert(count, at: index)
    }
  }

  private func firstIndex(notBelow bucket: Int32) -> Int {
    var (low, high) = (0, buckets.count)
    while low < high {
      let middle = (low + high) / 2
      if buckets[middle] < bucket { low = middle + 1 } else { high = middle }
    }
    return low
  }

  mutating func add(_ other: Self) {
    if buckets.isEmpty {
      self = other
    } else {
      for (bucket, count) in zip(other.buckets, other.counts) { add(bucket, count) }
    }
  }

  /// What the arrays take in memory.
  var heapBytes: Int {
    buckets.capacity * MemoryLayout<Int32>.stride + counts.capacity * MemoryLayout<Int64>.stride
  }
}

// The store keeps ranks instead of counts (how many times lie in a bucket or below), so that a view finds a quantile by binary
// search.
extension LatencyHistogram {
  init(_ reader: inout RowReader) {
    buckets = reader.ints() ?? []
    counts = reader.bigints() ?? []
    var below: Int64 = 0
    guard counts.count == buckets.count, counts.allSatisfy({ $0 >= 0 && $0 <= 1 << 62 }) else {
      FoldFault.note("a stored histogram has \(buckets.count) buckets with \(counts.count) ranks, or impossible ones")
      (buckets, counts) = ([], [])
      return
    }
    for index in counts.indices {
      (counts[index], below) = (counts[index] - below, counts[index])
    }
  }

  func write(to writer: inout RowWriter) {
    writer.ints(buckets)
    var rank: Int64 = 0
    writer.bigints(
      counts.map { count in
        rank += count
        return rank
      })
  }
}
