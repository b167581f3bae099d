import Ceiling
import Engine
import Events
import Glibc

/// What ingest computes for each event, one part at a time on one core, beside what none of it can be faster than.
struct CodecBenchmark {
  let workload: Workload
  /// Events of a segment.
  let segment: Int
  let rounds: Int

  private static let key = HashKey(k0: 1, k1: 2)
  /// Later than every event.
  private static let now = Timestamp(microseconds: 4_102_444_800_000_000)

  private var segments: [Range<Int>] {
    stride(from: 0, to: workload.count, by: segment).map { $0..<min($0 + segment, workload.count) }
  }

  func run() throws {
    let batches = try decoded()
    let encoded = batches.map { $0.encoded() }
    let streams = try encoded.flatMap { try Streams.unpacked($0.payload) + Streams.unpacked($0.identities) }
    let identities = try identities()
    let stored = encoded.reduce(0) { $0 + $1.payload.count + $1.identities.count }
    print(
      "\(workload.count) events of \(workload.bytes.count / workload.count) bytes, \(stored / workload.count) in the journal; "
        + "segments of \(segment)")
    let parse = measure("simdjson's bare parse") { bareParse() }
    try measure("decoder", against: parse) { _ = try decoded() }
    measure("duplicates' window", against: parse) { look(identities) }
    let zstd = measure("zstd of a batch's streams") { compress(streams) }
    measure("encoding of a batch", against: zstd) { for batch in batches { consume(batch.encoded().payload.count) } }
    measure("SHA-256 of what is stored", against: zstd) {
      for batch in encoded {
        consume(SHA256.digest(of: batch.payload).count + SHA256.digest(of: batch.identities).count)
      }
    }
    try measure("decoding of a batch", against: zstd) {
      for batch in encoded { consume(try EventBatch(payload: batch.payload, identities: batch.identities).count) }
    }
  }

  /// The least of the rounds' CPU time for an event, in nanoseconds.
  @discardableResult
  private func measure(_ name: String, against ceiling: Double? = nil, _ body: () throws -> Void) rethrows -> Double {
    var least = Double.infinity
    for _ in 0..<rounds {
      let begun = threadNanoseconds()
      try body()
      least = min(least, Double(threadNanoseconds() - begun) / Double(workload.count))
    }
    let padded = name + String(repeating: " ", count: max(0, 28 - name.count))
    print("\(padded)\(tenths(least)) ns an event" + (ceiling.map { ", \(tenths(least / $0)) of its ceiling" } ?? ""))
    return least
  }

  private func tenths(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  private func threadNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  private func bareParse() {
    let parser = ceiling_create()
    defer { ceiling_destroy(parser) }
    workload.forEach(in: 0..<workload.count) { _, value in
      consume(ceiling_parse(parser, value.baseAddress, value.count))
    }
  }

  private func decoded() throws -> [EventBatch] {
    let decoder = EventDecoder(identityKey: Self.key)
    var batches: [EventBatch] = []
    var batch = EventBatch()
    for range in segments {
      try workload.forEach(in: range) { index, value in
        _ = try decoder.decode(
          RecordContent(value: value, headers: [], offset: Int64(index)), now: Self.now, into: &batch)
      }
      let next = EventBatch(withRoomOf: batch)
      batches.append(batch)
      batch = next
    }
    return batches
  }

  private func identities() throws -> [Digest128] {
    let decoder = EventDecoder(identityKey: Self.key)
    var batch = EventBatch()
    var identities: [Digest128] = []
    try workload.forEach(in: 0..<workload.count) { index, value in
      let event = try decoder.decode(
        RecordContent(value: value, headers: [], offset: Int64(index)), now: Self.now, into: &batch)
      if let identity = event.identity { identities.append(identity) }
    }
    return identities
  }

  /// In turn through six windows, as six partitions have them.
  private func look(_ identities: [Digest128]) {
    var windows = (0..<6).map { _ in DuplicateWindow() }
    var seen = 0
    for (index, identity) in identities.enumerated() {
      let window = index / 256 % windows.count
      if windows[window].contains(identity, before: Int64(index)) {
        seen += 1
      } else {
        windows[window].insert(identity, at: Int64(index))
      }
    }
    consume(seen)
  }

  private func compress(_ streams: [[UInt8]]) {
    var frame: [UInt8] = []
    for stream in streams {
      frame.removeAll(keepingCapacity: true)
      stream.withUnsafeBytes { Zstd.compress($0, level: 1, onto: &frame) }
      consume(frame.count)
    }
  }
}

/// Keeps a result from being computed away.
@inline(never)
func consume(_ value: Int) { withExtendedLifetime(value) {} }
