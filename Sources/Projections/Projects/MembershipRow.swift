import Events

/// Whether somebody is in a team: the newest of what was said about it.
struct MembershipRow: CachedRow {
  /// nil: removed, or never there.
  var role: TeamRole?
  var moment = Moment.never
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func merge(onto stored: Self) {
    preconditionFailure("a membership is folded without its row")
  }
}

/// Keyed by the team's name and the person's hash.
struct MembershipLayout: RowLayout {
  typealias Row = MembershipRow

  let names: Names

  let statements = TableStatements(
    name: "memberships",
    load: """
      SELECT c.team_id, c.person, c.role, c.change_time, c.change_position, c.position
      FROM unnest($2::text[], $3::bigint[]) AS k (team_id, person)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.memberships_current AS x
        WHERE x.generation = $1 AND x.team_id = k.team_id AND x.person = k.person
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.memberships_current (
        generation, team_id, person, role, change_time, change_position, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_memberships (LIKE pleat.memberships_current)",
    copyToStage: """
      COPY stage_memberships (
        generation, team_id, person, role, change_time, change_position, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.memberships_current AS c
      SET role = s.role, change_time = s.change_time, change_position = s.change_position,
        position = s.position
      FROM stage_memberships AS s
      WHERE c.generation = s.generation AND c.team_id = s.team_id AND c.person = s.person
      """,
    version: nil)

  static func key(_ team: NameID, _ person: UInt64) -> RowKey { RowKey(UInt64(team.index), person) }

  var fields: Int16 { 7 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text), ArrayParameter(.bigint)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(key.name, names)
    arrays[1].append(bigint: storedHash(key.low))
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    let order = names.compare(a.name, b.name)
    return order == 0 ? a.low < b.low : order < 0
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: MembershipRow) {
    let team = reader.name(names)
    let key = Self.key(team, hash(stored: reader.bigint() ?? 0))
    var row = MembershipRow(isPartial: false)
    row.role = reader.smallint().flatMap { TeamRole(rawValue: UInt8(truncatingIfNeeded: $0)) }
    row.moment = reader.moment()
    row.position = reader.count()
    return (key, row)
  }

  func write(_ key: RowKey, _ row: MembershipRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    writer.bigint(storedHash(key.low))
    writer.smallint(row.role.map { Int16($0.rawValue) })
    writer.moment(row.moment)
    writer.bigint(row.position)
  }
}
