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
    /// In order; the newest state last.
    package var versions: [Version]

    package init(table: String, key: [RowDifference.Pair], versions: [Version]) {
      (self.table, self.key, self.versions) = (table, key, versions)
    }
  }

  private let connection: StoreConnection
  private let generation: Int32
  private let projection: String
  /// Rows shown, of each table.
  fileprivate static let rowLimit = 10_000

  package init(_ target: ConnectionTarget, projection: String, generation: Int32) {
    (self.projection, self.generation) = (projection, generation)
    connection = StoreConnection(target, onNotice: { _ in })
  }

  private static let columns = """
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.atttypid::bigint,
      coalesce(a.attnum = ANY (i.indkey), false)
    FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = to_regclass('pleat.' || quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attgenerated = ''
    ORDER BY a.attnum
    """

  fileprivate struct Column {
    var name: String
    var type: String
    var oid: UInt32
    var isKey: Bool
  }

  private func columns(_ table: String) throws(StoreError) -> [Column] {
    try connection.query(Self.columns, [.text(table)]).map { row in
      Column(
        name: row.text() ?? "", type: row.text() ?? "", oid: UInt32(row.bigint() ?? 0), isKey: row.bool() ?? false)
    }
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

  /// Rows of `name_current` whose columns have these values.
  package func watch(_ statements: TableStatements, _ values: [(column: String, text: String)]) throws(StoreError)
    -> WatchedRows
  {
    let columns = try columns(statements.name + "_current")
    var binary: [(column: String, bytes: [UInt8])] = []
    for (name, text) in values {
      guard let column = columns.first(where: { $0.name == name }) else {
        throw .refused("the table pleat.\(statements.name)_current has no column \(name)")
      }
      binary.append((name, try value(text, column)))
    }
    let copied = statements.copiedColumns
    return WatchedRows(
      statements.name, values: binary, columns: copied.isEmpty ? columns.map(\.name) : copied,
      keys: Set(columns.filter(\.isKey).map(\.name)))
  }

  /// A noticed key as PostgreSQL writes it, in the table's order.
  package func key(_ fields: [[UInt8]], of watched: WatchedRows) throws(StoreError) -> [RowDifference.Pair] {
    let columns = try columns(watched.table + "_current")
    var pairs: [RowDifference.Pair] = []
    for column in columns {
      guard let index = watched.keyColumns.firstIndex(of: column.name) else { continue }
      // Unprepared: the parameter is of another type each time.
      let result = try connection.use { (connection) throws(PostgresError) in
        try connection.queryUnprepared("SELECT ($1)::text", [SQLValue(oid: column.oid, bytes: fields[index])])
      }
      pairs.append(RowDifference.Pair(column: column.name, value: result.map { $0.text() ?? "" }.first ?? ""))
    }
    return pairs
  }

  /// Every row watched, with its versions.
  package func rows(_ watched: WatchedRows) throws(StoreError) -> [Row] {
    let asked = try ask(watched)
    var found: [Row] = []
    let hasVersions =
      try connection.query("SELECT to_regclass('pleat.' || quote_ident($1)) IS NOT NULL", [.text(watched.table)])
      .map { $0.bool() ?? false }.first ?? false
    if hasVersions {
      try connection.query(
        """
        SELECT x.position, t.watermark, \(Self.appended), \(asked.list)
        FROM pleat."\(watched.table)" x
        LEFT JOIN pleat.turns t ON t.projection = $2 AND t.generation = x.generation AND t.position = x.position
        WHERE \(asked.conditions) ORDER BY \(asked.order), x.position LIMIT \(Self.rowLimit)
        """, asked.values, seconds: Connection.longReplySeconds
      ).eachRow { row in asked.add(&row, isNewest: false, to: &found) }
    }
    try connection.query(asked.newest(in: "pleat"), asked.values, seconds: Connection.longReplySeconds)
      .eachRow { row in asked.add(&row, isNewest: true, to: &found) }
    return found
  }

  /// The same rows as a fold into temporary tables has left them.
  package func newest(_ watched: WatchedRows, in store: TemporaryFoldStore) throws(StoreError) -> [Row] {
    let asked = try ask(watched)
    var found: [Row] = []
    try store.connection.query(asked.newest(in: "pg_temp"), asked.values)
      .eachRow { row in asked.add(&row, isNewest: true, to: &found) }
    return found
  }

  /// Whether the newest states hold the same, but for what says nothing of a number. A row that nothing was ever written to may be
  /// missing.
  package static func saysTheSame(_ folded: [Row], _ rows: [Row]) -> Bool {
    func states(_ rows: [Row]) -> [[String]: [String?]] {
      var states: [[String]: [String?]] = [:]
      for row in rows {
        guard let newest = row.versions.last, newest.turn == nil else { continue }
        states[[row.table] + row.key.map(\.value)] =
          newest.values.filter { !WatchedRows.silent.contains($0.column) }.map(\.value)
      }
      return states
    }
    return states(folded) == states(rows)
  }

  fileprivate static let appended = """
    (SELECT j.appended_at FROM pleat.journal j WHERE j.first_position <= x.position
     ORDER BY j.first_position DESC LIMIT 1)
    """

  /// What asks for the rows watched, and reads the answers.
  private struct Asked {
    var table: String
    var columns: [Column]
    var values: [SQLValue]
    var conditions: String
    var list: String
    var order: String
    var keys: [String]

    func newest(in schema: String) -> String {
      """
      SELECT x.position, NULL::timestamptz, \(RowHistory.appended), \(list) FROM \(schema)."\(table)_current" x
      WHERE \(conditions) AND $2::text IS NOT NULL ORDER BY \(order) LIMIT \(RowHistory.rowLimit)
      """
    }

    func add(_ row: inout RowReader, isNewest: Bool, to found: inout [Row]) {
      let position = row.bigint() ?? 0
      let watermark = row.timestamptz()
      let appendedAt = row.timestamptz()
      let all = columns.map { (column: $0.name, value: row.text()) }
      let key = all.filter { keys.contains($0.column) }.map {
        RowDifference.Pair(column: $0.column, value: $0.value ?? "")
      }
      let version = Version(
        turn: isNewest ? nil : position, watermark: watermark, appendedAt: appendedAt, position: position,
        values: all.filter { !keys.contains($0.column) && $0.column != "generation" && $0.column != "position" })
      if let index = found.firstIndex(where: { $0.key == key }) {
        found[index].versions.append(version)
      } else {
        found.append(Row(table: table, key: key, versions: [version]))
      }
    }
  }

  private func ask(_ watched: WatchedRows) throws(StoreError) -> Asked {
    let columns = try columns(watched.table + "_current")
    let keys = columns.filter { $0.isKey && $0.name != "generation" }.map(\.name)
    var values: [SQLValue] = [.int(generation), .text(projection)]
    var conditions = "x.generation = $1"
    for (name, bytes) in watched.values {
      values.append(SQLValue(oid: columns.first { $0.name == name }!.oid, bytes: bytes))
      conditions += " AND x.\"\(name)\" = $\(values.count)"
    }
    return Asked(
      table: watched.table, columns: columns, values: values, conditions: conditions,
      list: columns.map { "x.\"\($0.name)\"::text" }.joined(separator: ", "),
      order: keys.map { "x.\"\($0)\"" }.joined(separator: ", "), keys: keys)
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
