package import Engine
package import Events
import Projections

/// Erasures in PostgreSQL: `pleat.erasures` and the functions of `0007_erasure.sql`.
package final class PostgresErasureStore: ErasureStore {
  private let store: StoreConnection

  package init(
    _ target: ConnectionTarget, profile: SessionProfile = .standard, onNotice: @escaping (String) -> Void = { _ in }
  ) {
    store = StoreConnection(target, profile: profile, onNotice: onNotice)
  }

  package func open() throws(StoreError) -> [OpenErasure] {
    var erasures = try store.query(
      """
      SELECT id::text, person, number, search_until, searched_to, letters_until, letters_to,
        busy_until > clock_timestamp(), busy_until > '-infinity', is_again
      FROM pleat.erasures WHERE position IS NULL ORDER BY number
      """
    ).map { row in
      var erasure = OpenErasure(
        id: row.text() ?? "", hash: hash(stored: row.bigint() ?? 0), number: row.bigint() ?? 0,
        searchUntil: row.bigint() ?? 0, searchedTo: row.bigint() ?? 0, lettersUntil: row.bigint() ?? 0,
        lettersTo: row.bigint() ?? 0, isBusy: row.bool() ?? false, ends: [])
      erasure.wasBusy = row.bool() ?? false
      erasure.isAgain = row.bool() ?? false
      return erasure
    }
    guard !erasures.isEmpty else { return [] }
    let places = Dictionary(uniqueKeysWithValues: erasures.enumerated().map { ($0.element.id, $0.offset) })
    try store.query(
      """
      SELECT n.erasure::text, n.topic, n.partition, n.incarnation, n.end_offset
      FROM pleat.erasure_ends n JOIN pleat.erasures e ON e.id = n.erasure
      WHERE e.position IS NULL ORDER BY n.erasure, n.topic, n.partition
      """
    ).eachRow { (row: inout RowReader) in
      guard let place = places[row.text() ?? ""] else { return }
      erasures[place].ends.append(
        ErasureRecord.End(
          partition: TopicPartition(row.text() ?? "", row.int() ?? 0), incarnation: row.int() ?? 0,
          offset: row.bigint() ?? 0))
    }
    return erasures
  }

  package func known(_ ids: [String]) throws(StoreError) -> Set<String> {
    if ids.isEmpty { return [] }
    return Set(
      try store.query(
        """
        SELECT k.id FROM unnest($1) k (id)
        WHERE EXISTS (SELECT FROM pleat.erasures e WHERE e.id::text = k.id OR k.id = ANY (e.also::text[]))
        """, [.texts(ids)]
      ).map { row in row.text() ?? "" })
  }

  package func begin(_ record: ErasureRecord, busySeconds: Int32) throws(StoreError) -> String {
    var topics = ArrayBuilder(.text)
    var partitions = ArrayBuilder(.integer)
    var incarnations = ArrayBuilder(.integer)
    var offsets = ArrayBuilder(.bigint)
    for end in record.ends {
      topics.append(text: end.partition.topic)
      partitions.append(int: end.partition.partition)
      incarnations.append(int: end.incarnation)
      offsets.append(bigint: end.offset)
    }
    var values: [SQLValue] = [
      .text(record.id), .bigint(storedHash(record.hash)), .timestamptz(record.requestedAt), .array(topics),
      .array(partitions), .array(incarnations), .array(offsets),
    ]
    var statement = "SELECT b.id::text FROM pleat.begin_erasure($1::text::uuid, $2, $3, $4, $5, $6, $7) b (id)"
    if busySeconds > 0 {
      // In the same statement: should whoever begins it die right then, others know that somebody has the id.
      statement += ", pleat.rewrite_segments(b.id, 0, $8, '{}', '{}', '{}', '{}', '{}', '{}')"
      values.append(.int(busySeconds))
    }
    let ids = try store.query(statement, values).map { row in row.text() }
    guard let id = ids.first ?? nil else { throw .refused("an erasure began without an id") }
    return id
  }

  package func segments(after position: Int64, limit: Int, bytes: Int) throws(StoreError) -> [ErasableSegment] {
    try store.query(
      """
      SELECT first_position, event_count, payload, payload_digest, identities
      FROM (
        SELECT next.*,
               sum(octet_length(payload) + octet_length(identities)) OVER (ORDER BY first_position)
                 - octet_length(payload) - octet_length(identities) AS bytes_before
        FROM (
          SELECT first_position, event_count, payload, payload_digest, identities FROM pleat.journal
          WHERE first_position > $1 ORDER BY first_position LIMIT \(limit)) next) counted
      WHERE bytes_before < $2
      ORDER BY first_position
      """, [.bigint(position), .bigint(Int64(max(bytes, 1)))]
    ).map { row in
      ErasableSegment(
        firstPosition: row.bigint() ?? 0, count: row.int() ?? 0, payload: row.bytea() ?? [],
        payloadDigest: row.bytea() ?? [], identities: row.bytea() ?? [])
    }
  }

  package func rewrite(
    _ erasure: String, searchedTo position: Int64, busySeconds: Int32,
    _ segments: [(old: ErasableSegment, payload: [UInt8], identities: [UInt8])]
  ) throws(StoreError) {
    var positions = ArrayBuilder(.bigint)
    var old = ArrayBuilder(.bytea)
    var payloads = ArrayBuilder(.bytea)
    var payloadDigests = ArrayBuilder(.bytea)
    var identities = ArrayBuilder(.bytea)
    var identitiesDigests = ArrayBuilder(.bytea)
    for segment in segments {
      positions.append(bigint: segment.old.firstPosition)
      old.append(bytea: segment.old.payloadDigest)
      payloads.append(bytea: segment.payload)
      payloadDigests.append(bytea: SHA256.digest(of: segment.payload))
      identities.append(bytea: segment.identities)
      identitiesDigests.append(bytea: SHA256.digest(of: segment.identities))
    }
    _ = try store.query(
      "SELECT pleat.rewrite_segments($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9)",
      [
        .text(erasure), .bigint(position), .int(busySeconds), .array(positions), .array(old), .array(payloads),
        .array(payloadDigests), .array(identities), .array(identitiesDigests),
      ])
  }

  package func letters(after id: Int64, limit: Int) throws(StoreError) -> [ErasableLetter] {
    try store.query(
      """
      SELECT id, path, key, value, array_remove(header_names || header_values, NULL)
      FROM pleat.dead_letters WHERE id > $1 ORDER BY id LIMIT $2
      """, [.bigint(id), .bigint(Int64(limit))]
    ).map { row in
      var letter = ErasableLetter(
        id: row.bigint() ?? 0, path: row.text(), key: row.bytea(), value: row.bytea(), headers: [])
      _ = row.eachElement { letter.headers.append(Array($0)) }
      return letter
    }
  }

  package func eraseLetters(
    _ erasure: String, searchedTo id: Int64, busySeconds: Int32, _ letters: [ErasedLetter]
  ) throws(StoreError) {
    var ids = ArrayBuilder(.bigint)
    var keyless = ArrayBuilder(.bigint)
    var pathless = ArrayBuilder(.bigint)
    for letter in letters {
      ids.append(bigint: letter.id)
      if letter.dropsKey { keyless.append(bigint: letter.id) }
      if letter.dropsPath { pathless.append(bigint: letter.id) }
    }
    _ = try store.query(
      "SELECT pleat.erase_letters($1::text::uuid, $2, $3, $4, $5, $6)",
      [.text(erasure), .bigint(id), .int(busySeconds), .array(ids), .array(keyless), .array(pathless)])
  }

  package func keptIdentities(after position: Int64, limit: Int) throws(StoreError)
    -> [(firstPosition: Int64, identities: [UInt8])]
  {
    try store.query(
      "SELECT first_position, identities FROM pleat.kept_identities WHERE first_position > $1 ORDER BY 1 LIMIT $2",
      [.bigint(position), .bigint(Int64(limit))]
    ).map { row in (row.bigint() ?? 0, row.bytea() ?? []) }
  }

  package func eraseKept(
    _ erasure: String, busySeconds: Int32, _ identities: [(firstPosition: Int64, identities: [UInt8])]
  ) throws(StoreError) {
    var positions = ArrayBuilder(.bigint)
    var columns = ArrayBuilder(.bytea)
    for kept in identities {
      positions.append(bigint: kept.firstPosition)
      columns.append(bytea: kept.identities)
    }
    _ = try store.query(
      "SELECT pleat.erase_kept_identities($1::text::uuid, $2, $3, $4)",
      [.text(erasure), .int(busySeconds), .array(positions), .array(columns)])
  }

  package func rewritten(_ erasure: String) throws(StoreError)
    -> [(firstPosition: Int64, payloadDigest: [UInt8], identitiesDigest: [UInt8])]
  {
    try store.query(
      """
      SELECT e.first_position, e.payload_digest, e.identities_digest
      FROM pleat.erasure_segments s JOIN pleat.erased_segments e USING (first_position)
      WHERE s.erasure = $1::text::uuid ORDER BY e.first_position
      """, [.text(erasure)]
    ).map { row in (row.bigint() ?? 0, row.bytea() ?? [], row.bytea() ?? []) }
  }

  package func lags(_ erasure: String) throws(StoreError) -> [ErasureLag] {
    try store.query(
      "SELECT topic, partition, at_offset, end_offset FROM pleat.erasure_ends_left($1::text::uuid)", [.text(erasure)]
    ).map { row in
      ErasureLag(
        partition: TopicPartition(row.text() ?? "", row.int() ?? 0), offset: row.bigint() ?? 0, end: row.bigint() ?? 0)
    }
  }

  package func reached() throws(StoreError) -> Set<String> {
    Set(
      try store.query(
        """
        SELECT e.id::text FROM pleat.erasures e
        WHERE e.position IS NULL AND NOT EXISTS (SELECT FROM pleat.erasure_ends_left(e.id))
        """
      ).map { row in row.text() ?? "" })
  }

  package func noteMet(_ erasure: String) throws(StoreError) {
    _ = try store.query("SELECT pleat.note_met($1::text::uuid)", [.text(erasure)])
  }

  package func head() throws(StoreError) -> (position: Int64, greatestTime: Timestamp?) {
    let heads = try store.query("SELECT position, greatest_time FROM pleat.journal_head").map { row in
      (position: row.bigint() ?? 0, greatestTime: row.timestamptz())
    }
    guard let head = heads.first else { throw .refused("the journal has no head") }
    return head
  }

  package func append(
    _ erasure: String, isRequester: Bool, listed: [UInt8], time: Timestamp, payload: [UInt8], identities: [UInt8]
  ) throws(StoreError) -> Int64 {
    let positions = try store.query(
      "SELECT pleat.append_erasure($1::text::uuid, $2, $3, $4, $5, $6, $7, $8)",
      [
        .text(erasure), .bool(isRequester), .bytea(listed), .timestamptz(time), .bytea(payload),
        .bytea(SHA256.digest(of: payload)), .bytea(identities), .bytea(SHA256.digest(of: identities)),
      ]
    ).map { row in row.bigint() }
    guard let position = positions.first ?? nil else { throw .refused("an erasure ended without a position") }
    return position
  }

  package func reset() { store.reset() }
}
