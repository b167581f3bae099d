import Events
import Randomness
import Testing

@Suite("The binary form of an event batch")
struct BatchFormTests {
  @Test("what was encoded comes back, to the last member", arguments: [0, 1, 2, 7, 60, 400, 2000])
  func roundTrip(events: Int) throws {
    for seed in 0..<(events > 100 ? 3 : 30) as Range<UInt64> {
      let batch = RandomBatch.make(events: events, seed: seed)
      let form = batch.encoded()
      let decoded = try EventBatch(payload: form.payload, identities: form.identities)
      #expect(decoded.eventDescriptions == batch.eventDescriptions, "seed \(seed)")
    }
  }

  @Test("the bytes follow from the events, not from how strings are numbered and rows stand")
  func canonical() throws {
    let batch = RandomBatch.make(events: 300, seed: 5)
    let form = batch.encoded()
    let decoded = try EventBatch(payload: form.payload, identities: form.identities)
    let again = decoded.encoded()
    #expect(again.payload == form.payload)
    #expect(again.identities == form.identities)

    var disordered = batch
    disordered.projectsGenerated.reverse()
    disordered.cacheLookups.insert(batch.cacheLookups[0], at: 0)
    for i in disordered.events.indices {
      switch disordered.events[i].type {
      case .projectGenerated:
        disordered.events[i].row = UInt32(batch.projectsGenerated.count) - 1 - disordered.events[i].row
      case .cacheHit, .cacheMiss: disordered.events[i].row += 1
      default: break
      }
    }
    #expect(disordered.eventDescriptions == batch.eventDescriptions)
    let third = disordered.encoded()
    #expect(third.payload == form.payload)
    #expect(third.identities == form.identities)
  }

  @Test("an id stands in the identities, and not in the payload")
  func apart() throws {
    var batch = MixedWorkload.make(events: 200, seed: 3)
    let payload = batch.encoded().payload
    for i in batch.events.indices {
      batch.events[i].id = batch.strings.intern("another id, \(i)")
      batch.events[i].source = batch.strings.intern("another source")
      batch.events[i].offset += 1000
    }
    #expect(batch.encoded().payload == payload)
  }

  @Test("payload and identities of different batches are told apart where their counts differ")
  func mismatch() {
    let one = RandomBatch.make(events: 10, seed: 1).encoded()
    let other = RandomBatch.make(events: 11, seed: 1).encoded()
    #expect(throws: BatchFormError.mismatch(payload: 10, identities: 11)) {
      try EventBatch(payload: one.payload, identities: other.identities)
    }
  }

  @Test("the mix of the generator stays below 64 bytes an event, ids included")
  func size() throws {
    let batch = MixedWorkload.make(events: 10_000, seed: 1)
    let form = batch.encoded()
    #expect(form.payload.count + form.identities.count <= 64 * 10_000)
    let decoded = try EventBatch(payload: form.payload, identities: form.identities)
    #expect(decoded.encoded().payload == form.payload)
  }

  // MARK: - Bytes that are not what they should be

  @Test("what is no form of this kind is told so")
  func refused() {
    let form = RandomBatch.make(events: 20, seed: 9).encoded()
    #expect(throws: BatchFormError.truncated) { try EventBatch(payload: [], identities: form.identities) }
    #expect(throws: BatchFormError.notThisForm) {
      try EventBatch(payload: form.identities, identities: form.identities)
    }
    #expect(throws: BatchFormError.notThisForm) { try EventBatch(payload: form.payload, identities: form.payload) }
    var newer = form.payload
    newer[2] = 2
    #expect(throws: BatchFormError.unknownVersion(2)) { try EventBatch(payload: newer, identities: form.identities) }
    var flagged = form.payload
    flagged[3] |= 0x80
    #expect(throws: BatchFormError.malformed("the flags")) {
      try EventBatch(payload: flagged, identities: form.identities)
    }
  }

  @Test("every beginning of a form is refused", arguments: [1, 20])
  func truncated(events: Int) {
    let form = RandomBatch.make(events: events, seed: 9).encoded()
    for count in form.payload.indices {
      #expect(throws: BatchFormError.self) {
        try EventBatch(payload: Array(form.payload[..<count]), identities: form.identities)
      }
    }
    for count in form.identities.indices {
      #expect(throws: BatchFormError.self) {
        try EventBatch(payload: form.payload, identities: Array(form.identities[..<count]))
      }
      #expect(throws: BatchFormError.self) {
        try IdentityColumn.digests(of: Array(form.identities[..<count]), key: HashKey(k0: 1, k1: 2))
      }
    }
  }

  @Test("bytes after the end are refused")
  func trailing() {
    let form = RandomBatch.make(events: 20, seed: 9).encoded()
    #expect(throws: BatchFormError.self) { try EventBatch(payload: form.payload + [0], identities: form.identities) }
    #expect(throws: BatchFormError.self) { try EventBatch(payload: form.payload, identities: form.identities + [0]) }
  }

  @Test("mutated bytes are refused or are another batch, and never stop the program", arguments: 0..<4 as Range<UInt64>)
  func mutated(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var accepted = 0
    var refused = 0
    // Without compression, so that a mutation meets the columns, not zstd's checks.
    for events in [1, 3, 12, 40] {
      let form = FormBytes.uncompressed(RandomBatch.make(events: events, seed: seed).encoded())
      for i in 0..<600 {
        let payload = i % 3 == 0 ? form.payload : mutate(form.payload, &random)
        let identities = i % 3 == 1 ? form.identities : mutate(form.identities, &random)
        if isAccepted(payload, identities) { accepted += 1 } else { refused += 1 }
      }
    }
    #expect(accepted > 100 && refused > 100, "mutations should reach both ends")
  }

  /// What is accepted must be whole: each member can be read, and the batch encoded again.
  private func isAccepted(_ payload: [UInt8], _ identities: [UInt8]) -> Bool {
    _ = try? IdentityColumn.digests(of: identities, key: HashKey(k0: 1, k1: 2))
    guard let batch = try? EventBatch(payload: payload, identities: identities) else { return false }
    for i in batch.events.indices { _ = EventJSON.line(i, of: batch, position: 1, topic: "t", partition: 0) }
    _ = batch.encoded()
    return true
  }

  private func mutate(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.below(3) {
      let at = random.below(bytes.count)
      switch random.below(6) {
      case 0: bytes[at] ^= 1 << UInt8(random.below(8))
      case 1: bytes[at] = UInt8(truncatingIfNeeded: random.next())
      case 2: bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)]
      case 3: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: at)
      case 4: if bytes.count > 1 { bytes.remove(at: at) }
      default:
        let end = min(bytes.count, at + 1 + random.below(8))
        bytes.replaceSubrange(at..<end, with: bytes[random.below(bytes.count)...].prefix(end - at))
      }
    }
    return bytes
  }
}
