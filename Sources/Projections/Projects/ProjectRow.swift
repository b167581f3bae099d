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

struct ProjectLayout: RowLayout {
  typealias Row = ProjectRow

  let names: Names
  let stacks: StackTable

  let statements = TableStatements(
    name: "projects",
    load: """
      SELECT c.project, c.generated, c.time, c.team_id, c.org_id, c.project_type, c.person, c.technologies,
        c.complexity_millionths, c.languages, c.visibility, c.visibility_time, c.visibility_position, c.success,
        c.success_time, c.success_position, c.first_feedback_time, c.openings, c.prediction_versions, c.predictions,
        c.position
      FROM unnest($2::uuid[]) AS k (project)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.projects_current AS x
        WHERE x.generation = $1 AND x.project = k.project
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.projects_current (
        generation, project, generated, time, team_id, org_id, project_type, person, technologies,
        complexity_millionths, languages, visibility, visibility_time, visibility_position, success, success_time,
        success_position, first_feedback_time, openings, prediction_versions, predictions, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_projects (LIKE pleat.projects_current)",
    copyToStage: """
      COPY stage_projects (
        generation, project, generated, time, team_id, org_id, project_type, person, technologies,
        complexity_millionths, languages, visibility, visibility_time, visibility_position, success, success_time,
        success_position, first_feedback_time, openings, prediction_versions, predictions, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.projects_current AS c
      SET generated = s.generated, time = s.time, team_id = s.team_id, org_id = s.org_id,
        project_type = s.project_type, person = s.person, technologies = s.technologies,
        complexity_millionths = s.complexity_millionths, languages = s.languages, visibility = s.visibility,
        visibility_time = s.visibility_time, visibility_position = s.visibility_position,
        success = s.success, success_time = s.success_time, success_position = s.success_position,
        first_feedback_time = s.first_feedback_time, openings = s.openings,
        prediction_versions = s.prediction_versions, predictions = s.predictions, position = s.position
      FROM stage_projects AS s
      WHERE c.generation = s.generation AND c.project = s.project
      """,
    version: nil)

  /// A page of an organisation's projects, in key order, behind the key `$3`: what `read` reads, without waiting facts.
  static let ofOrganisation = """
    SELECT c.project, c.generated, c.time, c.team_id, c.org_id, c.project_type, c.person, c.technologies,
      c.complexity_millionths, c.languages, c.visibility, c.visibility_time, c.visibility_position, c.success,
      c.success_time, c.success_position, c.first_feedback_time, c.openings, c.prediction_versions, c.predictions,
      c.position
    FROM pleat.projects_current AS c
    WHERE c.generation = $1 AND c.org_id = $2 AND c.project > $3
    ORDER BY c.project
    LIMIT 1000
    """
  static let pageRows = 1000

  /// A page of a person's projects, as `read` reads them.
  static let ofPerson = """
    SELECT c.project, c.generated, c.time, c.team_id, c.org_id, c.project_type, c.person, c.technologies,
      c.complexity_millionths, c.languages, c.visibility, c.visibility_time, c.visibility_position, c.success,
      c.success_time, c.success_position, c.first_feedback_time, c.openings, c.prediction_versions, c.predictions,
      c.position
    FROM pleat.projects_current AS c
    WHERE c.generation = $1 AND c.person = $2
    ORDER BY c.project
    LIMIT 1000
    """

  /// The key of the digests that project ids stand by, derived from the installation's: two ids never meet in one by chance, and
  /// nobody who does not know the key can make two that do.
  static func key(derivedFrom key: HashKey) -> HashKey {
    HashKey(k0: key.k0 ^ 0x7072_6F6A_6563_7473, k1: key.k1 ^ 0x706C_6561_74)
  }

  var fields: Int16 { 22 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.uuid)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(uuid: key) }

  func lastingHash(_ key: RowKey) -> UInt64? { key.low }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { a.high == b.high ? a.low < b.low : a.high < b.high }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: ProjectRow) {
    let key = reader.uuid()
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
    row.stack = reader.stackOfLines(stacks, names)
    row.complexityMillionths = reader.int()
    row.languages = reader.smallint() ?? 0
    row.visibility = reader.sharing() ?? .public
    row.visibilityMoment = reader.moment()
    row.success = reader.bool() ?? false
    row.outcomeMoment = reader.moment()
    row.firstFeedback = reader.timestamptz()
    row.openings = reader.openings()
    row.predictions = reader.predictions(names)
    row.position = reader.count()
    return row
  }

  func write(_ key: RowKey, _ row: ProjectRow, to writer: inout RowWriter) {
    writer.uuid(key)
    writer.bool(row.isGenerated)
    writer.timestamptz(row.isGenerated ? row.time : nil)
    writer.name(row.team, names)
    writer.name(row.org, names)
    writer.name(row.type, names)
    writer.bigint(row.person.map(storedHash))
    writer.stackAsLines(row.stack, stacks, names)
    writer.int(row.complexityMillionths)
    writer.smallint(row.isGenerated ? row.languages : nil)
    writer.smallint(row.visibilityMoment.isNever ? nil : Int16(row.visibility.rawValue))
    writer.moment(row.visibilityMoment)
    writer.bool(row.outcome)
    writer.moment(row.outcomeMoment)
    writer.timestamptz(row.firstFeedback)
    writer.openings(row.openings)
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
