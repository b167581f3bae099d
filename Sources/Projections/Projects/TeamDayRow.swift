import Events

/// A team on a day.
struct TeamDayRow: CachedRow {
  /// Outcomes, since the row was written.
  var rateChanged = false

  /// How many events and projects count in the row; it is shown while there are any.
  var events: Int64 = 0
  var projectsGenerated: Int64 = 0
  var projectsOpened: Int64 = 0
  var wizardSteps: Int64 = 0
  var successes: Int64 = 0
  var failures: Int64 = 0
  var people: People
  var position: Int64 = 0

  init(isPartial: Bool) { people = People(isPartial: isPartial) }

  mutating func merge(onto stored: Self) {
    events += stored.events
    projectsGenerated += stored.projectsGenerated
    projectsOpened += stored.projectsOpened
    wizardSteps += stored.wizardSteps
    successes += stored.successes
    failures += stored.failures
    people.merge(onto: stored.people)
  }

  mutating func count(successes: Int64, failures: Int64) {
    if successes == 0 && failures == 0 { return }
    self.successes += successes
    self.failures += failures
    rateChanged = true
  }

  mutating func wasWritten() { rateChanged = false }
  var heapBytes: Int { people.heapBytes }
}

struct TeamDayLayout: RowLayout {
  typealias Row = TeamDayRow

  func rulesNeed(_ row: TeamDayRow, isWhole: Bool) -> Bool { row.rateChanged }

  let names: Names

  let statements = TableStatements(
    name: "team_activity",
    load: """
      SELECT c.team_id, c.day, c.events, c.projects_generated, c.projects_opened, c.wizard_steps,
        c.active_members, c.successes, c.failures, c.hashes, c.counts, c.estimate, c.position
      FROM unnest($2::text[], $3::date[]) AS k (team_id, day)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.team_activity_current AS x
        WHERE x.generation = $1 AND x.team_id = k.team_id AND x.day = k.day
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.team_activity_current (
        generation, team_id, day, events, projects_generated, projects_opened, wizard_steps,
        active_members, successes, failures, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_team_activity (LIKE pleat.team_activity_current)",
    copyToStage: """
      COPY stage_team_activity (
        generation, team_id, day, events, projects_generated, projects_opened, wizard_steps,
        active_members, successes, failures, hashes, counts, estimate, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.team_activity_current AS c
      SET events = s.events, projects_generated = s.projects_generated, projects_opened = s.projects_opened,
        wizard_steps = s.wizard_steps, active_members = s.active_members, successes = s.successes,
        failures = s.failures, hashes = s.hashes, counts = s.counts, estimate = s.estimate,
        position = s.position
      FROM stage_team_activity AS s
      WHERE c.generation = s.generation AND c.team_id = s.team_id AND c.day = s.day
      """,
    version: """
      INSERT INTO pleat.team_activity (
        generation, team_id, day, events, projects_generated, projects_opened, wizard_steps,
        active_members, successes, failures, hashes, counts, estimate, position)
      SELECT generation, team_id, day, events, projects_generated, projects_opened, wizard_steps,
        active_members, successes, failures, hashes, counts, estimate, $3
      FROM pleat.team_activity_current
      WHERE generation = $1 AND position >= $2
      """)

  var fields: Int16 { 14 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text), ArrayParameter(.date)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(key.name, names)
    arrays[1].append(date: key.day)
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    let order = names.compare(a.name, b.name)
    return order == 0 ? a.day < b.day : order < 0
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: TeamDayRow) {
    let name = reader.name(names)
    let key = RowKey(name, day: reader.date() ?? 0)
    var row = TeamDayRow(isPartial: false)
    row.events = reader.count()
    row.projectsGenerated = reader.count()
    row.projectsOpened = reader.count()
    row.wizardSteps = reader.count()
    _ = reader.bigint()  // active_members, which the sketch tells
    row.successes = reader.count()
    row.failures = reader.count()
    let sketch = PeopleSketch(&reader)
    row.position = reader.count()
    row.people = People(stored: sketch, takenOut: 0, position: row.position)
    return (key, row)
  }

  func write(_ key: RowKey, _ row: TeamDayRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.date(key.day)
    writer.bigint(row.events)
    writer.bigint(row.projectsGenerated)
    writer.bigint(row.projectsOpened)
    writer.bigint(row.wizardSteps)
    writer.bigint(row.people.count)
    writer.bigint(row.successes)
    writer.bigint(row.failures)
    row.people.sketch.write(to: &writer)
    writer.bigint(row.position)
  }
}
