package import Engine
package import Events
import Projections

/// Ingest's side of the journal: `pleat.partitions`, `pleat.journal` and `pleat.append`.
package final class PostgresJournalStore: JournalStore {
  private let store: StoreConnection
  /// Encodes and appends.
  private let job: BackgroundJob<[AppendedSegment]>

  package init(_ target: ConnectionTarget, onNotice: @escaping (String) -> Void = { _ in }) {
    store = StoreConnection(target, onNotice: onNotice)
    job = BackgroundJob(over: store)
  }

  package func hashKey() throws(StoreError) -> HashKey {
    try store.use { (connection) throws(PostgresError) in try connection.installationKey() }
  }

  package func isInitialized() throws(StoreError) -> Bool {
    try store.query("SELECT publish IS NOT NULL FROM pleat.installation").map { $0.bool() ?? false }.first ?? false
  }

  package func initialize(publishAll: Bool, ends: [(TopicPartition, Int64)]) throws(StoreError) {
    var topics = ArrayBuilder(.text)
    var partitions = ArrayBuilder(.integer)
    var offsets = ArrayBuilder(.bigint)
    for (partition, end) in ends {
      topics.append(text: partition.topic)
      partitions.append(int: partition.partition)
      offsets.append(bigint: end)
    }
    _ = try store.query(
      "SELECT pleat.initialize($1, $2, $3, $4)",
      [.text(publishAll ? "all" : "live"), .array(topics), .array(partitions), .array(offsets)])
  }

  package func cursor(_ partition: TopicPartition) throws(StoreError) -> PartitionCursor? {
    try store.query(
      """
      SELECT epoch, incarnation, next_offset, state, reason, cluster_id, journaled_offset, journaled_digest,
             checked_offset, checked_digest, bad_records,
             (SELECT f.end_offset FROM pleat.first_ends f
              WHERE f.topic = p.topic AND f.partition = p.partition AND p.incarnation = 0)
      FROM pleat.partitions p WHERE topic = $1 AND partition = $2
      """, [.text(partition.topic), .int(partition.partition)]
    ).map { Self.cursor(of: partition, &$0) }.first
  }

  package func takeOver(
    _ partition: TopicPartition, instance: InstanceID, firstOffset: Int64, clusterID: String
  ) throws(StoreError) -> PartitionCursor {
    let cursors = try store.queryEndingBlockers(
      """
      SELECT epoch, incarnation, next_offset, state, reason, cluster_id, journaled_offset, journaled_digest,
             checked_offset, checked_digest, bad_records,
             (SELECT f.end_offset FROM pleat.first_ends f
              WHERE f.topic = p.topic AND f.partition = p.partition AND p.incarnation = 0)
      FROM pleat.take_over_partition($1, $2, $3, $4, $5, $6) p
      """,
      [
        .text(partition.topic), .int(partition.partition), .text(instance.name), .bigint(instance.start),
        .bigint(firstOffset), .text(clusterID),
      ]
    ).map { Self.cursor(of: partition, &$0) }
    guard let cursor = cursors.first else { throw .refused("a takeover of \(partition) has no cursor") }
    return cursor
  }

  private static func cursor(of partition: TopicPartition, _ row: inout RowReader) -> PartitionCursor {
    func fingerprint(_ row: inout RowReader) -> RecordFingerprint? {
      let offset = row.bigint()
      let digest = row.bytea().flatMap { Digest128(bytes: $0) }
      guard let offset, let digest else { return nil }
      return RecordFingerprint(offset: offset, digest: digest)
    }
    let epoch = row.bigint() ?? 0
    let incarnation = row.int() ?? 0
    let nextOffset = row.bigint() ?? 0
    let state = PartitionState(rawValue: row.text() ?? "")
    let reason = row.text()
    let clusterID = row.text()
    let journaled = fingerprint(&row)
    let checked = fingerprint(&row)
    let badRecords = row.bytea() ?? []
    return PartitionCursor(
      partition: partition, epoch: epoch, incarnation: incarnation, nextOffset: nextOffset, state: state ?? .alarm,
      reason: reason, clusterID: clusterID, journaled: journaled, checked: checked, badRecords: badRecords,
      firstEnd: row.bigint())
  }

  package func identities(_ partition: TopicPartition, incarnation: Int32, from offset: Int64) throws(StoreError)
    -> [[UInt8]]
  {
    try store.query(
      """
      SELECT identities FROM pleat.journal
      WHERE topic = $1 AND partition = $2 AND incarnation = $3 AND next_offset > $4
      UNION ALL
      SELECT identities FROM pleat.kept_identities
      WHERE topic = $1 AND partition = $2 AND incarnation = $3 AND next_offset > $4
      """, [.text(partition.topic), .int(partition.partition), .int(incarnation), .bigint(offset)]
    ).map { $0.bytea() ?? [] }
  }

  package func startAppend(_ flush: @escaping () -> JournalFlush) throws(StoreError) {
    job.start { [self] () throws(StoreError) in try append(flush()) }
  }

  package func appendIsDone() -> Bool { !job.isUnderWay || job.isDone }

  package func finishAppend() throws(StoreError) -> [AppendedSegment] { try job.finish() }

  private func append(_ flush: JournalFlush) throws(StoreError) -> [AppendedSegment] {
    let segments = try store.query(AppendParameters.statement, AppendParameters(flush).values).map { row in
      AppendedSegment(
        firstPosition: row.bigint() ?? 0, previousChain: row.bytea() ?? [], chain: row.bytea() ?? [])
    }
    guard segments.count == flush.segments.count else {
      throw .refused("\(segments.count) of \(flush.segments.count) segments were appended")
    }
    return segments
  }

  package func note(
    _ partition: TopicPartition, epoch: Int64, state: PartitionState, reason: String?, clusterID: String?,
    checked: RecordFingerprint?
  ) throws(StoreError) {
    _ = try store.query(
      "SELECT pleat.note_partition($1, $2, $3, $4, $5, $6, $7, $8)",
      [
        .text(partition.topic), .int(partition.partition), .bigint(epoch), .text(state.rawValue), .text(reason),
        .text(clusterID), .bigint(checked?.offset), .bytea(checked?.digest.bytes),
      ])
  }

  package func note(end: Int64, of partition: TopicPartition, epoch: Int64) throws(StoreError) {
    _ = try store.query(
      "SELECT pleat.note_end($1, $2, $3, $4)",
      [.text(partition.topic), .int(partition.partition), .bigint(epoch), .bigint(end)])
  }

  /// An append under way ends with its connection, and its outcome is nobody's.
  package func reset() { if job.isUnderWay { job.settle() } else { store.reset() } }
}
