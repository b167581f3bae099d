package import Engine
package import Events
package import Projections

/// The versions of the rows that are behind one row of a view, as the live generation holds them.
package final class RowHistory {
  /// A state of a row.
  package struct Version: Sendable {
    /// The turn of the day at which it was kept, which it does not contain; nil for the newest state.
    package var turn: Int64?
    /// The watermark after the turn; nil for the newest state.
    package var watermark: Timestamp?
    /// When the event that turned was journaled.
    package var appendedAt: Timestamp?
    /// The last event that changed the newest state.
    package var position: Int64
    /// Values as PostgreSQL writes them, nil for null, in the table's order.
    package var values: [(column: String, value: String?)]

    package init(
      turn: Int64?, watermark: Timestamp?, appendedAt: Timestamp?, position: Int64,
      values: [(column: String, value: String?)]
    ) {
      (self.turn, self.watermark, self.appendedAt) = (turn, watermark, appendedAt)
      (self.position, self.values) = (position, values)
    }
  }

  package struct Row: Sendable {
    package var table: String
    package var key: [RowDifference.Pair]
    /// One member of lists: the versions are those of all of them, and many say nothing new of this one.
    package var isMember: Bool
    /// The last version before the first one shown, where the row has one.
    package var before: Version?
    /// In order; the newest state last.
    package var versions: [Version]

    package init(
      table: String, key: [RowDifference.Pair], isMember: Bool = false, before: Version? = nil, versions: [Version]
    ) {
      (self.table, self.key, self.isMember, self.before, self.versions) = (table, key, isMember, before, versions)
    }
  }

  /// The versions from a position on: all of each position, so that what is not shown is what comes at or behind `next`.
  package struct Excerpt: Sendable {
    package var rows: [Row] = []
    /// The first position of which nothing is shown; nil where all is.
    package var next: Int64?
    package init(rows: [Row] = [], next: Int64? = nil) { (self.rows, self.next) = (rows, next) }
  }

  /// What newest states together hold, but for what says nothing of a number: how many they are, and a sum of a hash of each.
  package struct Sum: Hashable, Sendable {
    private var count: Int64 = 0
    private var hashes: UInt64 = 0

    /// - Parameter row: its fields, each behind its length.
    mutating func add(_ row: [UInt8]) {
      count += 1
      hashes &+= row.withUnsafeBufferPointer { sipHash24(HashKey(k0: 0, k1: 0), $0) }
    }
  }

  private let connection: StoreConnection
  /// Of tables, by name.
  private var known: [String: [Column]] = [:]
  private var generation: Int32 = 0
  private let projection: String

  package init(_ target: ConnectionTarget, projection: String) {
    self.projection = projection
    connection = StoreConnection(target, onNotice: { _ in })
  }

  /// Runs `body` with the live generation, nil where nothing is folded yet, and in one snapshot: all that it asks of this history
  /// is of the moment at which the generation was there. What does not change, as the journal, is read outside of it, since no
  /// snapshot may be held for long.
  package func snapshot<R>(_ body: (LiveGeneration?) throws -> R) throws -> R {
    try connection.use { (connection) throws(PostgresError) in
      try connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }
    do {
      let live = try PostgresProjectionStore.liveGeneration(of: projection, connection)
      if let live { generation = live.generation }
      let result = try body(live)
      // A connection that broke meanwhile was made anew, outside of the snapshot.
      try connection.commit()
      return result
    } catch {
      connection.reset()
      throw error
    }
  }

  /// Of newest rows those that their versions have, too.
  private static let columns = """
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.atttypid::bigint,
      coalesce(a.attnum = ANY (i.indkey), false), format_type(t.typelem, NULL), t.typelem::bigint
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = to_regclass('pleat.' || quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attgenerated = ''
      AND (to_regclass('pleat.' || quote_ident(regexp_replace($1, '_current$', ''))) IS NULL OR EXISTS (
        SELECT FROM pg_attribute v
        WHERE v.attrelid = to_regclass('pleat.' || quote_ident(regexp_replace($1, '_current$', '')))
          AND v.attname = a.attname AND NOT v.attisdropped))
    ORDER BY a.attnum
    """

  fileprivate struct Column {
    var name: String
    var type: String
    var oid: UInt32
    var isKey: Bool
    /// Of a list: what its members are.
    var element: (type: String, oid: UInt32)?
  }

  private func columns(_ table: String) throws(StoreError) -> [Column] {
    if let columns = known[table] { return columns }
    let columns = try connection.query(Self.columns, [.text(table)]).map { row in
      Column(
        name: row.text() ?? "", type: row.text() ?? "", oid: UInt32(row.bigint() ?? 0), isKey: row.bool() ?? false,
        element: row.text().map { ($0, UInt32(row.bigint() ?? 0)) })
    }
    known[table] = columns
    return columns
  }

  /// The same, of a member of the rows' lists: the member's own in place of the lists, its name as the last of the key.
  private func columns(_ table: String, _ member: ListMember?) throws(StoreError) -> [Column] {
    let columns = try columns(table)
    guard let member else { return columns }
    return columns.compactMap { column in
      guard let list = member.lists.first(where: { $0.column == column.name }) else { return column }
      guard let element = column.element else { return nil }
      return Column(name: list.member, type: element.type, oid: element.oid, isKey: list.column == member.names.column)
    }
  }

  /// The columns of a table's newest rows, as they are copied.
  package func copiedColumns(_ statements: TableStatements) throws(StoreError) -> CopiedColumns {
    let columns = try columns(statements.name + "_current")
    let copied = statements.copiedColumns
    return CopiedColumns(
      statements, names: copied.isEmpty ? columns.map(\.name) : copied,
      keys: Set(columns.filter(\.isKey).map(\.name)))
  }

  /// The value of a column as somebody typed it, in binary form. Lists of names are typed as JSON arrays.
  private func value(_ text: String, _ column: Column) throws(StoreError) -> [UInt8] {
    let isList = column.type.hasSuffix("[]")
    // The type's name comes from the catalog.
    let sql =
      isList
      ? "SELECT ARRAY(SELECT e FROM jsonb_array_elements_text($1::jsonb) e ORDER BY e COLLATE \"C\")::\(column.type)"
      : "SELECT CAST($1 AS \(column.type))"
    let result = try connection.use { (connection) throws(PostgresError) in
      try connection.queryUnprepared(sql, [.text(text)])
    }
    guard let bytes = result.map({ $0.bytea() }).first ?? nil else { throw .refused("a key is not null") }
    return bytes
  }

  /// The texts of a JSON array.
  package func names(_ json: String) throws(StoreError) -> [String] {
    try connection.query("SELECT jsonb_array_elements_text($1::jsonb)", [.text(json)]).map { $0.text() ?? "" }
  }

  /// Rows of `name_current` whose columns have these values; of a member of its lists, those that have it.
  package func watch(
    _ statements: TableStatements, _ values: [(column: String, text: String)], member: ListMember? = nil
  ) throws(StoreError) -> WatchedRows {
    let columns = try columns(statements.name + "_current", member)
    var binary: [(column: String, bytes: [UInt8])] = []
    for (name, text) in values {
      guard let column = columns.first(where: { $0.name == name }) else {
        throw .refused("the table pleat.\(statements.name)_current has no column \(name)")
      }
      binary.append((name, try value(text, column)))
    }
    return WatchedRows(try copiedColumns(statements), values: binary, member: member)
  }

  /// A noticed key as PostgreSQL writes it, in the table's order.
  package func key(_ fields: [UInt8], of watched: WatchedRows) throws(StoreError) -> [RowDifference.Pair] {
    let columns = try columns(watched.table + "_current", watched.member)
    var values: [String: [UInt8]] = [:]
    var reader = CopiedRows(CopiedRows.one(fields, count: watched.keyColumns.count))
    _ = reader.next()
    for (index, name) in watched.keyColumns.enumerated() { values[name] = reader.value(index).map { Array($0) } }
    var pairs: [RowDifference.Pair] = []
    for column in columns {
      guard let bytes = values[column.name] else { continue }
      // Unprepared: the parameter is of another type each time.
      let result = try connection.use { (connection) throws(PostgresError) in
        try connection.queryUnprepared("SELECT ($1)::text", [SQLValue(oid: column.oid, bytes: bytes)])
      }
      pairs.append(RowDifference.Pair(column: column.name, value: result.map { $0.text() ?? "" }.first ?? ""))
    }
    return pairs
  }

  /// The position of the last version or newest state of these rows; nil where there never was one.
  package func last(_ watched: [WatchedRows]) throws(StoreError) -> Int64? {
    var last: Int64?
    for watched in watched {
      let asked = try ask(watched)
      for table in asked.tables {
        let found = try connection.query(
          "SELECT max(x.position) FROM \(asked.source(table)) x WHERE \(asked.conditions)", asked.values,
          seconds: Connection.longReplySeconds
        ).map { $0.bigint() }
        last = [last, found.first ?? nil].compactMap { $0 }.max()
      }
    }
    return last
  }

  /// Rows watched, with their versions from a position on, up to `limit` of all together.
  package func excerpt(_ watched: [WatchedRows], from: Int64, limit: Int) throws -> Excerpt {
    var rows: [Row] = []
    var asked: [Asked] = []
    for watched in watched {
      let one = try ask(watched)
      asked.append(one)
      try connection.query(
        one.versions, one.values + [.bigint(from), .bigint(Int64(limit) + 1), .text(projection)],
        seconds: Connection.longReplySeconds
      ).eachRow { row in one.add(&row, to: &rows) }
    }
    let next = Self.next(rows.flatMap(\.versions).map(\.position), limit: limit)
    if let next {
      for index in rows.indices { rows[index].versions.removeAll { $0.position >= next } }
      rows.removeAll(where: \.versions.isEmpty)
    }
    for one in asked where one.hasVersions { try addBefore(one, from, to: &rows) }
    return Excerpt(rows: rows, next: next)
  }

  /// Where to go on if there are more positions than `limit`: the first that is left out, each being shown whole or not at all.
  package static func next(_ positions: [Int64], limit: Int) -> Int64? {
    positions.count > limit ? positions.sorted()[limit] : nil
  }

  /// Puts to each row the version before those that are shown.
  private func addBefore(_ asked: Asked, _ from: Int64, to rows: inout [Row]) throws {
    let indices = Dictionary(
      rows.indices.filter { rows[$0].table == asked.table }.map { (rows[$0].key, $0) }, uniquingKeysWith: { $1 })
    if indices.isEmpty { return }
    try connection.stream(asked.before, asked.values + [.bigint(from)]) { row in
      let (key, version) = asked.version(&row)
      if let index = indices[key] { rows[index].before = version }
    }
  }

  /// What the newest states hold, in the snapshot: as they are copied, so that `WatchedRows.sum` of a fold is the same.
  package func sum(_ watched: WatchedRows) throws -> Sum {
    let asked = try ask(watched)
    let list = watched.toldColumns.map { "x.\"\($0)\"" }.joined(separator: ", ")
    let sql = "SELECT \(list) FROM \(asked.source(asked.table + "_current")) x WHERE \(asked.conditions)"
    var sum = Sum()
    try connection.stream(sql, asked.values) { row in
      var bytes: [UInt8] = []
      for _ in watched.toldColumns {
        let field = row.field()
        withUnsafeBytes(of: Int32(field?.count ?? -1).bigEndian) { bytes.append(contentsOf: $0) }
        if let field { bytes.append(contentsOf: field) }
      }
      sum.add(bytes)
    }
    return sum
  }

  /// What asks for the rows watched, and reads the answers.
  private struct Asked {
    var table: String
    var member: ListMember?
    var hasVersions: Bool
    var columns: [Column]
    /// `$1…` of the conditions.
    var values: [SQLValue]
    var conditions: String

    /// Where rows come from: a table, or its rows' members.
    func source(_ table: String) -> String {
      let table = "pleat.\"\(table)\""
      guard let member else { return table }
      let members = Set(member.lists.map(\.member))
      return member.select(from: table, columns.map(\.name).filter { !members.contains($0) })
    }

    var tables: [String] { (hasVersions ? [table] : []) + [table + "_current"] }
    private var keys: [Column] { columns.filter { $0.isKey && $0.name != "generation" } }
    private var keyList: String { keys.map { "x.\"\($0.name)\"" }.joined(separator: ", ") }
    private var texts: String { columns.map { "x.\"\($0.name)\"::text" }.joined(separator: ", ") }
    /// With names that no column has.
    private var named: String {
      (keys.enumerated().map { "x.\"\($1.name)\" AS \"key \($0)\"" }
        + columns.enumerated().map { "x.\"\($1.name)\"::text AS \"text \($0)\"" }).joined(separator: ", ")
    }

    /// Of versions and newest states the first from a position on, `$from`, up to `$limit`; then `$projection`. What has not changed
    /// since the last turn of the day is what its last version says, and is left out.
    var versions: String {
      let (from, limit, projection) = (values.count + 1, values.count + 2, values.count + 3)
      let kept = """
        SELECT x.position, t.watermark, false AS is_newest, \(named) FROM \(source(table)) x
        LEFT JOIN pleat.turns t ON t.projection = $\(projection) AND t.generation = x.generation AND t.position = x.position
        WHERE \(conditions) AND x.position >= $\(from)
        UNION ALL
        """
      return """
        SELECT s.position, s.is_newest, s.watermark,
          (SELECT j.appended_at FROM pleat.journal j WHERE j.first_position <= s.position
           ORDER BY j.first_position DESC LIMIT 1),
          \(columns.indices.map { "s.\"text \($0)\"" }.joined(separator: ", "))
        FROM (
          \(hasVersions ? kept : "")
          SELECT x.position, NULL::timestamptz AS watermark, true AS is_newest, \(named) FROM \(source(table + "_current")) x
          WHERE \(conditions) AND x.position >= $\(from) AND (NOT \(hasVersions) OR x.position >= (
            SELECT c.last_day_turn FROM pleat.projection_cursors c
            WHERE c.projection = $\(projection) AND c.generation = $1))
          ORDER BY position LIMIT $\(limit)) s
        ORDER BY \(keys.indices.map { "s.\"key \($0)\"" }.joined(separator: ", ")), s.is_newest, s.position
        """
    }

    /// The last version of each row before a position, `$from`.
    var before: String {
      """
      SELECT DISTINCT ON (\(keyList)) x.position, false, NULL::timestamptz, NULL::timestamptz, \(texts)
      FROM \(source(table)) x WHERE \(conditions) AND x.position < $\(values.count + 1)
      ORDER BY \(keyList), x.position DESC
      """
    }

    func version(_ row: inout RowReader) -> (key: [RowDifference.Pair], version: Version) {
      let position = row.bigint() ?? 0
      let isNewest = row.bool() ?? false
      let watermark = row.timestamptz()
      let appendedAt = row.timestamptz()
      let all = columns.map { (column: $0, value: row.text()) }
      let version = Version(
        turn: isNewest ? nil : position, watermark: watermark, appendedAt: appendedAt, position: position,
        values: all.filter { !$0.column.isKey && $0.column.name != "position" }.map { ($0.column.name, $0.value) })
      return (
        all.filter { $0.column.isKey && $0.column.name != "generation" }.map {
          RowDifference.Pair(column: $0.column.name, value: $0.value ?? "")
        }, version
      )
    }

    /// The rows come in the order of their keys.
    func add(_ row: inout RowReader, to found: inout [Row]) {
      let (key, version) = version(&row)
      if let last = found.last, last.table == table, last.key == key {
        found[found.count - 1].versions.append(version)
      } else {
        found.append(Row(table: table, key: key, isMember: member != nil, versions: [version]))
      }
    }
  }

  private func ask(_ watched: WatchedRows) throws(StoreError) -> Asked {
    let columns = try columns(watched.table + "_current", watched.member)
    let hasVersions =
      try connection.query("SELECT to_regclass('pleat.' || quote_ident($1)) IS NOT NULL", [.text(watched.table)])
      .map { $0.bool() ?? false }.first ?? false
    var values: [SQLValue] = [.int(generation)]
    var conditions = "x.generation = $1"
    for (name, bytes) in watched.values {
      values.append(SQLValue(oid: columns.first { $0.name == name }!.oid, bytes: bytes))
      conditions += " AND x.\"\(name)\" = $\(values.count)"
    }
    return Asked(
      table: watched.table, member: watched.member, hasVersions: hasVersions, columns: columns, values: values,
      conditions: conditions)
  }

  private static let wizardTurns = """
    SELECT t.position, t.watermark, (
        SELECT j.appended_at FROM pleat.journal j WHERE j.first_position <= t.position
        ORDER BY j.first_position DESC LIMIT 1
      ), coalesce(s.sessions, 0)
    FROM pleat.turns t
    LEFT JOIN pleat.wizard_sessions s
      ON s.generation = t.generation AND s.position = t.position AND s.step = $3
    WHERE t.projection = $1 AND t.generation = $2 AND t.kept
    ORDER BY t.position
    """

  /// What `wizard_now` showed of a step at each turn of the day.
  package func wizardTurns(step: Int16) throws(StoreError) -> [Version] {
    try connection.query(Self.wizardTurns, [.text(projection), .int(generation), .smallint(step)]).map { row in
      let position = row.bigint() ?? 0
      return Version(
        turn: position, watermark: row.timestamptz(), appendedAt: row.timestamptz(), position: position,
        values: [("sessions", "\(row.bigint() ?? 0)")])
    }
  }
}
