package import Engine
import Events
package import Projections

/// A generation in temporary tables of one session, for whoever folds the journal to look at what comes out: nothing that others
/// see is touched, PostgreSQL keeps on disk what memory does not hold, and the session's end leaves nothing.
///
/// The tables are made like the projection's own, with its indexes. There is one connection: what is read waits until what is written in
/// the background is there. When the connection breaks everything is gone, and the fold must begin again.
package final class TemporaryFoldStore: FoldStore {
  private let source: PostgresProjectionStore
  private let projection: String
  let connection: StoreConnection
  private var names = TemporaryNames([])
  private var mapped: [String: TableStatements] = [:]
  private var texts: [String: String] = [:]
  private let job: BackgroundJob<Void>
  private var generation: Int32 = 0
  private var isOpen = false
  /// `source` reads the journal.
  package init(_ target: ConnectionTarget, reading source: PostgresProjectionStore) {
    self.source = source
    projection = source.projection
    connection = StoreConnection(target, profile: .fold, onNotice: { _ in })
    job = BackgroundJob(over: connection)
  }

  // MARK: - Tables

  /// Memory of the backend for the tables, as the daemon's backends have `shared_buffers`.
  private static let temporaryBuffers = "128MB"

  /// Everything of the projection that a fold changes: its tables, its cursor, its turns, its outbox.
  private static let tables = """
    SELECT n.name
    FROM pleat.projection_tables t CROSS JOIN LATERAL (VALUES (t.table_name), (t.table_name || '_current')) n (name)
    WHERE t.projection = $1 AND to_regclass('pleat.' || quote_ident(n.name)) IS NOT NULL
    ORDER BY n.name COLLATE "C"
    """
  /// What the projection's SQL calls to change its tables: functions of the owner that the login may call. By their definition:
  /// `prosrc` is empty where the body is `BEGIN ATOMIC`.
  private static let functions = """
    SELECT p.proname, pg_get_functiondef(p.oid)
    FROM pg_proc p
    WHERE p.pronamespace = 'pleat'::regnamespace AND p.provolatile = 'v' AND p.prokind = 'f'
      AND has_function_privilege(p.oid, 'EXECUTE')
      AND EXISTS (SELECT FROM unnest($1::text[]) n (name) WHERE pg_get_functiondef(p.oid) LIKE '%pleat.' || replace(n.name, '_', '\\_') || '%')
    """

  /// Makes the tables, empty, and the cursor of this generation at the journal's beginning; returns the names of the projection's
  /// tables.
  package func prepare(_ live: LiveGeneration) throws(StoreError) -> [String] {
    // Of the backend; what does not fit is written to files, and read again.
    _ = try connection.query("SELECT set_config('temp_buffers', $1, false)", [.text(Self.temporaryBuffers)])
    let tables = try connection.query(Self.tables, [.text(projection)]).map { $0.text() ?? "" }
    let functions = try connection.query(Self.functions, [.texts(tables)])
      .map { (name: $0.text() ?? "", definition: $0.text() ?? "") }
    let own = tables + ["projection_cursors", "turns", "outbox"]
    names = TemporaryNames(Set(own + functions.map(\.name)))
    for table in own {
      try connection.use { (connection) throws(PostgresError) in
        try connection.execute("CREATE TEMP TABLE \(table) (LIKE pleat.\(table) INCLUDING ALL EXCLUDING COMMENTS)")
      }
    }
    for function in functions {
      try connection.use { (connection) throws(PostgresError) in
        try connection.execute(names.apply(to: function.definition))
      }
    }
    _ = try connection.query(
      """
      INSERT INTO pg_temp.projection_cursors (projection, generation, fold_version, catalog_version, key_digest, updated_at)
      SELECT projection, generation, fold_version, catalog_version, key_digest, updated_at FROM pleat.projection_cursors
      WHERE projection = $1 AND generation = $2
      """, [.text(projection), .int(live.generation)])
    generation = live.generation
    return tables
  }

  /// Where a fold into these tables begins.
  package var beginning: ProjectionCursor {
    ProjectionCursor(
      generation: generation, epoch: 0,
      place: ProjectionPlace(position: 0, chain: [], greatestTime: nil, lastDayTurn: 0))
  }

  private func temporary(_ statements: TableStatements) -> TableStatements {
    if let known = mapped[statements.name] { return known }
    let made = names.apply(to: statements)
    mapped[statements.name] = made
    return made
  }

  private func temporary(_ sql: String) -> String {
    if let known = texts[sql] { return known }
    let made = names.apply(to: sql)
    texts[sql] = made
    return made
  }

  // MARK: - Reading

  package func segments(after position: Int64, bytes: Int) throws(StoreError) -> [StoredSegment] {
    try source.segments(after: position, bytes: bytes)
  }

  package func load(_ statements: TableStatements, keys: KeyColumns, _ body: (inout RowReader) -> Void)
    throws(StoreError)
  {
    // The connection that a failed write leaves behind has no such tables.
    try job.wait()
    let result = try connection.query(
      temporary(statements).load, [.int(generation)] + keys.arrays.map { SQLValue.array($0) })
    result.eachRow { (row: inout RowReader) in body(&row) }
  }

  package func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    try connection.stream(temporary(sql), [.int(generation)] + parameters.map { SQLValue($0) }, body)
  }

  /// The store holds no changed rows of its own.
  package func flush() {}

  // MARK: - Writing

  package func begin(_ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState) throws(StoreError) {
    let move: (sql: String, values: [SQLValue]) = (
      "UPDATE pg_temp.projection_cursors SET position = $1, chain = $2, greatest_time = $3, last_day_turn = $4",
      [.bigint(place.position), .bytea(place.chain), .timestamptz(place.greatestTime), .bigint(place.lastDayTurn)]
    )
    if isOpen {
      try connection.useTransaction { (connection) throws(PostgresError) in
        _ = try connection.query(move.sql, move.values)
      }
    } else {
      try connection.use { (connection) throws(PostgresError) in _ = try connection.pipeline([("BEGIN", []), move]) }
      isOpen = true
    }
  }

  package func write(_ changes: [TableChanges]) throws(StoreError) {
    try connection.write(
      changes.map { TableChanges(statements: temporary($0.statements), inserts: $0.inserts, updates: $0.updates) })
  }

  package func makeVersions(_ tables: [TableStatements], at turn: Turn, since lastTurn: Int64) throws(StoreError) {
    var statements: [(sql: String, values: [SQLValue])] = tables.compactMap { temporary($0).version }.map {
      ($0, [.int(generation), .bigint(lastTurn), .bigint(turn.position)])
    }
    statements.append(
      (
        "INSERT INTO pg_temp.turns (projection, generation, position, watermark) VALUES ($1, $2, $3, $4)",
        [.text(projection), .int(generation), .bigint(turn.position), .timestamptz(turn.watermark)]
      ))
    try connection.useTransaction { (connection) throws(PostgresError) in
      _ = try connection.pipeline(statements, seconds: Connection.wholeTableSeconds)
    }
  }

  package func appendOutbox(_ events: [DerivedEvent], at position: Int64, chain: [UInt8]) throws(StoreError) {
    for (ordinal, event) in events.enumerated() {
      try connection.useTransaction { (connection) throws(PostgresError) in
        _ = try connection.query(
          """
          INSERT INTO pg_temp.outbox (projection, position, ordinal, chain, topic, subject, id, as_of, json)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
          """,
          [
            .text(projection), .bigint(position), .int(Int32(ordinal)), .bytea(chain),
            .smallint(Int16(event.topic.rawValue)), .text(event.subject), .text(event.id), .timestamptz(event.asOf),
            .text(event.json),
          ])
      }
    }
  }

  package func commit() throws(StoreError) {
    isOpen = false
    try connection.commit()
  }

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
    job.start { [self] () throws(StoreError) in
      do throws(StoreError) {
        try body()
      } catch {
        isOpen = false
        connection.reset()
        throw error
      }
    }
  }

  package func flushIsDone() -> Bool { job.isDone }

  package func finishFlush() throws(StoreError) { try job.finish() }

  package func reset() {
    job.settle()
    isOpen = false
    connection.reset()
    source.reset()
  }
}
