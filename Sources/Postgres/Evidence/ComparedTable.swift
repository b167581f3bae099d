import Engine
import Projections

/// A table as a comparison sees it: the rows of one generation (or of one projection's log) in the order of their key.
package struct ComparedTable: Sendable {
  struct Column: Hashable, Sendable {
    var name: String
    var type: UInt32
    var isKey: Bool
  }

  /// `team_stats_current`: in the schema pleat, and among the session's temporary tables.
  package let name: String
  let columns: [Column]
  /// What is the same in all rows compared, as `$1…`: not part of the key.
  let fixed: [(name: String, value: SQLValue)]
  /// Rows of positions up to the verifier's are written once and for all; others change with the live cursor.
  let isImmutable: Bool
  /// Only rows behind this position.
  let after: Int64?

  private static let catalog = """
    SELECT a.attname::text, a.atttypid::bigint, coalesce(a.attnum = ANY (i.indkey), false)
    FROM pg_attribute a
    LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = to_regclass('pleat.' || quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
    """

  /// Its columns as the catalog has them, but for those that tell nothing about the fold.
  init(
    _ name: String, fixed: [(name: String, value: SQLValue)], isImmutable: Bool, after: Int64? = nil,
    without ignored: Set<String> = [], _ connection: StoreConnection
  ) throws(StoreError) {
    (self.name, self.fixed, self.isImmutable, self.after) = (name, fixed, isImmutable, after)
    columns = try connection.query(Self.catalog, [.text(name)]).map { row in
      Column(name: row.text() ?? "", type: UInt32(row.bigint() ?? 0), isKey: row.bool() ?? false)
    }.filter { !ignored.contains($0.name) }
    guard columns.contains(where: \.isKey) else { throw .refused("the table pleat.\(name) has no primary key") }
  }

  /// Indices of the key's columns, without what is fixed.
  var keys: [Int] {
    columns.indices.filter { index in columns[index].isKey && !fixed.contains { $0.name == columns[index].name } }
  }

  var positionColumn: Int? { columns.firstIndex { $0.name == "position" } }

  private func quoted(_ name: String) -> String { "\"\(name)\"" }
  private var list: String { columns.map { "x.\(quoted($0.name))" }.joined(separator: ", ") }
  private var keyList: String { keys.map { "x.\(quoted(columns[$0].name))" }.joined(separator: ", ") }

  /// The conditions of a piece of rows, with the parameters from `values.count + 1` on.
  private func conditions(
    after last: [SQLValue]?, through upper: [SQLValue]?, upTo position: Int64?, _ values: inout [SQLValue]
  ) -> String {
    var parts: [String] = []
    func place(_ value: SQLValue) -> String {
      values.append(value)
      return "$\(values.count)"
    }
    for (name, value) in fixed { parts.append("x.\(quoted(name)) = \(place(value))") }
    if let last { parts.append("(\(keyList)) > (\(last.map { place($0) }.joined(separator: ", ")))") }
    if let upper { parts.append("(\(keyList)) <= (\(upper.map { place($0) }.joined(separator: ", ")))") }
    if let after { parts.append("x.position > \(place(.bigint(after)))") }
    if let position { parts.append("x.position <= \(place(.bigint(position)))") }
    return parts.joined(separator: " AND ")
  }

  /// The next rows of the live side, in one snapshot with its cursor's position: that first, then the columns.
  func liveRows(
    projection: String, generation: Int32, after last: [SQLValue]?, upTo position: Int64?, limit: Int
  ) -> (sql: String, values: [SQLValue]) {
    var values: [SQLValue] = [.text(projection), .int(generation), .bigint(Int64(limit))]
    let conditions = conditions(after: last, through: nil, upTo: position, &values)
    let sql = """
      SELECT c.position, r.* FROM (
        SELECT position FROM pleat.projection_cursors WHERE projection = $1 AND generation = $2 AND phase = 'live') c
      LEFT JOIN LATERAL (
        SELECT true, \(list) FROM pleat.\(quoted(name)) x WHERE \(conditions) ORDER BY \(keyList) LIMIT $3) r ON true
      """
    return (sql, values)
  }

  func temporaryRows(after last: [SQLValue]?, through upper: [SQLValue]?, upTo position: Int64?, limit: Int) -> (
    sql: String, values: [SQLValue]
  ) {
    var values: [SQLValue] = [.bigint(Int64(limit))]
    let conditions = conditions(after: last, through: upper, upTo: position, &values)
    return (
      "SELECT \(list) FROM pg_temp.\(quoted(name)) x WHERE \(conditions) ORDER BY \(keyList) LIMIT $1", values
    )
  }
}
