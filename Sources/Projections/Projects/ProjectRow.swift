import Events

/// What is known of a project id: the project, and what came before it and waits.
struct ProjectRow: CachedRow {
  /// False while there are only waiting facts, and nothing else but them is set.
  var isGenerated = false
  var time = Timestamp(microseconds: 0)
  var team = NameID.none
  var org = NameID.none
  var type = NameID.none
  /// nil before the project, and once the person was erased.
  var person: UInt64?
  var stack = StackID.none
  var complexityMillionths: Int32?
  /// How many of the technologies are of category `language`.
  var languages: Int16 = 0
  /// Of the newest visibility event, if there is one.
  var visibility = Sharing.public
  var visibilityMoment = Moment.never
  /// Of the newest feedback, if there is one.
  var success = false
  var outcomeMoment = Moment.never
  /// Least event time of the feedback, if there is any.
  var firstFeedback: Timestamp?
  var openings = Openings()
  var predictions = Predictions()
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func merge(onto stored: Self) {
    preconditionFailure("a project is folded without its row")
  }

  var heapBytes: Int { openings.heapBytes + predictions.heapBytes }

  var outcome: Bool? { outcomeMoment.isNever ? nil : success }
}

/// How often a project was opened on each day, in the order of the first openings.
struct Openings {
  struct Day {
    var day: Int32
    var count: Int64
  }
  /// Most projects have no second day, and need no array.
  private var first: Day?
  private var more: [Day] = []

  mutating func add(_ day: Int32, _ count: Int64 = 1) {
    if first == nil {
      first = Day(day: day, count: count)
    } else if first!.day == day {
      first!.count += count
    } else if let index = more.firstIndex(where: { $0.day == day }) {
      more[index].count += count
    } else {
      more.append(Day(day: day, count: count))
    }
  }

  var dayCount: Int { first == nil ? 0 : 1 + more.count }

  func eachDay(_ body: (Day) -> Void) {
    if let first { body(first) }
    for day in more { body(day) }
  }

  var heapBytes: Int { more.isEmpty ? 0 : 32 + more.capacity * MemoryLayout<Day>.stride }
}

struct ProjectLayout: RowLayout {
  typealias Row = ProjectRow

  /// Of the project ids, which come and go; they have a `Names` of their own.
  let projects: Names
  let names: Names
  let stacks: StackTable

