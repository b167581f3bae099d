import Events

/// A team over all time.
struct TeamRow: CachedRow {
  /// Of the newest `team_created`; `.none` before the first.
  var name = NameID.none
  var nameMoment = Moment.never
  var members: Int64 = 0
  var projectsGenerated: Int64 = 0
  var projectsOpened: Int64 = 0
  var wizardSteps: Int64 = 0
  var successes: Int64 = 0
  var failures: Int64 = 0
  var complexitySumMillionths: Int64 = 0
  var complexityCount: Int64 = 0
  /// Of the events that carry the team's id.
  var activity = Extremes()
  /// Of the window whose success rate was announced last, or is the baseline. In a partial row: what the rule has set.
  var announcedRate: Rate?
  /// Outcomes, or what was announced, since the row was written.
  var rateChanged = false
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func merge(onto stored: Self) {
    if stored.nameMoment > nameMoment { (name, nameMoment) = (stored.name, stored.nameMoment) }
    members += stored.members
    projectsGenerated += stored.projectsGenerated
    projectsOpened += stored.projectsOpened
    wizardSteps += stored.wizardSteps
    successes += stored.successes
    failures += stored.failures
    complexitySumMillionths += stored.complexitySumMillionths
    complexityCount += stored.complexityCount
    activity.include(stored.activity)
    announcedRate = announcedRate ?? stored.announcedRate
  }

  mutating func count(successes: Int64, failures: Int64) {
    if successes == 0 && failures == 0 { return }
    self.successes += successes
    self.failures += failures
    rateChanged = true
  }

  mutating func wasWritten() { rateChanged = false }
}

struct TeamLayout: RowLayout {
  typealias Row = TeamRow

  /// A team's rate is all that the rules look at.
  func rulesNeed(_ row: TeamRow, isWhole: Bool) -> Bool { row.rateChanged }

  let names: Names

  let statements = TableStatements(
    name: "team_stats",
    load: """
      SELECT c.team_id, c.name, c.name_time, c.name_position, c.members, c.projects_generated,
        c.projects_opened, c.wizard_steps, c.successes, c.failures, c.complexity_sum_millionths,
        c.complexity_count, c.first_activity, c.last_activity, c.announced_successes, c.announced_outcomes, c.position
      FROM unnest($2::text[]) AS k (team_id)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.team_stats_current AS x
        WHERE x.generation = $1 AND x.team_id = k.team_id
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.team_stats_current (
        generation, team_id, name, name_time, name_position, members, projects_generated, projects_opened,
        wizard_steps, successes, failures, complexity_sum_millionths, complexity_count, first_activity,
        last_activity, announced_successes, announced_outcomes, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_team_stats (LIKE pleat.team_stats_current)",
    copyToStage: """
      COPY stage_team_stats (
        generation, team_id, name, name_time, name_position, members, projects_generated, projects_opened,
        wizard_steps, successes, failures, complexity_sum_millionths, complexity_count, first_activity,
        last_activity, announced_successes, announced_outcomes, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.team_stats_current AS c
      SET name = s.name, name_time = s.name_time, name_position = s.name_position, members = s.members,
        projects_generated = s.projects_generated, projects_opened = s.projects_opened,
        wizard_steps = s.wizard_steps, successes = s.successes, failures = s.failures,
        complexity_sum_millionths = s.complexity_sum_millionths, complexity_count = s.complexity_count,
        first_activity = s.first_activity, last_activity = s.last_activity,
        announced_successes = s.announced_successes, announced_outcomes = s.announced_outcomes, position = s.position
      FROM stage_team_stats AS s
      WHERE c.generation = s.generation AND c.team_id = s.team_id
      """,
    version: """
      INSERT INTO pleat.team_stats (
        generation, team_id, name, name_time, name_position, members, projects_generated, projects_opened,
        wizard_steps, successes, failures, complexity_sum_millionths, complexity_count, first_activity,
        last_activity, announced_successes, announced_outcomes, position)
      SELECT generation, team_id, name, name_time, name_position, members, projects_generated, projects_opened,
        wizard_steps, successes, failures, complexity_sum_millionths, complexity_count, first_activity,
        last_activity, announced_successes, announced_outcomes, $3
      FROM pleat.team_stats_current
      WHERE generation = $1 AND position >= $2
      """)

  var fields: Int16 { 18 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(key.name, names) }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { names.compare(a.name, b.name) < 0 }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: TeamRow) {
    let key = RowKey(reader.name(names))
    var row = TeamRow(isPartial: false)
    row.name = reader.name(names)
    row.nameMoment = reader.moment()
    row.members = reader.count()
    row.projectsGenerated = reader.count()
    row.projectsOpened = reader.count()
    row.wizardSteps = reader.count()
    row.successes = reader.count()
    row.failures = reader.count()
    row.complexitySumMillionths = reader.count()
    row.complexityCount = reader.count()
    row.activity = Extremes(first: reader.timestamptz(), last: reader.timestamptz())
    row.announcedRate = reader.rate()
    row.position = reader.count()
    return (key, row)
  }

  func write(_ key: RowKey, _ row: TeamRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.name(row.name, names)
    writer.moment(row.nameMoment)
    writer.bigint(row.members)
    writer.bigint(row.projectsGenerated)
    writer.bigint(row.projectsOpened)
    writer.bigint(row.wizardSteps)
    writer.bigint(row.successes)
    writer.bigint(row.failures)
    writer.bigint(row.complexitySumMillionths)
    writer.bigint(row.complexityCount)
    writer.timestamptz(row.activity.first)
    writer.timestamptz(row.activity.last)
    writer.rate(row.announcedRate)
    writer.bigint(row.position)
  }
}
