import Events

/// A wizard step in an hour.
struct WizardRow: PeopledRow {
  var completions: Int64 = 0
  /// By the keyed hashes of their ids.
  var sessions: People
  var durations = LatencyHistogram()
  var position: Int64 = 0

  init(isPartial: Bool) { sessions = People(isPartial: isPartial) }

  mutating func add(_ session: UInt64, durationMicroseconds: Int64?, at position: Int64) {
    completions += 1
    sessions.add(session, at: position)
    if let durationMicroseconds { durations.add(durationMicroseconds) }
    self.position = position
  }

  mutating func merge(onto stored: Self) {
    completions += stored.completions
    sessions.merge(onto: stored.sessions)
    durations.add(stored.durations)
    position = max(position, stored.position)
  }

  var people: People {
    get { sessions }
    _modify { yield &sessions }
  }
  var heapBytes: Int { sessions.heapBytes + durations.heapBytes }
}

/// `wizard_activity`, and `wizard_sketches` with the sessions behind it.
struct WizardLayout: PeopledLayout {
  typealias Row = WizardRow

  /// `hour` counts from 1970-01-01T00:00Z.
  static func key(_ step: UInt8, hour: Int32) -> RowKey { RowKey(UInt64(step), UInt64(UInt32(bitPattern: hour))) }

  private static func step(_ key: RowKey) -> Int16 { Int16(truncatingIfNeeded: key.high) }
  private static func hour(_ key: RowKey) -> Int32 { Int32(bitPattern: UInt32(truncatingIfNeeded: key.low)) }

  private static let load = """
    SELECT c.step, c.hour, c.completions, c.duration_buckets, c.duration_ranks, c.position,
      s.hashes, s.counts, s.estimate, s.position
    FROM unnest($2::smallint[], $3::timestamptz[]) AS k (step, hour)
    CROSS JOIN LATERAL (
      SELECT * FROM pleat.wizard_activity_current AS x
      WHERE x.generation = $1 AND x.step = k.step AND x.hour = k.hour
      OFFSET 0) AS c
    LEFT JOIN LATERAL (
      SELECT * FROM pleat.wizard_sketches_current AS x
      WHERE x.generation = $1 AND x.step = k.step AND x.hour = k.hour
      OFFSET 0) AS s ON true
    """

  let statements = TableStatements(
    name: "wizard_activity",
    load: Self.load,
    copy: """
      COPY pleat.wizard_activity_current (
        generation, step, hour, completions, sessions, duration_buckets, duration_ranks, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_wizard_activity (LIKE pleat.wizard_activity_current)",
    copyToStage: """
      COPY stage_wizard_activity (
        generation, step, hour, completions, sessions, duration_buckets, duration_ranks, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.wizard_activity_current AS c
      SET completions = s.completions, sessions = s.sessions, duration_buckets = s.duration_buckets,
        duration_ranks = s.duration_ranks, position = s.position
      FROM stage_wizard_activity AS s
      WHERE c.generation = s.generation AND c.step = s.step AND c.hour = s.hour
      """,
    version: """
      INSERT INTO pleat.wizard_activity (
        generation, step, hour, completions, sessions, duration_buckets, duration_ranks, position)
      SELECT generation, step, hour, completions, sessions, duration_buckets, duration_ranks, $3
      FROM pleat.wizard_activity_current
      WHERE generation = $1 AND position >= $2
      """)

  let peopleStatements = TableStatements(
    name: "wizard_sketches",
    load: Self.load,
    copy: """
      COPY pleat.wizard_sketches_current (generation, step, hour, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_wizard_sketches (LIKE pleat.wizard_sketches_current)",
    copyToStage: """
      COPY stage_wizard_sketches (generation, step, hour, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.wizard_sketches_current AS c
      SET hashes = s.hashes, counts = s.counts, estimate = s.estimate, position = s.position
      FROM stage_wizard_sketches AS s
      WHERE c.generation = s.generation AND c.step = s.step AND c.hour = s.hour
      """,
    version: nil)

  var fields: Int16 { 8 }
  var peopleFields: Int16 { 7 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.smallint), ArrayParameter(.timestamptz)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    withUnsafeBytes(of: Self.step(key).bigEndian) { arrays[0].append($0) }
    arrays[1].append(timestamptz: Timestamp(hour: Self.hour(key)))
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: WizardRow) {
    let (step, hour) = (reader.smallint() ?? 0, reader.timestamptz()?.hour ?? 0)
    var row = WizardRow(isPartial: false)
    row.completions = reader.count()
    row.durations = LatencyHistogram(&reader)
    row.position = reader.count()
    let sketch = PeopleSketch(&reader)
    row.sessions = People(stored: sketch, takenOut: 0, position: reader.count())
    return (Self.key(UInt8(truncatingIfNeeded: step), hour: hour), row)
  }

  func write(_ key: RowKey, _ row: WizardRow, to writer: inout RowWriter) {
    writer.smallint(Self.step(key))
    writer.timestamptz(Timestamp(hour: Self.hour(key)))
    writer.bigint(row.completions)
    writer.bigint(row.sessions.count)
    row.durations.write(to: &writer)
    writer.bigint(row.position)
  }

  func writePeople(_ key: RowKey, _ row: WizardRow, to writer: inout RowWriter) {
    writer.smallint(Self.step(key))
    writer.timestamptz(Timestamp(hour: Self.hour(key)))
    row.sessions.sketch.write(to: &writer)
    writer.bigint(row.sessions.position)
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    a.high == b.high ? Self.hour(a) < Self.hour(b) : a.high < b.high
  }
}

extension Timestamp {
  /// The start of an hour, counted from 1970-01-01T00:00Z.
  init(hour: Int32) { self.init(microseconds: Int64(hour) * Self.microsecondsPerHour) }
}
