package import Engine
import Events
import Projections

/// What is wrong with a segment of the journal.
package struct SegmentDifference: Hashable, Sendable {
  /// Of the segment.
  package var position: Int64
  /// `first_position`, `payload`, `identities`, `greatest_so_far`, `appended_at`, `chain`, `erased_segments`.
  package var column: String
  package var expected: String
  package var found: String
}

/// Computes the journal's chain again, some hundred segments at a time: positions without a gap, digests of what stands there,
/// each segment's chain value, and at the end the head's. Of a segment that an erasure has rewritten the chain holds the digests
/// of before, and what stands there must have those that an erasure's event, which is chained itself, lists last. While an erasure
/// is open its event is still to come: such segments are counted.
package final class JournalChain {
  private static let pageRows: Int32 = 200
  /// How often it goes on to where the journal ends by then, for the events of erasures that ended meanwhile.
  private static let extensions = 100

  private static let beginning = "SELECT first_position, chain, greatest_time FROM pleat.journal_start"
  private static let head = "SELECT position, chain FROM pleat.journal_head"
  private static let page = """
    SELECT j.first_position, j.event_count, j.greatest_time, j.greatest_so_far, j.appended_at, j.chain,
      j.payload_digest, sha256(j.payload), j.identities_digest, sha256(j.identities),
      e.first_position IS NULL OR (e.payload_digest, e.identities_digest) = (j.payload_digest, j.identities_digest),
      pleat.chain_value(
        j.previous, j.first_position, j.event_count, j.topic, j.partition, j.incarnation, j.first_offset, j.next_offset,
        j.least_time, j.greatest_time, j.greatest_so_far, j.appended_at,
        coalesce(e.chained_payload_digest, j.payload_digest),
        coalesce(e.chained_identities_digest, j.identities_digest)),
      e.first_position IS NOT NULL, j.topic = ''
    FROM (
      SELECT s.*, lag(s.chain, 1, $2) OVER (ORDER BY s.first_position) AS previous
      FROM (SELECT * FROM pleat.journal WHERE first_position >= $1 ORDER BY first_position LIMIT $3) s) j
    LEFT JOIN pleat.erased_segments e ON e.first_position = j.first_position
    ORDER BY j.first_position
    """

  /// What stands in rewritten segments by now, and whether an erasure that has rewritten them is open.
  private static let rewrittenNow = """
    SELECT j.first_position, sha256(j.payload), sha256(j.identities), EXISTS (
        SELECT FROM pleat.erasure_segments s JOIN pleat.erasures a ON a.id = s.erasure
        WHERE s.first_position = j.first_position AND a.position IS NULL)
    FROM pleat.journal j WHERE j.first_position = ANY ($1) ORDER BY j.first_position
    """

  /// A rewritten segment: the digests of what stands there, and those that the last erasure's event behind it lists.
  private struct Rewritten {
    var found: ErasedSegment
    var listed: ErasedSegment?
    var isRight: Bool { found == listed }
  }

  private let connection: StoreConnection
  private var next: Int64 = 1
  private var chain: [UInt8] = []
  private var greatest: Timestamp?
  private var appendedAt: Timestamp?

  /// Where the journal begins: 1, unless retention has dropped what was before.
  package private(set) var firstPosition: Int64 = 1
  /// Where it ended when the check began.
  package private(set) var end: Int64 = 0
  private var endChain: [UInt8] = []
  private var rewritten: [Int64: Rewritten] = [:]
  private var extensionsLeft = extensions
  private var isSettled = false
  /// Segments that an erasure has rewritten whose event is not there yet.
  package private(set) var openSegments: Int64 = 0
  package private(set) var segmentCount: Int64 = 0
  /// What is checked so far.
  package var position: Int64 { next - 1 }

  package init(_ target: ConnectionTarget) throws(StoreError) {
    connection = StoreConnection(target, onNotice: { _ in })
    try readEnd()
    try begin()
  }

  private func readEnd() throws(StoreError) {
    for (position, value) in try connection.query(Self.head).map({ ($0.bigint() ?? 0, $0.bytea() ?? []) }) {
      (end, endChain) = (position, value)
    }
  }

  private func begin() throws(StoreError) {
    try connection.query(Self.beginning).eachRow { row in
      firstPosition = row.bigint() ?? 1
      chain = row.bytea() ?? []
      greatest = row.timestamptz()
    }
    next = firstPosition
    (appendedAt, segmentCount, rewritten) = (nil, 0, [:])
  }

  package var isDone: Bool { next > end && isSettled }

  /// Checks some hundred segments more; returns what is wrong with the first that is not right.
  package func step() throws(StoreError) -> SegmentDifference? {
    if next > end { return isSettled ? nil : try settle() }
    let result = try connection.query(
      Self.page, [.bigint(next), .bytea(chain), .int(Self.pageRows)], seconds: Connection.longReplySeconds)
    var difference: SegmentDifference?
    if result.rowCount == 0 {
      difference = SegmentDifference(
        position: next, column: "first_position", expected: "a segment at position \(next)", found: "none")
    }
    var erasures: [Int64] = []
    result.eachRow { row in
      if difference == nil, next <= end { difference = check(&row, &erasures) }
    }
    if let difference {
      // Retention moves the beginning: what is gone since proves nothing, what is left is checked anew.
      let known = firstPosition
      guard difference.column == "first_position" else { return difference }
      let beginnings = try connection.query(Self.beginning).map { $0.bigint() ?? 1 }
      guard let beginning = beginnings.first, beginning > known else { return difference }
      try begin()
      return nil
    }
    try readLists(erasures)
    return nil
  }

  /// Takes in what the erasures' events at these positions list.
  private func readLists(_ positions: [Int64]) throws(StoreError) {
    for position in positions {
      let batches = try connection.query(
        "SELECT payload, identities FROM pleat.journal WHERE first_position = $1", [.bigint(position)]
      ).map { ($0.bytea() ?? [], $0.bytea() ?? []) }
      for (payload, identities) in batches {
        let batch: EventBatch
        do {
          batch = try EventBatch(payload: payload, identities: identities)
        } catch {
          throw .refused("the segment at \(position) cannot be read: \(error)")
        }
        for segment in ErasedSegment.listed(in: batch) { rewritten[segment.firstPosition]?.listed = segment }
      }
    }
  }

  /// Once everything is read: whether what stands in rewritten segments is what was listed. It may have changed meanwhile, and an
  /// erasure's event may have come behind the end.
  private func settle() throws(StoreError) -> SegmentDifference? {
    var wrong: [Int64] = []
    var positions = ArrayBuilder(.bigint)
    for (position, segment) in rewritten where !segment.isRight {
      positions.append(bigint: position)
    }
    openSegments = 0
    try connection.query(Self.rewrittenNow, [.array(positions)]).eachRow { row in
      let found = ErasedSegment(
        firstPosition: row.bigint() ?? 0, payloadDigest: row.bytea() ?? [], identitiesDigest: row.bytea() ?? [])
      let isOpen = row.bool() ?? false
      rewritten[found.firstPosition]?.found = found
      if rewritten[found.firstPosition]?.isRight == true { return }
      if isOpen { openSegments += 1 } else { wrong.append(found.firstPosition) }
    }
    if let position = wrong.first {
      let known = end
      try readEnd()
      if end > known, extensionsLeft > 0 {
        extensionsLeft -= 1
        return nil
      }
      let segment = rewritten[position]
      return SegmentDifference(
        position: position, column: "erased_segments",
        expected: segment?.listed.map {
          "payload \(Hexadecimal.text($0.payloadDigest)), as its erasure's event lists it"
        }
          ?? "an erasure's event that lists it",
        found: "payload \(Hexadecimal.text(segment?.found.payloadDigest ?? []))")
    }
    isSettled = true
    return nil
  }

  /// Appends to `erasures` where it is an erasure's.
  private func check(_ row: inout RowReader, _ erasures: inout [Int64]) -> SegmentDifference? {
    let position = row.bigint() ?? 0
    let count = row.int() ?? 0
    func difference(_ column: String, _ expected: String, _ found: String) -> SegmentDifference? {
      expected == found ? nil : SegmentDifference(position: position, column: column, expected: expected, found: found)
    }
    func text(_ time: Timestamp?) -> String { time?.rfc3339 ?? "" }
    func text(_ bytes: [UInt8]?) -> String { Hexadecimal.text(bytes ?? []) }
    if let found = difference("first_position", "\(next)", "\(position)") { return found }
    let greatestTime = row.timestamptz()
    let greatestSoFar = row.timestamptz()
    let appended = row.timestamptz()
    let stored = row.bytea() ?? []
    let payloadDigest = row.bytea()
    let payload = row.bytea()
    let identitiesDigest = row.bytea()
    let identities = row.bytea()
    let isListed = row.bool() ?? false
    let computed = row.bytea() ?? []
    let isRewritten = row.bool() ?? false
    let isErasure = row.bool() ?? false
    if let found = difference("payload", text(payloadDigest), text(payload)) { return found }
    if let found = difference("identities", text(identitiesDigest), text(identities)) {
      return found
    }
    if !isListed {
      return SegmentDifference(
        position: position, column: "erased_segments", expected: "the digests of what stands there", found: "others")
    }
    greatest = [greatest, greatestTime].compactMap { $0 }.max()
    if let found = difference("greatest_so_far", text(greatest), text(greatestSoFar)) { return found }
    if let appendedAt, let appended, appended < appendedAt {
      return SegmentDifference(
        position: position, column: "appended_at", expected: "not before \(text(appendedAt))", found: text(appended))
    }
    appendedAt = appended
    if let found = difference("chain", text(computed), text(stored)) { return found }
    if isRewritten {
      rewritten[position] = Rewritten(
        found: ErasedSegment(
          firstPosition: position, payloadDigest: payload ?? [], identitiesDigest: identities ?? []))
    } else if isErasure {
      // A list that was rewritten itself would prove nothing.
      erasures.append(position)
    }
    segmentCount += 1
    next = position + Int64(count)
    chain = stored
    if next > end {
      guard next - 1 == end, endChain == stored else {
        return SegmentDifference(
          position: position, column: "chain",
          expected: "\(Hexadecimal.text(endChain)) at position \(end), as the journal's head says",
          found: "\(Hexadecimal.text(stored)) at position \(next - 1)")
      }
    }
    return nil
  }
}
