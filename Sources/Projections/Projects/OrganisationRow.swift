import Events

/// What an organisation lets be counted: its newest settings, each on its own.
struct OrganisationRow: CachedRow {
  var learningEnabled = true
  var learningMoment = Moment.never
  var sharing = Sharing.public
  var sharingMoment = Moment.never
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func merge(onto stored: Self) {
    preconditionFailure("an organisation is folded without its row")
  }

  /// The most that its projects may share; what was never set narrows nothing.
  var limit: Sharing {
    if !learningMoment.isNever && !learningEnabled { return .none }
    return sharingMoment.isNever ? .public : sharing
  }

  /// Takes what is newer than what is known; returns whether anything was.
  mutating func apply(_ change: OrgSettingsChange, at moment: Moment) -> Bool {
    var isNewer = false
    if let enabled = change.learningEnabled, moment > learningMoment {
      (learningEnabled, learningMoment, isNewer) = (enabled, moment, true)
    }
    if let level = change.dataSharingLevel, moment > sharingMoment {
      (sharing, sharingMoment, isNewer) = (level, moment, true)
    }
    if isNewer { position = moment.position }
    return isNewer
  }
}

struct OrganisationLayout: RowLayout {
  typealias Row = OrganisationRow

  let names: Names

  let statements = TableStatements(
    name: "organisations",
    load: """
      SELECT c.org_id, c.learning_enabled, c.learning_time, c.learning_position, c.sharing, c.sharing_time,
        c.sharing_position, c.position
      FROM unnest($2::text[]) AS k (org_id)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.organisations_current AS x
        WHERE x.generation = $1 AND x.org_id = k.org_id
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.organisations_current (
        generation, org_id, learning_enabled, learning_time, learning_position, sharing, sharing_time,
        sharing_position, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_organisations (LIKE pleat.organisations_current)",
    copyToStage: """
      COPY stage_organisations (
        generation, org_id, learning_enabled, learning_time, learning_position, sharing, sharing_time,
        sharing_position, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.organisations_current AS c
      SET learning_enabled = s.learning_enabled, learning_time = s.learning_time,
        learning_position = s.learning_position, sharing = s.sharing, sharing_time = s.sharing_time,
        sharing_position = s.sharing_position, position = s.position
      FROM stage_organisations AS s
      WHERE c.generation = s.generation AND c.org_id = s.org_id
      """,
    version: nil)

  /// The row of one organisation, as `read` reads it.
  static let one = """
    SELECT c.org_id, c.learning_enabled, c.learning_time, c.learning_position, c.sharing, c.sharing_time, c.sharing_position,
      c.position
    FROM pleat.organisations_current AS c
    WHERE c.generation = $1 AND c.org_id = $2
    """

  var fields: Int16 { 9 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(key.name, names) }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { names.compare(a.name, b.name) < 0 }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: OrganisationRow) {
    let key = RowKey(reader.name(names))
    var row = OrganisationRow(isPartial: false)
    row.learningEnabled = reader.bool() ?? true
    row.learningMoment = reader.moment()
    row.sharing = reader.sharing() ?? .public
    row.sharingMoment = reader.moment()
    row.position = reader.count()
    return (key, row)
  }

  func write(_ key: RowKey, _ row: OrganisationRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.bool(row.learningMoment.isNever ? nil : row.learningEnabled)
    writer.moment(row.learningMoment)
    writer.smallint(row.sharingMoment.isNever ? nil : Int16(row.sharing.rawValue))
    writer.moment(row.sharingMoment)
    writer.bigint(row.position)
  }
}
