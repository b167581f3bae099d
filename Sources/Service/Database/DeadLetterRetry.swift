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
  }

  private static let more = "SELECT incarnation, erased_at IS NOT NULL FROM pleat.dead_letters WHERE id = $1"
  private static let begin = "SELECT pleat.begin_retry($1, $2)"
  private static let nextOffset = "SELECT next_offset FROM pleat.partitions WHERE topic = $1 AND partition = $2"
  /// Whether ingest has appended since; or nothing more is known to be there, and nobody has just taken the partition over, who would
  /// have yet to append; or it stands still, or nobody reads it.
  private static let hadTurn = """
    SELECT p.next_offset <> $4 OR p.state <> 'running'
      OR p.next_offset >= p.end_offset AND (p.epoch = $3 OR p.updated_at < clock_timestamp() - interval '300 milliseconds')
      OR NOT EXISTS (SELECT FROM pleat.leases l WHERE l.resource = $5 AND l.until > clock_timestamp())
    FROM pleat.partitions p WHERE p.topic = $1 AND p.partition = $2
    """
  private static let prepare = """
    CREATE TEMPORARY TABLE IF NOT EXISTS retried (
      place integer, letter bigint, epoch bigint, is_duplicate boolean, least_time timestamptz, payload bytea,
      payload_digest bytea, identities bytea, identities_digest bytea);
    CREATE TEMPORARY TABLE IF NOT EXISTS retried_at (place integer, at_position bigint);
    TRUNCATE pg_temp.retried, pg_temp.retried_at
    """
  private static let stage = "INSERT INTO pg_temp.retried VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
  /// Sent as one message: from the first letter on the journal's head is locked, and no client may be waited for then.
  private static let finishAndCommit = """
    INSERT INTO pg_temp.retried_at
    SELECT r.place, pleat.finish_retry(
      r.letter, r.epoch, r.is_duplicate, r.least_time, r.payload, r.payload_digest, r.identities, r.identities_digest)
    FROM (SELECT * FROM pg_temp.retried ORDER BY place) r;
    COMMIT
    """
  private static let found = "SELECT place, at_position FROM pg_temp.retried_at"
  private static let identities = """
    SELECT identities FROM pleat.journal
    WHERE topic = $1 AND partition = $2 AND incarnation = $3 AND next_offset > $4 AND first_offset <= $5
    UNION ALL
    SELECT identities FROM pleat.kept_identities
    WHERE topic = $1 AND partition = $2 AND incarnation = $3 AND next_offset > $4 AND first_offset <= $5
    """
  private static let dropped =
    "SELECT next_offset FROM pleat.dropped_offsets WHERE topic = $1 AND partition = $2 AND incarnation = $3"
  private static let now = "SELECT clock_timestamp()"

  /// How often it is tried against others.
  private static let attempts = 50
  private static let pauseNanoseconds: Int64 = 20_000_000
  /// Letters in one transaction. An instance that reads the partition then loses what it has not appended, and takes over again
  /// all that it reads; every append waits while the letters are journaled.
  private static let pageLetters = 50
  /// Before a partition's next page ingest is waited for, so long at most.
  private static let turnNanoseconds: Int64 = 2_000_000_000
  private static let turnPollNanoseconds: Int64 = 50_000_000

  private let connection: Connection
  private let identityKey: HashKey
  private let decoder: EventDecoder
  private let pause = Waker()
  /// Where ingest was when letters of a partition were last journaled, and the epoch that this raised it to.
  private var begun: [TopicPartition: Begun] = [:]

  private struct Begun {
    var epoch: Int64
    var nextOffset: Int64
  }

  package init(_ connection: Connection) throws(CommandFailure) {
    self.connection = connection
    do throws(PostgresError) {
      identityKey = Engine.identityKey(of: try connection.installationKey())
      decoder = EventDecoder(identityKey: identityKey)
    } catch {
      throw CommandFailure(error)
    }
  }

  /// Tells of each letter what became of it, in the order of the ids.
  package func retry(
    _ ids: [Int64], _ body: (Int64, Outcome) throws(CommandFailure) -> Void
  ) throws(CommandFailure) {
    for start in stride(from: 0, to: ids.count, by: Self.pageLetters) {
      let page = ids[start..<min(start + Self.pageLetters, ids.count)]
      var outcomes: [Outcome?] = []
      var good: [(place: Int, candidate: Candidate)] = []
      for id in page {
        switch try judge(id) {
        case .ended(let outcome): outcomes.append(outcome)
        case .good(let candidate):
          good.append((outcomes.count, candidate))
          outcomes.append(nil)
        }
      }
      do throws(PostgresError) { try letIngestAppend(Set(good.map(\.candidate.partition))) } catch {
        throw CommandFailure(error)
      }
      for group in Self.groups(good.map(\.candidate)) {
        let found: [Outcome]
        do throws(PostgresError) { found = try append(group.map { good[$0].candidate }) } catch {
          throw CommandFailure(error)
        }
        for (index, outcome) in zip(group, found) { outcomes[good[index].place] = outcome }
      }
      for (id, outcome) in zip(page, outcomes) { if let outcome { try body(id, outcome) } }
    }
  }

  // MARK: What it is now

  private struct Candidate {
    var letter: Letter
    var event: DecodedEvent
    var form: (payload: [UInt8], identities: [UInt8])
    var place: StoredDeadLetter { letter.content.letter }
    var partition: TopicPartition { TopicPartition(place.topic, place.partition) }
  }

  private enum Judged {
    case ended(Outcome)
    case good(Candidate)
  }

  private func judge(_ id: Int64) throws(CommandFailure) -> Judged {
    guard let content = try DeadLetters.show(connection, id: id) else { return .ended(.gone) }
    do throws(PostgresError) {
      let more = try connection.query(Self.more, [.bigint(id)]).map { row in (row.int() ?? 0, row.bool() ?? false) }
      guard let (incarnation, isErased) = more.first else { return .ended(.gone) }
      if isErased { return .ended(.erased) }
      let now = try connection.query(Self.now).map { row in row.timestamptz() }.first.flatMap { $0 }
      var batch = EventBatch()
      let event: DecodedEvent
      do throws(Refusal) {
        event = try decode(content, now: now ?? Timestamp(microseconds: 0), into: &batch)
      } catch {
        return .ended(.refused(reason: error.reason.name, path: error.path))
      }
      return .good(
        Candidate(letter: Letter(content: content, incarnation: incarnation), event: event, form: batch.encoded()))
    } catch {
      throw CommandFailure(error)
    }
  }

  /// Places of those that can be tried together: of one incarnation of a partition, as far apart as duplicates are looked for.
  private static func groups(_ candidates: [Candidate]) -> [[Int]] {
    var groups: [[Int]] = []
    for (index, candidate) in candidates.enumerated() {
      let place = candidate.place
      let fitting = groups.firstIndex { group in
        let first = candidates[group[0]]
        return first.place.topic == place.topic && first.place.partition == place.partition
          && first.letter.incarnation == candidate.letter.incarnation
          && abs(first.place.offset - place.offset) <= DuplicateWindow.span
      }
      if let fitting { groups[fitting].append(index) } else { groups.append([index]) }
    }
    return groups
  }

  // MARK: Ingest's turn

  /// Each page costs ingest what it has not appended: with page after page it would come to nothing.
  private func letIngestAppend(_ partitions: Set<TopicPartition>) throws(PostgresError) {
    let deadline = SystemClock.monotonicNanoseconds() + Self.turnNanoseconds
    for partition in partitions {
      guard let last = begun[partition] else { continue }
      while try !hadTurn(partition, since: last) {
        let now = SystemClock.monotonicNanoseconds()
        if now >= deadline { return }
        pause.wait(until: min(deadline, now + Self.turnPollNanoseconds))
      }
    }
  }

  private func hadTurn(_ partition: TopicPartition, since last: Begun) throws(PostgresError) -> Bool {
    try connection.query(
      Self.hadTurn,
      [
        .text(partition.topic), .int(partition.partition), .bigint(last.epoch), .bigint(last.nextOffset),
        .text(LeaseResource.partition(partition)),
      ]
    ).map { row in row.bool() ?? false }.first ?? true
  }

  // MARK: Into the journal

  private func append(_ group: [Candidate]) throws(PostgresError) -> [Outcome] {
    if group.count > 1, let outcomes = try appendTogether(group) { return outcomes }
    var outcomes: [Outcome] = []
    for candidate in group { outcomes.append(try appendAlone(candidate)) }
    return outcomes
  }

  private func appendAlone(_ candidate: Candidate) throws(PostgresError) -> Outcome {
    for _ in 1..<Self.attempts {
      if let outcome = try appendTogether([candidate])?.first { return outcome }
      let more = try connection.query(Self.more, [.bigint(candidate.place.id)]).map { row in
        (row.int() ?? 0, row.bool() ?? false)
      }
      guard let (_, isErased) = more.first else { return .gone }
      if isErased { return .erased }
      pause.wait(until: SystemClock.monotonicNanoseconds() + Self.pauseNanoseconds)
    }
    // The last time says why.
    return try appendInTransaction([candidate])[0]
  }

  /// nil where one of them cannot be, or not yet; nothing is written then.
  private func appendTogether(_ group: [Candidate]) throws(PostgresError) -> [Outcome]? {
    do throws(PostgresError) { return try appendInTransaction(group) } catch {
      guard case .server(let server) = error, server.sqlState == SQLState.lost else { throw error }
      return nil
    }
  }

  private func appendInTransaction(_ group: [Candidate]) throws(PostgresError) -> [Outcome] {
    try connection.execute(Self.prepare)
    try connection.execute("BEGIN")
    do throws(PostgresError) {
      let (outcomes, place) = try stageUnderEpoch(group)
      try connection.execute(Self.finishAndCommit)
      begun[group[0].partition] = place
      return try positions(of: outcomes)
    } catch {
      if case .server = error { try connection.execute("ROLLBACK") }
      throw error
    }
  }

  /// What becomes of each, nil for what will be journaled; and where ingest is.
  private func stageUnderEpoch(_ group: [Candidate]) throws(PostgresError) -> ([Outcome?], Begun) {
    let place = group[0].place
    let epochs = try connection.query(Self.begin, [.text(place.topic), .int(place.partition)]).map { row in row.bigint()
    }
    // From here on nobody moves it.
    let offsets = try connection.query(Self.nextOffset, [.text(place.topic), .int(place.partition)]).map { row in
      row.bigint()
    }
    guard let epoch = epochs.first ?? nil, let nextOffset = offsets.first ?? nil else {
      throw .unexpected("\(place.topic)/\(place.partition) is not read")
    }
    var known = try identities(around: group)
    // Asked last: what retention has dropped before the identities were read is known here.
    let dropped = try droppedOffset(group[0])
    var outcomes: [Outcome?] = []
    for candidate in group {
      let (event, offset) = (candidate.event, candidate.place.offset)
      if event.identity != nil, let dropped, dropped > offset - DuplicateWindow.span {
        outcomes.append(.unknowable)
        continue
      }
      let isDuplicate =
        event.identity.map { known[$0, default: []].contains { abs($0 - offset) <= DuplicateWindow.span } } ?? false
      _ = try connection.query(
        Self.stage,
        [
          .int(Int32(outcomes.count)), .bigint(candidate.place.id), .bigint(epoch), .bool(isDuplicate),
          .timestamptz(event.time), .bytea(candidate.form.payload),
          .bytea(SHA256.digest(of: candidate.form.payload)), .bytea(candidate.form.identities),
          .bytea(SHA256.digest(of: candidate.form.identities)),
        ])
      if !isDuplicate, let identity = event.identity { known[identity, default: []].append(offset) }
      outcomes.append(isDuplicate ? .duplicate : nil)
    }
    return (outcomes, Begun(epoch: epoch, nextOffset: nextOffset))
  }

  private func positions(of outcomes: [Outcome?]) throws(PostgresError) -> [Outcome] {
    let found = try connection.query(Self.found).map { row in (row.int() ?? -1, row.bigint()) }
    let positions = Dictionary(uniqueKeysWithValues: found)
    var all: [Outcome] = []
    for (index, outcome) in outcomes.enumerated() {
      if let outcome {
        all.append(outcome)
      } else if let position = positions[Int32(index)] ?? nil {
        all.append(.journaled(position))
      } else {
        throw .unexpected("a journaled letter has no position")
      }
    }
    return all
  }

  /// The offsets of what is journaled around some letters of a partition, by identity.
  private func identities(around group: [Candidate]) throws(PostgresError) -> [Digest128: [Int64]] {
    let place = group[0].place
    let offsets = group.map(\.place.offset)
    let from = (offsets.min() ?? 0) - DuplicateWindow.span
    let to = (offsets.max() ?? 0) + DuplicateWindow.span
    let columns = try connection.query(
      Self.identities,
      [
        .text(place.topic), .int(place.partition), .int(group[0].letter.incarnation), .bigint(from), .bigint(to),
      ]
    ).map { row in row.bytea() ?? [] }
    let wanted = Set(group.compactMap(\.event.identity))
    var known: [Digest128: [Int64]] = [:]
    for column in columns {
      do throws(BatchFormError) {
        for identity in try IdentityColumn.digests(of: column, key: identityKey) where wanted.contains(identity.digest)
        {
          known[identity.digest, default: []].append(identity.offset)
        }
      } catch {
        throw .unexpected("identities of the journal cannot be read: \(error)")
      }
    }
    return known
  }

  /// Before which offset identities are gone; nil where none are.
  private func droppedOffset(_ candidate: Candidate) throws(PostgresError) -> Int64? {
    let place = candidate.place
    return try connection.query(
      Self.dropped, [.text(place.topic), .int(place.partition), .int(candidate.letter.incarnation)]
    ).map { row in row.bigint() }.first ?? nil
  }

  // MARK: Reading

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
