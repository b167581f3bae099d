import Events

/// The newest completed step of a wizard session.
struct WizardSessionRow: CachedRow {
  var step: UInt8 = 0
  var newest = Moment.never
  var isStored = false

  init(isPartial: Bool) {}

  /// Whether this is newer than what is known.
  mutating func complete(_ step: UInt8, _ moment: Moment) -> Bool {
    if moment < newest { return false }
    (self.step, newest) = (step, moment)
    return true
  }

  mutating func merge(onto stored: Self) {
    if newest < stored.newest { self = stored }
    isStored = stored.isStored
  }

  mutating func wasWritten() { isStored = true }
}

/// `wizard_sessions`: only those that may still count in `wizard_now`. Its versions are what that showed at a turn.
struct WizardSessionLayout: RowLayout {
  typealias Row = WizardSessionRow

  /// The turn deletes stored rows by the time they are stored with; what was never stored may wait, and ends in memory.
  func rulesNeed(_ row: WizardSessionRow, isWhole: Bool) -> Bool { row.isStored }
  var rowsStay: Bool { false }

  let statements = TableStatements(
    name: "wizard_sessions",
    load: """
      SELECT c.session, c.step, c.time, c.position
      FROM unnest($2::bigint[]) AS k (session)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.wizard_sessions_current AS x
        WHERE x.generation = $1 AND x.session = k.session
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.wizard_sessions_current (generation, session, step, time, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_wizard_sessions (LIKE pleat.wizard_sessions_current)",
    copyToStage: """
      COPY stage_wizard_sessions (generation, session, step, time, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.wizard_sessions_current AS c
      SET step = s.step, time = s.time, position = s.position
      FROM stage_wizard_sessions AS s
      WHERE c.generation = s.generation AND c.session = s.session
      """,
    // The cursor has moved to the event that turned already, in this transaction. Whether a session changed since the last
    // turn does not matter here: a turn shows all that count at it.
    version: """
      INSERT INTO pleat.wizard_sessions (generation, step, sessions, position)
      SELECT s.generation, s.step, count(*), $3
      FROM pleat.projection_cursors AS c
      JOIN pleat.wizard_sessions_current AS s
        ON s.generation = c.generation AND s.time >= c.greatest_time - interval '35 minutes'
      WHERE c.projection = 'activity' AND c.generation = $1 AND $2::bigint IS NOT NULL
      GROUP BY s.generation, s.step
      """)

  var fields: Int16 { 5 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.bigint)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(bigint: storedHash(key.high)) }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: WizardSessionRow) {
    let (session, step) = (reader.bigint() ?? 0, reader.smallint() ?? 0)
    let (time, position) = (reader.timestamptz() ?? Timestamp(microseconds: 0), reader.count())
    var row = WizardSessionRow(isPartial: false)
    row.step = UInt8(truncatingIfNeeded: step)
    row.newest = Moment(time: time, position: position)
    row.isStored = true
    return (RowKey(hash(stored: session)), row)
  }

  func write(_ key: RowKey, _ row: WizardSessionRow, to writer: inout RowWriter) {
    writer.bigint(storedHash(key.high))
    writer.smallint(Int16(row.step))
    writer.timestamptz(row.newest.time)
    writer.bigint(row.newest.position)
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { a.high < b.high }
}
