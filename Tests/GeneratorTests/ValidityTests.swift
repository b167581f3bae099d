import Events
import Testing

@testable import Generator

@Suite("What a generated world emits")
struct ValidityTests {
  @Test("every event keeps the contract: the decoder takes them all", arguments: [true, false], [UInt64(1), 2, 3])
  func valid(headers: Bool, seed: UInt64) throws {
    let decoder = EventDecoder(identityKey: HashKey(k0: 1, k1: 2))
    var world = try World(WorldSettings(events: 20_000, seed: seed, headers: headers))
    var batch = EventBatch()
    var offset: Int64 = 0
    while world.next() {
      let record = world.record
      let decoded = try decode(record, offset, decoder, &batch, now: world.settings.end)
      #expect(decoded.time == record.time)
      offset += 1
    }
    #expect(batch.events.count == 20_000)
    let envelopes = Set(batch.events.map(\.envelope))
    #expect(envelopes == (headers ? [.structured, .binary, .bare] : [.structured, .bare]))
  }

  private func decode(
    _ record: GeneratedRecord, _ offset: Int64, _ decoder: EventDecoder, _ batch: inout EventBatch, now: Timestamp
  ) throws -> DecodedEvent {
    // Header memory must live as long as the call.
    let names = record.headers.map { Array("\($0.name)".utf8) }
    func with(_ index: Int, _ headers: [(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?)]) throws
      -> DecodedEvent
    {
      if index == names.count {
        return try record.value.withUnsafeBytes {
          try decoder.decode(RecordContent(value: $0, headers: headers, offset: offset), now: now, into: &batch)
        }
      }
      return try names[index].withUnsafeBytes { name in
        try record.headers[index].value.withUnsafeBytes { value in try with(index + 1, headers + [(name, value)]) }
      }
    }
    return try with(0, [])
  }
}
