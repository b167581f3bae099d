import Engine
import Events
package import Postgres
import Projections

/// Tries dead letters again: each becomes a segment of its own with the letter's coordinates, in the transaction that deletes the
/// letter.
package final class DeadLetterRetry {
  package enum Outcome: Sendable {
    /// Journaled at this position.
    case journaled(Int64)
    /// Its identity was journaled within 100,000 offsets on either side: counted, and the letter is gone.
    case duplicate
    /// As it was, or for another reason, at this path.
    case refused(reason: String, path: String?)
    /// An erasure has taken what it held.
    case erased
    /// Retention has dropped what it might repeat.
    case unknowable
    /// There is no such letter.
    case gone

    package var name: String {
      switch self {
      case .journaled: "journaled"
      case .duplicate: "duplicate"
      case .refused: "refused"
      case .erased: "erased"
      case .unknowable: "unknowable"
      case .gone: "gone"
      }
    }
  }

  private struct Letter {
    var content: DeadLetterContent
    var incarnation: Int32
    var isErased: Bool
  }

  private static let more = "SELECT incarnation, erased_at IS NOT NULL FROM pleat.dead_letters WHERE id = $1"
  private static let begin = "SELECT pleat.begin_retry($1, $2)"
  private static let finish = "SELECT pleat.finish_retry($1, $2, $3, $4, $5, $6, $7, $8)"
  private static let identities = """
    SELECT identities FROM pleat.journal
    WHERE topic = $1 AND partition = $2 AND incarnation = $3 AND next_offset > $4 AND first_offset <= $5
    UNION ALL
    SELECT identities FROM pleat.kept_identities
    WHERE topic = $1 AND partition = $2 AND incarnation = $3 AND next_offset > $4 AND first_offset <= $5
    """
  private static let dropped =
    "SELECT next_offset FROM pleat.dropped_offsets WHERE topic = $1 AND partition = $2 AND incarnation = $3"
  private static let key = "SELECT hash_key FROM pleat.secrets"
  private static let now = "SELECT clock_timestamp()"

  /// How often ingest may take the partition over in between.
  private static let attempts = 50
  private static let pauseNanoseconds: Int64 = 20_000_000

  private let connection: Connection
  private let identityKey: HashKey
  private let decoder: EventDecoder
  private let pause = Waker()

  package init(_ connection: Connection) throws(CommandFailure) {
    self.connection = connection
    do throws(PostgresError) {
      let found = try connection.query(Self.key).map { row in row.bytea() ?? [] }
      guard let bytes = found.first, let words = Digest128(bytes: bytes) else {
        throw .unexpected("the installation has no hash key")
      }
      identityKey = Engine.identityKey(of: HashKey(k0: words.low, k1: words.high))
      decoder = EventDecoder(identityKey: identityKey)
    } catch {
      throw CommandFailure(error)
    }
  }

  package func retry(_ id: Int64) throws(CommandFailure) -> Outcome {
    guard let content = try DeadLetters.show(connection, id: id) else { return .gone }
    do throws(PostgresError) {
      let more = try connection.query(Self.more, [.bigint(id)]).map { row in (row.int() ?? 0, row.bool() ?? false) }
      guard let (incarnation, isErased) = more.first else { return .gone }
      let letter = Letter(content: content, incarnation: incarnation, isErased: isErased)
      return try retry(letter)
    } catch {
      throw CommandFailure(error)
    }
  }

  private func retry(_ letter: Letter) throws(PostgresError) -> Outcome {
    if letter.isErased { return .erased }
    let now = try connection.query(Self.now).map { row in row.timestamptz() }.first.flatMap { $0 }
    var batch = EventBatch()
    let event: DecodedEvent
    do throws(Refusal) {
      event = try decode(letter.content, now: now ?? Timestamp(microseconds: 0), into: &batch)
    } catch {
      return .refused(reason: error.reason.name, path: error.path)
    }
    let offset = letter.content.letter.offset
    if event.identity != nil, let dropped = try droppedOffset(letter), dropped > offset - DuplicateWindow.span {
      return .unknowable
    }
    let form = batch.encoded()
    for attempt in 1... {
      do throws(PostgresError) {
        return try append(letter, event, form)
      } catch {
        guard case .server(let server) = error, server.sqlState == SQLState.lost, attempt < Self.attempts else {
          throw error
        }
        if try connection.query(Self.more, [.bigint(letter.content.letter.id)]).rowCount == 0 { return .gone }
        pause.wait(until: SystemClock.monotonicNanoseconds() + Self.pauseNanoseconds)
      }
    }
    preconditionFailure("an endless range has ended")
  }

  private func append(
    _ letter: Letter, _ event: DecodedEvent, _ form: (payload: [UInt8], identities: [UInt8])
  ) throws(PostgresError) -> Outcome {
    let place = letter.content.letter
    let epochs = try connection.query(Self.begin, [.text(place.topic), .int(place.partition)]).map { row in row.bigint()
    }
    guard let epoch = epochs.first ?? nil else { throw .unexpected("\(place.topic)/\(place.partition) is not read") }
    let isDuplicate =
      try event.identity.map { identity throws(PostgresError) in
        try self.isDuplicate(identity, letter)
      } ?? false
    let positions = try connection.query(
      Self.finish,
      [
        .bigint(place.id), .bigint(epoch), .bool(isDuplicate), .timestamptz(event.time), .bytea(form.payload),
        .bytea(SHA256.digest(of: form.payload)), .bytea(form.identities), .bytea(SHA256.digest(of: form.identities)),
      ]
    ).map { row in row.bigint() }
    guard !isDuplicate else { return .duplicate }
    guard let position = positions.first ?? nil else { throw .unexpected("a journaled letter has no position") }
    return .journaled(position)
  }

  private func isDuplicate(_ identity: Digest128, _ letter: Letter) throws(PostgresError) -> Bool {
    let place = letter.content.letter
    let (from, to) = (place.offset - DuplicateWindow.span, place.offset + DuplicateWindow.span)
    let columns = try connection.query(
      Self.identities,
      [
        .text(place.topic), .int(place.partition), .int(letter.incarnation), .bigint(from), .bigint(to),
      ]
    ).map { row in row.bytea() ?? [] }
    for column in columns {
      let found: [(offset: Int64, digest: Digest128)]
      do throws(BatchFormError) {
        found = try IdentityColumn.digests(of: column, key: identityKey)
      } catch {
        throw .unexpected("identities of the journal cannot be read: \(error)")
      }
      if found.contains(where: { $0.digest == identity && (from...to).contains($0.offset) }) { return true }
    }
    return false
  }

  /// Before which offset identities are gone; nil where none are.
  private func droppedOffset(_ letter: Letter) throws(PostgresError) -> Int64? {
    let place = letter.content.letter
    return try connection.query(
      Self.dropped, [.text(place.topic), .int(place.partition), .int(letter.incarnation)]
    ).map { row in row.bigint() }.first ?? nil
  }

  /// The record as it came, read as ingest reads it.
  private func decode(
    _ content: DeadLetterContent, now: Timestamp, into batch: inout EventBatch
  ) throws(Refusal) -> DecodedEvent {
    // One block, so that all of it stays where it is during the call.
    var block = content.value ?? []
    var ranges: [(name: Range<Int>, value: Range<Int>?)] = []
    for header in content.headers {
      let name = block.count..<block.count + header.name.count
      block += header.name
      let value = header.value.map { block.count..<block.count + $0.count }
      block += header.value ?? []
      ranges.append((name, value))
    }
    // An empty value has an address too.
    block.append(0)
    let valueCount = content.value?.count
    return try block.withUnsafeBufferPointer { block throws(Refusal) in
      let bytes = UnsafeRawBufferPointer(block)
      let record = RecordContent(
        value: valueCount.map { UnsafeRawBufferPointer(rebasing: bytes[0..<$0]) },
        headers: ranges.map { range in
          (
            UnsafeRawBufferPointer(rebasing: bytes[range.name]),
            range.value.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) }
          )
        }, offset: content.letter.offset)
      return try decoder.decode(record, now: now, into: &batch)
    }
  }
}
