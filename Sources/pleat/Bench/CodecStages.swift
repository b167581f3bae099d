import Ceiling
import Engine
import Events
import Service

/// What ingest and whoever reads the journal compute for each event, one part at a time, beside what none of it can be faster than.
struct CodecStages {
  static let rounds = 5

  /// Decoded, a segment's each.
  let batches: [EventBatch]
  private let workload: Workload
  private let ranges: [Range<Int>]
  private let forms: [(payload: [UInt8], identities: [UInt8])]
  private let packed: [Streams.Packed]
  private let unpacked: [[UInt8]]

  static let key = HashKey(k0: 1, k1: 2)
  /// Later than every event.
  private static let now = Timestamp(microseconds: 4_102_444_800_000_000)
  private static let windows = 6
  /// Records that come from one partition after the other.
  private static let recordsOfAPartition = 256

  /// - Parameter segment: events of a segment.
  init(_ workload: Workload, segment: Int) throws(CommandFailure) {
    self.workload = workload
    ranges = stride(from: 0, to: workload.count, by: segment).map { $0..<min($0 + segment, workload.count) }
    batches = try Self.decoded(workload, ranges)
    forms = batches.map { $0.encoded() }
    packed = forms.flatMap { Streams.of($0.payload) + Streams.of($0.identities) }
    do throws(ZstdError) {
      unpacked = try packed.map { (stream) throws(ZstdError) in try stream.unpacked() }
    } catch {
      throw CommandFailure(.failure, "what was compressed cannot be read back: \(error).")
    }
  }

  /// Of all that the journal holds for these events.
  var storedBytes: Int { forms.reduce(0) { $0 + $1.payload.count + $1.identities.count } }

  // MARK: - Decoder

  func bareParse() {
    let parser = ceiling_create()
    defer { ceiling_destroy(parser) }
    workload.forEach(in: 0..<workload.count) { _, value in
      consume(ceiling_parse(parser, value.baseAddress, value.count))
    }
  }

  func decoded() throws(CommandFailure) -> [EventBatch] { try Self.decoded(workload, ranges) }

  private static func decoded(_ workload: Workload, _ ranges: [Range<Int>]) throws(CommandFailure) -> [EventBatch] {
    let decoder = EventDecoder(identityKey: key)
    var batches: [EventBatch] = []
    var batch = EventBatch()
    for range in ranges {
      try workload.forEach(in: range) { (index, value) throws(CommandFailure) in
        _ = try decode(index, value, decoder, &batch)
      }
      let next = EventBatch(withRoomOf: batch)
      batches.append(batch)
      batch = next
    }
    return batches
  }

  @inline(__always)
  private static func decode(
    _ index: Int, _ value: UnsafeRawBufferPointer, _ decoder: EventDecoder, _ batch: inout EventBatch
  ) throws(CommandFailure) -> DecodedEvent {
    do throws(Refusal) {
      return try decoder.decode(
        RecordContent(value: value, headers: [], offset: Int64(index)), now: now, into: &batch)
    } catch {
      throw CommandFailure(
        .failure, "record \(index + 1) is no event: \(error.reason.name)\(error.path.map { " at \($0)" } ?? "").")
    }
  }

  // MARK: - Duplicates

  func identities() throws(CommandFailure) -> [Digest128] {
    let decoder = EventDecoder(identityKey: Self.key)
    var batch = EventBatch()
    var identities: [Digest128] = []
    try workload.forEach(in: 0..<workload.count) { (index, value) throws(CommandFailure) in
      if let identity = try Self.decode(index, value, decoder, &batch).identity { identities.append(identity) }
    }
    return identities
  }

  /// In turn through some windows, as some partitions have them.
  func look(_ identities: [Digest128]) {
    var windows = (0..<Self.windows).map { _ in DuplicateWindow() }
    var seen = 0
    for (index, identity) in identities.enumerated() {
      let window = index / Self.recordsOfAPartition % windows.count
      if windows[window].contains(identity, before: Int64(index)) {
        seen += 1
      } else {
        windows[window].insert(identity, at: Int64(index))
      }
    }
    consume(seen)
  }

  // MARK: - Batch form

  func compress() {
    for stream in unpacked { consume(stream.withUnsafeBytes { Zstd.compress($0, level: 1) }.count) }
  }

  func encode() { for batch in batches { consume(batch.encoded().payload.count) } }

  func digest() {
    for form in forms {
      consume(SHA256.digest(of: form.payload).count + SHA256.digest(of: form.identities).count)
    }
  }

  func decompress() throws(CommandFailure) {
    do throws(ZstdError) { for stream in packed { consume(try stream.unpacked().count) } } catch {
      throw CommandFailure(.failure, "what was compressed cannot be read back: \(error).")
    }
  }

  func decode() throws(CommandFailure) {
    do throws(BatchFormError) {
      for form in forms { consume(try EventBatch(payload: form.payload, identities: form.identities).count) }
    } catch {
      throw CommandFailure(.failure, "what was encoded cannot be read back: \(error).")
    }
  }

  /// The segments as ingest hands them to the journal, in turn of some partitions.
  func drafts(partitions: Int) -> [SegmentDraft] {
    ranges.indices.map { index in
      let (payload, identities) = forms[index]
      let times = batches[index].events.map(\.time)
      return SegmentDraft(
        partition: PostgresStages.partition(index % partitions), incarnation: 0, count: Int32(ranges[index].count),
        firstOffset: Int64(ranges[index].lowerBound), nextOffset: Int64(ranges[index].upperBound),
        leastTime: times.min() ?? Self.now, greatestTime: times.max() ?? Self.now, payload: payload,
        payloadDigest: SHA256.digest(of: payload), identities: identities,
        identitiesDigest: SHA256.digest(of: identities))
    }
  }
}

/// Keeps a result from being computed away.
@inline(never)
private func consume(_ value: Int) { withExtendedLifetime(value) {} }
