import Engine
import Events

/// `pleat deadletters retry --all` by a version that reads what lacks its last brace, as `DeadLetterRetry` does it, a letter at a time.
final class LetterRetry {
  private let world: World
  private let process: Process
  private let connection: Connection
  private let decoder = EventDecoder(identityKey: identityKey(of: World.hashKey))
  private static let attempts = 5

  static func start(in world: World) {
    let retry = LetterRetry(world)
    world.scheduler.spawn(retry.process.name, retry.process) { retry.run() }
  }

  private init(_ world: World) {
    self.world = world
    process = world.nextCommand("retry")
    connection = Connection(world, process, "letters")
  }

  private struct Candidate {
    var key: DatabaseState.LetterKey
    var event: DecodedEvent
    var segment: SegmentDraft
  }

  private func run() {
    do throws(StoreError) {
      let letters = try connection.call("letters") { session throws(StoreError) in
        session.state.letters.filter { !$0.value.isErased }.sorted { $0.value.id < $1.value.id }
          .map { (key: $0.key, value: $0.value.value) }
      }
      for letter in letters {
        guard let candidate = judge(letter.key, letter.value) else { continue }
        for _ in 0..<Self.attempts {
          if try append(candidate) { break }
          world.scheduler.sleep(20_000_000)
          try connection.requireProcess()
        }
      }
    } catch {
      world.trace("\(process.name): \(error.message)")
    }
    connection.reset()
  }

  private func judge(_ key: DatabaseState.LetterKey, _ value: [UInt8]) -> Candidate? {
    var batch = EventBatch()
    let whole = value + [UInt8(ascii: "}")]
    let event = whole.withUnsafeBytes { bytes -> DecodedEvent? in
      // What is not good now either stays.
      try? decoder.decode(
        RecordContent(value: bytes, headers: [], offset: key.offset), now: Timestamp(microseconds: World.beginning),
        into: &batch)
    }
    guard let event else { return nil }
    let form = batch.encoded()
    return Candidate(
      key: key, event: event,
      segment: SegmentDraft(
        partition: key.partition, incarnation: key.incarnation, count: 1, firstOffset: key.offset,
        nextOffset: key.offset + 1, leastTime: event.time, greatestTime: event.time, payload: form.payload,
        payloadDigest: SHA256.digest(of: form.payload), identities: form.identities,
        identitiesDigest: SHA256.digest(of: form.identities)))
  }

  /// Whether that is the end of it; nothing is written where it is to be tried again.
  private func append(_ candidate: Candidate) throws(StoreError) -> Bool {
    let key = candidate.key
    do throws(StoreError) {
      try connection.call("begin of a retry") { session throws(StoreError) in
        session.begin()
        _ = try session.beginRetry(key.partition)
      }
      let columns = try connection.call("identities", needsSession: true) { session throws(StoreError) in
        session.state.journal.map(\.draft).filter {
          $0.partition == key.partition && $0.incarnation == key.incarnation
            && $0.nextOffset > key.offset - DuplicateWindow.span
            && $0.firstOffset <= key.offset + DuplicateWindow.span
        }.map(\.identities)
      }
      var isDuplicate = false
      for column in columns where !isDuplicate { isDuplicate = try isIn(column, candidate) }
      _ = try connection.call("end of a retry", needsSession: true) { session throws(StoreError) in
        try session.finishRetry(key, isDuplicate: isDuplicate, candidate.segment)
      }
      try connection.call("commit", needsSession: true) { [world] session throws(StoreError) in
        try world.refuseWrites(false)
        session.commit()
      }
      world.trace("\(process.name): \(key.partition)@\(key.offset) is \(isDuplicate ? "a duplicate" : "journaled")")
      return true
    } catch {
      guard case .lost = error else { throw error }
      return false
    }
  }

  private func isIn(_ column: [UInt8], _ candidate: Candidate) throws(StoreError) -> Bool {
    do throws(BatchFormError) {
      return try IdentityColumn.digests(of: column, key: identityKey(of: World.hashKey)).contains {
        $0.digest == candidate.event.identity && abs($0.offset - candidate.key.offset) <= DuplicateWindow.span
      }
    } catch {
      throw .refused("identities cannot be read: \(error)")
    }
  }
}
