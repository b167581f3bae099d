package import Engine
import Events
package import Projections

/// A projection's tables, its cursor and its outbox in PostgreSQL.
///
/// What is written in the background is written by a thread of the store, which has the connection to itself until `finishFlush`.
package final class PostgresProjectionStore: ProjectionStore {
  /// Segments read at once, however small they are.
  private static let segmentLimit = 1000
  let projection: String
  let foldVersion: Int32
  let catalogVersion: Int32
  let store: StoreConnection
  /// For what is read while the background has the other connection.
  private let reader: StoreConnection
  private let job: BackgroundJob<Void>
  private var instance: InstanceID?
  /// A connection on which nothing is under way and no transaction open.
  var idle: StoreConnection { job.isUnderWay || isOpen ? reader : store }
  /// Of the transaction that is open, or of the last takeover.
  var generation: Int32 = 0
  /// Of the journal's table with these positions.
  private var journalFrom: (positions: Range<Int64>, from: Int64)?
  /// A transaction was begun and not committed; if its connection broke since, what is asked in it fails.
  var isOpen = false

  /// Called on the store's own thread when a flush in the background has ended. Set before the first one.
  package var onFlushDone: (@Sendable () -> Void)?

  package init(
    _ target: ConnectionTarget, projection: String, foldVersion: Int, catalogVersion: Int,
    onNotice: @escaping (String) -> Void = { _ in }
  ) {
    (self.projection, self.foldVersion, self.catalogVersion) = (projection, Int32(foldVersion), Int32(catalogVersion))
    store = StoreConnection(target, profile: .fold, onNotice: onNotice)
    job = BackgroundJob(over: store)
    reader = StoreConnection(target, profile: .fold, onNotice: onNotice)
  }

  // MARK: - Cursor and journal

  package func takeOver(instance: InstanceID) throws(StoreError) -> ProjectionCursor {
    settle()
    if isOpen { reset() }
    self.instance = instance
    let cursors = try store.queryEndingBlockers(
      """
      SELECT live_generation, new_epoch, at_position, at_chain, at_greatest_time, at_last_day_turn
      FROM pleat.take_over_projection($1, $2, $3, $4, $5)
      """,
      [.text(projection), .text(instance.name), .bigint(instance.start), .int(foldVersion), .int(catalogVersion)]
    ).map { Self.cursor(&$0) }
    guard let cursor = cursors.first else { throw .refused("a takeover of \(projection) has no cursor") }
    generation = cursor.generation
    return cursor
  }

  /// Where the segment that holds a position does not begin before: with it a plan knows nothing of the journal's older tables.
  private func journalFrom(_ position: Int64) throws(StoreError) -> Int64 {
    if let known = journalFrom, known.positions.contains(position) { return known.from }
    let rows = try idle.query(
      """
      SELECT pleat.journal_from($1), t.first_position, t.until_position FROM pleat.journal_tables t
      WHERE t.first_position <= $1 AND $1 < t.until_position
      """, [.bigint(position)]
    ).map { row in (from: row.bigint() ?? 1, first: row.bigint() ?? 0, until: row.bigint() ?? 0) }
    guard let row = rows.first else { return 1 }
    journalFrom = (row.first..<max(row.first, row.until), row.from)
    return row.from
  }

  package func segments(after position: Int64, bytes: Int) throws(StoreError) -> [StoredSegment] {
    // Where nothing is written for days, too.
    if !job.isUnderWay, !isOpen { try store.dropOldStages() }
    let from = try journalFrom(position)
    return try idle.query(
      """
      SELECT first_position, event_count, topic, partition, payload, identities, previous, chain
      FROM (
        SELECT next.*,
               sum(octet_length(payload) + octet_length(identities)) OVER (ORDER BY first_position)
                 - octet_length(payload) - octet_length(identities) AS bytes_before
        FROM (
          SELECT first_position, event_count, topic, partition, payload, identities,
                 lag(chain) OVER (ORDER BY first_position) AS previous, chain
          FROM pleat.journal
          WHERE first_position >= $3 AND first_position >= coalesce(
            (SELECT first_position FROM pleat.journal WHERE first_position <= $1 AND first_position >= $3
             ORDER BY first_position DESC LIMIT 1), 1)
          ORDER BY first_position LIMIT \(Self.segmentLimit)) next
        WHERE first_position + event_count > $1 + 1) counted
      WHERE bytes_before < $2
      ORDER BY first_position
      """, [.bigint(position), .bigint(Int64(max(bytes, 1))), .bigint(from)]
    ).map { row in
      StoredSegment(
        firstPosition: row.bigint() ?? 0, count: row.int() ?? 0,
        partition: TopicPartition(row.text() ?? "", row.int() ?? 0), payload: row.bytea() ?? [],
        identities: row.bytea() ?? [], previousChain: row.bytea(), chain: row.bytea() ?? [])
    }
  }

  package func load(_ statements: TableStatements, keys: KeyColumns, _ body: (inout RowReader) -> Void)
    throws(StoreError)
  {
    let result = try (job.isUnderWay ? reader : store).query(
      statements.load, [.int(generation)] + keys.arrays.map { SQLValue.array($0) })
    result.eachRow { (row: inout RowReader) in body(&row) }
  }

  package func noteState(_ state: ProjectionState, reason: String?) throws(StoreError) {
    guard let instance else { throw .lost("\(projection) was never taken over") }
    settle()
    _ = try store.query(
      "SELECT pleat.note_projection($1, $2, $3, $4, $5)",
      [.text(projection), .text(instance.name), .bigint(instance.start), .text(state.rawValue), .text(reason)])
  }

  package func reset() {
    settle()
    isOpen = false
    store.reset()
    reader.reset()
  }

  // MARK: - In the background

  package func startFlush(
    _ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState, _ changes: [TableChanges]
  ) throws(StoreError) {
    inBackground { [self] () throws(StoreError) in
      try begin(cursor, to: place, state: state)
      try write(changes)
      try commit()
    }
  }

  package func startWrite(_ changes: [TableChanges]) throws(StoreError) {
    inBackground { [self] () throws(StoreError) in try write(changes) }
  }

  private func inBackground(_ body: @escaping () throws(StoreError) -> Void) {
    job.start(
      { [self] () throws(StoreError) in
        do throws(StoreError) {
          try body()
        } catch {
          // Whatever it was, the transaction goes with its connection.
          isOpen = false
          store.reset()
          throw error
        }
      }, then: onFlushDone ?? {})
  }

  package func flushIsDone() -> Bool { job.isDone }

  package func finishFlush() throws(StoreError) { try job.finish() }

  /// Ends a flush that nobody waits for any more.
  func settle() { job.settle() }
}
