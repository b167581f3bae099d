import Engine
package import Postgres
import Projections

/// What `status` asks the database. Rights of `pleat_writer` or `pleat_operator` are enough.
package enum StatusQueries {
  /// `stopped` where nobody holds the lease, and nothing else keeps it from being read.
  private static let partitions = """
    SELECT p.topic, p.partition, p.next_offset, p.end_offset,
      CASE WHEN l.until > clock_timestamp() THEN l.owner END,
      CASE WHEN p.state <> 'running' OR l.until > clock_timestamp() THEN p.state ELSE 'stopped' END, p.reason,
      p.duplicates, p.dead_letters
    FROM pleat.partitions p
    LEFT JOIN pleat.leases l ON l.resource = 'partition/' || p.topic || '/' || p.partition
    ORDER BY p.topic, p.partition
    """

  /// `stopped` where nobody holds the lease, whatever the row says.
  private static let projections = """
    SELECT c.projection, c.generation, c.position, c.greatest_time - interval '5 minutes',
      greatest(h.position - c.position, 0),
      CASE
        WHEN c.greatest_time IS NOT NULL THEN greatest(extract(epoch FROM h.greatest_time - c.greatest_time), 0)
      END::float8, c.updated_at,
      CASE WHEN c.state = 'failed' OR l.until > clock_timestamp() THEN c.state ELSE 'stopped' END, c.reason,
      c.fold_version = 0
    FROM pleat.live_generations g
    JOIN pleat.projection_cursors c USING (projection, generation)
    CROSS JOIN pleat.journal_head h
    LEFT JOIN pleat.leases l ON l.resource = 'projection/' || c.projection
    ORDER BY c.projection
    """

  /// Nothing waits for the relay while ingest has not reached the ends of the first start.
  private static let relay = """
    SELECT CASE WHEN l.until > clock_timestamp() THEN r.state ELSE 'stopped' END, r.delivery,
      (SELECT coalesce(sum(w.waiting), 0)::bigint
       FROM pleat.live_generations g
       LEFT JOIN pleat.relay_places p USING (projection)
       CROSS JOIN LATERAL (
         SELECT count(*) AS waiting FROM pleat.outbox o
         WHERE o.projection = g.projection AND o.position > i.live_from
           AND (o.position, o.ordinal) > (coalesce(p.position, 0), coalesce(p.ordinal, -1))) w),
      r.reason
    FROM pleat.relay_cursor r
    CROSS JOIN pleat.installation i
    LEFT JOIN pleat.leases l ON l.resource = 'relay'
    """

  /// What `pleat.settle_live_from` waits for.
  private static let awaitedEnds = """
    SELECT f.topic, f.partition, f.end_offset
    FROM pleat.first_ends f
    JOIN pleat.installation i ON i.publish = 'live' AND i.live_from IS NULL
    LEFT JOIN pleat.partitions p USING (topic, partition)
    WHERE f.end_offset > 0 AND NOT coalesce(p.next_offset >= f.end_offset OR p.incarnation > 0, false)
    """

  /// Asked last: what the cursors say is in it.
  private static let head = """
    SELECT position, greatest_time - interval '5 minutes' FROM pleat.journal_head
    """

  /// Of the newest segments, those of the last minute: their events, and for how many seconds these segments reach back.
  private static let rate = """
    SELECT coalesce(sum(s.event_count) FILTER (WHERE s.age < 60), 0)::float8,
      CASE WHEN count(*) < 5000 THEN 60 ELSE least(greatest(max(s.age), 1), 60) END::float8
    FROM (SELECT event_count, extract(epoch FROM clock_timestamp() - appended_at) AS age
          FROM pleat.journal ORDER BY first_position DESC LIMIT 5000) s
    """

  /// As many as PostgreSQL says of `max_locks_per_transaction`.
  private static let tables = """
    SELECT (SELECT count(*) FROM pleat.journal_tables),
      current_setting('max_locks_per_transaction')::bigint
        * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint)
    """

  /// Nothing of Pleat holds one for longer than a minute.
  private static let snapshots = "SELECT pid, login, application, seconds FROM pleat.old_snapshots(60) LIMIT 5"

  package static func read(_ connection: Connection) throws(PostgresError) -> DatabaseStatus {
    var status = try readPlaces(connection)
    status.oldSnapshots = try connection.query(snapshots).map { row in
      DatabaseStatus.Snapshot(
        pid: row.int(), login: row.text() ?? "", application: row.text() ?? "", seconds: row.double() ?? 0)
    }
    let awaited = try connection.query(awaitedEnds).map { row in
      (TopicPartition(row.text() ?? "", row.int() ?? 0), row.bigint() ?? 0)
    }
    status.awaitedEnds = Dictionary(uniqueKeysWithValues: awaited)
    status.eventsPerSecond =
      try connection.query(rate).map { row in (row.double() ?? 0) / (row.double() ?? 1) }.first ?? 0
    status.journalTables =
      try connection.query(tables).map { row in (row.bigint() ?? 0, row.bigint() ?? .max) }.first ?? (0, .max)
    return status
  }

  /// All but what takes longer than the rest: for who asks again and again.
  static func readPlaces(_ connection: Connection) throws(PostgresError) -> DatabaseStatus {
    let partitions = try connection.query(partitions).map { row in
      DatabaseStatus.Partition(
        partition: TopicPartition(row.text() ?? "", row.int() ?? 0), position: row.bigint() ?? 0,
        endOffset: row.bigint(),
        owner: row.text(), state: row.text() ?? "", reason: row.text(), duplicates: row.bigint() ?? 0,
        deadLetters: row.bigint() ?? 0)
    }
    let relay = try connection.query(relay).map { row in
      DatabaseStatus.Relay(
        state: row.text() ?? "", delivery: row.text() ?? "", behind: row.bigint() ?? 0, reason: row.text())
    }
    let head = try connection.query(head).map { row in (position: row.bigint() ?? 0, watermark: row.timestamptz()) }
    let projections = try connection.query(projections).map { row in
      DatabaseStatus.Projection(
        name: row.text() ?? "", generation: row.int() ?? 0, position: row.bigint() ?? 0, watermark: row.timestamptz(),
        behindPositions: row.bigint() ?? 0, behindSeconds: row.double(), updatedAt: row.timestamptz(),
        state: row.text() ?? "", reason: row.text(), isRetired: row.bool() ?? false)
    }
    guard let head = head.first, let relay = relay.first else {
      throw .unexpected("the database has no journal or no relay: it was not migrated to its end")
    }
    return DatabaseStatus(
      journalPosition: head.position, watermark: head.watermark, partitions: partitions, projections: projections,
      relay: relay)
  }
}
