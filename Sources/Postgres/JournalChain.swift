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
/// of before, and what stands there has those that the erasure has listed.
package final class JournalChain {
  private static let pageRows: Int32 = 200

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
        coalesce(e.chained_identities_digest, j.identities_digest))
    FROM (
      SELECT s.*, lag(s.chain, 1, $2) OVER (ORDER BY s.first_position) AS previous
      FROM (SELECT * FROM pleat.journal WHERE first_position >= $1 ORDER BY first_position LIMIT $3) s) j
    LEFT JOIN pleat.erased_segments e ON e.first_position = j.first_position
    ORDER BY j.first_position
    """

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
  package private(set) var segmentCount: Int64 = 0
  /// What is checked so far.
  package var position: Int64 { next - 1 }

  package init(_ target: ConnectionTarget) throws(StoreError) {
    connection = StoreConnection(target, onNotice: { _ in })
    for (position, value) in try connection.query(Self.head).map({ ($0.bigint() ?? 0, $0.bytea() ?? []) }) {
      (end, endChain) = (position, value)
    }
    try connection.query(Self.beginning).eachRow { row in
      firstPosition = row.bigint() ?? 1
      chain = row.bytea() ?? []
      greatest = row.timestamptz()
    }
    next = firstPosition
  }

  package var isDone: Bool { next > end }

  /// Checks some hundred segments more; returns what is wrong with the first that is not right.
  package func step() throws(StoreError) -> SegmentDifference? {
    guard !isDone else { return nil }
    let result = try connection.query(
      Self.page, [.bigint(next), .bytea(chain), .int(Self.pageRows)], seconds: Connection.longReplySeconds)
    if result.rowCount == 0 {
      return SegmentDifference(
        position: next, column: "first_position", expected: "a segment at position \(next)", found: "none")
    }
    var difference: SegmentDifference?
    result.eachRow { row in
      if difference == nil, !isDone { difference = check(&row) }
    }
    return difference
  }

  private func check(_ row: inout RowReader) -> SegmentDifference? {
    let position = row.bigint() ?? 0
    let count = row.int() ?? 0
    func difference(_ column: String, _ expected: String, _ found: String) -> SegmentDifference? {
      expected == found ? nil : SegmentDifference(position: position, column: column, expected: expected, found: found)
    }
    func hex(_ bytes: [UInt8]?) -> String {
      (bytes ?? []).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    func text(_ time: Timestamp?) -> String {
      var bytes: [UInt8] = []
      time?.appendText(to: &bytes)
      return String(decoding: bytes, as: UTF8.self)
    }
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
    if let found = difference("payload", hex(payloadDigest), hex(payload)) { return found }
    if let found = difference("identities", hex(identitiesDigest), hex(identities)) { return found }
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
    if let found = difference("chain", hex(computed), hex(stored)) { return found }
    segmentCount += 1
    next = position + Int64(count)
    chain = stored
    if next > end, next - 1 == end || next - 1 > end {
      guard next - 1 == end, endChain == stored else {
        return SegmentDifference(
          position: position, column: "chain",
          expected: "\(hex(endChain)) at position \(end), as the journal's head says",
          found: "\(hex(stored)) at position \(next - 1)")
      }
    }
    return nil
  }
}