  let statements = TableStatements(
    name: "projects",
    load: """
      SELECT c.project_id, c.generated, c.time, c.team_id, c.org_id, c.project_type, c.person, c.technologies,
        c.complexity_millionths, c.languages, c.visibility, c.visibility_time, c.visibility_position, c.success,
        c.success_time, c.success_position, c.first_feedback_time, c.opening_days, c.opening_counts,
        c.prediction_versions, c.prediction_times, c.predicted_millionths, c.position
      FROM unnest($2::text[]) AS k (project_id)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.projects_current AS x
        WHERE x.generation = $1 AND x.project_id = k.project_id
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.projects_current (
        generation, project_id, generated, time, team_id, org_id, project_type, person, technologies,
        complexity_millionths, languages, visibility, visibility_time, visibility_position, success, success_time,
        success_position, first_feedback_time, opening_days, opening_counts, prediction_versions, prediction_times,
        predicted_millionths, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_projects (LIKE pleat.projects_current)",
    copyToStage: """
      COPY stage_projects (
        generation, project_id, generated, time, team_id, org_id, project_type, person, technologies,
        complexity_millionths, languages, visibility, visibility_time, visibility_position, success, success_time,
        success_position, first_feedback_time, opening_days, opening_counts, prediction_versions, prediction_times,
        predicted_millionths, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.projects_current AS c
      SET generated = s.generated, time = s.time, team_id = s.team_id, org_id = s.org_id,
        project_type = s.project_type, person = s.person, technologies = s.technologies,
        complexity_millionths = s.complexity_millionths, languages = s.languages, visibility = s.visibility,
        visibility_time = s.visibility_time, visibility_position = s.visibility_position,
        success = s.success, success_time = s.success_time, success_position = s.success_position,
        first_feedback_time = s.first_feedback_time, opening_days = s.opening_days,
        opening_counts = s.opening_counts, prediction_versions = s.prediction_versions,
        prediction_times = s.prediction_times, predicted_millionths = s.predicted_millionths, position = s.position
      FROM stage_projects AS s
      WHERE c.generation = s.generation AND c.project_id = s.project_id
      """,
    version: nil)

  /// A page of an organisation's projects, in key order, behind the project id `$3`: what `read` reads, without waiting facts.
  static let ofOrganisation = """
    SELECT c.project_id, c.generated, c.time, c.team_id, c.org_id, c.project_type, c.person, c.technologies,
      c.complexity_millionths, c.languages, c.visibility, c.visibility_time, c.visibility_position, c.success,
      c.success_time, c.success_position, c.first_feedback_time, c.opening_days, c.opening_counts,
      c.prediction_versions, c.prediction_times, c.predicted_millionths, c.position
    FROM pleat.projects_current AS c
    WHERE c.generation = $1 AND c.org_id = $2 AND c.project_id > $3
    ORDER BY c.project_id
    LIMIT 1000
    """
  static let pageRows = 1000

  /// A page of a person's projects, as `read` reads them.
  static let ofPerson = """
    SELECT c.project_id, c.generated, c.time, c.team_id, c.org_id, c.project_type, c.person, c.technologies,
      c.complexity_millionths, c.languages, c.visibility, c.visibility_time, c.visibility_position, c.success,
      c.success_time, c.success_position, c.first_feedback_time, c.opening_days, c.opening_counts,
      c.prediction_versions, c.prediction_times, c.predicted_millionths, c.position
    FROM pleat.projects_current AS c
    WHERE c.generation = $1 AND c.person = $2
    ORDER BY c.project_id
    LIMIT 1000
    """

  var fields: Int16 { 24 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(key.name, projects) }

  func lastingHash(_ key: RowKey) -> UInt64? { RowKey(projects.lastingHash(key.name)).mixed }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { projects.compare(a.name, b.name) < 0 }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: ProjectRow) {
    let key = RowKey(reader.name(projects))
    return (key, readValues(&reader))
  }

  /// The columns behind the key.
  func readValues(_ reader: inout RowReader) -> ProjectRow {
    var row = ProjectRow(isPartial: false)
    row.isGenerated = reader.bool() ?? false
    row.time = reader.timestamptz() ?? row.time
    row.team = reader.name(names)
    row.org = reader.name(names)
    row.type = reader.name(names)
    row.person = reader.bigint().map(hash(stored:))
    row.stack = reader.stack(stacks, names)
    row.complexityMillionths = reader.int()
    row.languages = reader.smallint() ?? 0
    row.visibility = reader.sharing() ?? .public
    row.visibilityMoment = reader.moment()
    row.success = reader.bool() ?? false
    row.outcomeMoment = reader.moment()
    row.firstFeedback = reader.timestamptz()
    let (days, counts) = (reader.ints() ?? [], reader.bigints() ?? [])
    for (day, count) in zip(days, counts) { row.openings.add(day, count) }
    row.predictions = reader.predictions(names)
    row.position = reader.count()
    return row
  }

  func write(_ key: RowKey, _ row: ProjectRow, to writer: inout RowWriter) {
    writer.name(key.name, projects)
    writer.bool(row.isGenerated)
    writer.timestamptz(row.isGenerated ? row.time : nil)
    writer.name(row.team, names)
    writer.name(row.org, names)
    writer.name(row.type, names)
    writer.bigint(row.person.map(storedHash))
    writer.stack(row.stack, stacks, names)
    writer.int(row.complexityMillionths)
    writer.smallint(row.isGenerated ? row.languages : nil)
    writer.smallint(row.visibilityMoment.isNever ? nil : Int16(row.visibility.rawValue))
    writer.moment(row.visibilityMoment)
    writer.bool(row.outcome)
    writer.moment(row.outcomeMoment)
    writer.timestamptz(row.firstFeedback)
    if row.openings.dayCount == 0 {
      writer.null()
      writer.null()
    } else {
      let days = writer.beginArray(.integer, count: row.openings.dayCount)
      row.openings.eachDay { writer.int($0.day) }
      writer.endArray(days)
      let counts = writer.beginArray(.bigint, count: row.openings.dayCount)
      row.openings.eachDay { writer.bigint($0.count) }
      writer.endArray(counts)
    }
    writer.predictions(row.predictions, names)
    writer.bigint(row.position)
  }
}

extension RowReader {
  mutating func sharing() -> Sharing? {
    guard let value = smallint() else { return nil }
    guard let sharing = UInt8(exactly: value).flatMap({ Sharing(rawValue: $0) }) else {
      FoldFault.note("no sharing has the stored number \(value)")
      return Sharing.none
    }
    return sharing
  }
}
