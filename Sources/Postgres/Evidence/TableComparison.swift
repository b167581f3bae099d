package import Engine
import Projections

/// A row that is not what the fold of the journal gives.
package struct RowDifference: Hashable, Sendable {
  package var table: String
  /// Column and value of the key, as PostgreSQL writes them.
  package var key: [Pair]
  /// nil where the whole row is missing, or should not be there.
  package var column: String?
  /// The row's position: the event, or the turn, at which it came to be what it should be.
  package var position: Int64?
  /// nil for null, or where the row should not be there.
  package var expected: String?
  /// nil for null, or where the row is missing.
  package var found: String?

  package struct Pair: Hashable, Sendable {
    package var column: String
    package var value: String
    package init(column: String, value: String) { (self.column, self.value) = (column, value) }

    /// By bytes, as PostgreSQL tells keys apart: for `String` canonically equivalent values are equal.
    package static func == (a: Self, b: Self) -> Bool { a.bytes == b.bytes }
    package func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
    private var bytes: [[UInt8]] { [Array(column.utf8), Array(value.utf8)] }
  }
}

/// Compares tables of a live generation with what a fold of the journal made of them in temporary tables, byte for byte and in
/// bounded memory: piece after piece in the order of the key, each piece of the live side in one snapshot with its cursor, to
/// which the fold then follows.
package final class TableComparison {
  private static let pieceRows = 2_000
  /// Of a value that is shown.
  private static let shownCharacters = 400

  private typealias Row = [[UInt8]?]

  private let projection: String
  private let generation: Int32
  /// Of tables whose rows are several of their view's: a difference in the lists is one of a member.
  private let members: [String: ListMember]
  private let live: StoreConnection
  private let temporary: StoreConnection
  /// Folds through the position.
  private let follow: (Int64) throws -> Void

  /// Rows compared so far.
  package private(set) var rowCount: Int64 = 0

  package init(
    _ target: ConnectionTarget, projection: String, generation: Int32, members: [String: ListMember] = [:],
    with store: TemporaryFoldStore, follow: @escaping (Int64) throws -> Void
  ) {
    (self.projection, self.generation, self.members, self.follow) = (projection, generation, members, follow)
    live = StoreConnection(target, profile: .fold, onNotice: { _ in })
    temporary = store.connection
  }

  // MARK: - Tables

  /// The newest rows, and the versions, of a projection's tables.
  package func rows(_ name: String) throws(StoreError) -> ComparedTable {
    try ComparedTable(
      name, fixed: [("generation", .int(generation))], isImmutable: !name.hasSuffix("_current"), live)
  }

  package func turns() throws(StoreError) -> ComparedTable {
    try ComparedTable(
      "turns", fixed: [("projection", .text(projection)), ("generation", .int(generation))], isImmutable: true,
      without: ["kept"], live)
  }

  /// Derived events behind a position.
  package func outbox(after position: Int64) throws(StoreError) -> ComparedTable {
    try ComparedTable(
      "outbox", fixed: [("projection", .text(projection))], isImmutable: true, after: position, live)
  }

  /// Positions of turns whose versions retention has thinned out: of them any may be gone.
  private func thinned() throws(StoreError) -> Set<Int64> {
    Set(
      try live.query(
        "SELECT position FROM pleat.turns WHERE projection = $1 AND generation = $2 AND NOT kept",
        [.text(projection), .int(generation)]
      ).map { $0.bigint() ?? 0 })
  }

  // MARK: - Comparing

  /// The first difference in the order of the key; nil for none. `folded` is how far the fold has come at least.
  package func compare(_ table: ComparedTable, folded: Int64, _ onPiece: () throws -> Void) throws -> RowDifference? {
    var last: [SQLValue]?
    let limit = table.isImmutable ? folded : nil
    var known: Set<Int64> = []
    while true {
      try onPiece()
      let (found, position) = try livePiece(table, after: last, upTo: limit)
      if !table.isImmutable { try follow(position) }
      let isLast = found.count < Self.pieceRows
      let upper = isLast ? nil : key(found[found.count - 1], table)
      var expected = try temporaryPiece(table, after: last, through: upper, upTo: limit, without: known, found)
      if found != expected, table.isImmutable, table.name != "outbox", table.name != "turns" {
        known = try thinned()
        expected = try temporaryPiece(table, after: last, through: upper, upTo: limit, without: known, found)
      }
      if found != expected, let difference = try difference(table, found: found, expected: expected) {
        return difference
      }
      rowCount += Int64(found.count)
      guard let upper else { return nil }
      last = upper
    }
  }

  private func key(_ row: Row, _ table: ComparedTable) -> [SQLValue] {
    table.keys.map { SQLValue(oid: table.columns[$0].type, bytes: row[$0]) }
  }

  private func livePiece(_ table: ComparedTable, after last: [SQLValue]?, upTo limit: Int64?) throws(StoreError) -> (
    rows: [Row], position: Int64
  ) {
    let (sql, values) = table.liveRows(
      projection: projection, generation: generation, after: last, upTo: limit, limit: Self.pieceRows)
    var rows: [Row] = []
    var position: Int64?
    try live.query(sql, values).eachRow { row in
      position = row.bigint()
      guard row.bool() == true else { return }
      rows.append(table.columns.map { _ in row.bytea() })
    }
    guard let position else { throw .lost("generation \(generation) of \(projection) is not live any more") }
    return (rows, position)
  }

  /// What the fold has of a piece, up to more rows than a live piece has; without the versions of thinned turns that are not
  /// `found`, of which there may be any number between those that are kept.
  private func temporaryPiece(
    _ table: ComparedTable, after last: [SQLValue]?, through upper: [SQLValue]?, upTo limit: Int64?,
    without thinned: Set<Int64>, _ found: [Row]
  ) throws(StoreError) -> [Row] {
    let foundKeys = thinned.isEmpty ? [] : Set(found.map { keyBytes($0, table) })
    var rows: [Row] = []
    var last = last
    while true {
      let (sql, values) = table.temporaryRows(after: last, through: upper, upTo: limit, limit: 2 * Self.pieceRows)
      let page: [Row] = try temporary.query(sql, values).map { row in table.columns.map { _ in row.bytea() } }
      rows += page.filter { row in
        guard let position = position(row, table), thinned.contains(position) else { return true }
        return foundKeys.contains(keyBytes(row, table))
      }
      guard page.count == 2 * Self.pieceRows, rows.count < 2 * Self.pieceRows else { return rows }
      last = key(page[page.count - 1], table)
    }
  }

  private func keyBytes(_ row: Row, _ table: ComparedTable) -> Row { table.keys.map { row[$0] } }

  private func position(_ row: Row, _ table: ComparedTable) -> Int64? {
    guard let column = table.positionColumn, let bytes = row[column], bytes.count == 8 else { return nil }
    return bytes.reduce(0) { $0 << 8 | Int64($1) }
  }

  /// The first difference of two pieces.
  private func difference(_ table: ComparedTable, found: [Row], expected: [Row]) throws(StoreError) -> RowDifference? {
    func keyBytes(_ row: Row) -> Row { self.keyBytes(row, table) }
    func position(_ row: Row) -> Int64? { self.position(row, table) }
    let expectedKeys = Set(expected.map(keyBytes))
    var (left, right) = (0, 0)
    while left < found.count || right < expected.count {
      if left < found.count, right < expected.count, keyBytes(found[left]) == keyBytes(expected[right]) {
        if let index = table.columns.indices.first(where: { found[left][$0] != expected[right][$0] }) {
          if let difference = try memberDifference(table, at: index, found: found[left], expected: expected[right]) {
            return difference
          }
          return RowDifference(
            table: table.name, key: try shownKey(expected[right], table), column: table.columns[index].name,
            position: position(expected[right]), expected: try shown(expected[right][index], table.columns[index].type),
            found: try shown(found[left][index], table.columns[index].type))
        }
        (left, right) = (left + 1, right + 1)
      } else if left < found.count, !expectedKeys.contains(keyBytes(found[left])) {
        return RowDifference(
          table: table.name, key: try shownKey(found[left], table) + firstMember(of: found[left], table), column: nil,
          position: position(found[left]), expected: nil, found: "a row")
      } else {
        let missing = expected[right]
        return RowDifference(
          table: table.name, key: try shownKey(missing, table) + firstMember(of: missing, table), column: nil,
          position: position(missing), expected: "a row", found: nil)
      }
    }
    return nil
  }

  // MARK: - Members

  /// The lists of a row: of each the values, its names first. Each value with its length.
  private func lists(of row: Row, _ member: ListMember, _ table: ComparedTable) -> [(
    type: UInt32, values: [ArraySlice<UInt8>]
  )] {
    member.lists.map { list in
      guard let index = table.columns.firstIndex(where: { $0.name == list.column }), let bytes = row[index] else {
        return (0, [])
      }
      let list = BinaryList(bytes[...])
      return (list.elementType, list.elements)
    }
  }

  /// What differs first in two rows' lists, as the view shows it: a member in the order of the expected ones and what it holds, then
  /// one that should not be there. nil where the column is no list, or only the members' order differs.
  private func memberDifference(_ table: ComparedTable, at column: Int, found: Row, expected: Row) throws(StoreError)
    -> RowDifference?
  {
    guard let member = members[table.name],
      member.lists.contains(where: { $0.column == table.columns[column].name })
    else { return nil }
    let (left, right) = (lists(of: found, member, table), lists(of: expected, member, table))
    let (type, names) = right[0]
    func difference(
      _ name: ArraySlice<UInt8>, _ column: String?, expected shownExpected: String?, found shownFound: String?
    ) throws(StoreError) -> RowDifference {
      RowDifference(
        table: table.name, key: try shownKey(expected, table) + [try pair(name, type, member)], column: column,
        position: position(expected, table), expected: shownExpected, found: shownFound)
    }
    let places = Dictionary(
      left[0].values.indices.map { (left[0].values[$0], $0) }, uniquingKeysWith: { first, _ in first })
    for (index, name) in names.enumerated() {
      guard let other = places[name] else {
        return try difference(name, nil, expected: "a row", found: nil)
      }
      for (list, (there, here)) in zip(member.values, zip(left.dropFirst(), right.dropFirst())) {
        let (value, otherValue) = (
          index < here.values.count ? here.values[index] : nil, other < there.values.count ? there.values[other] : nil
        )
        if value == otherValue { continue }
        return try difference(
          name, list.member, expected: try shown(value, here.type), found: try shown(otherValue, there.type))
      }
    }
    let known = Set(names)
    guard let tooMany = left[0].values.first(where: { !known.contains($0) }) else { return nil }
    return try difference(tooMany, nil, expected: nil, found: "a row")
  }

  /// Of a row that is wrong as a whole, its first member's name.
  private func firstMember(of row: Row, _ table: ComparedTable) throws(StoreError) -> [RowDifference.Pair] {
    guard let member = members[table.name], let (type, names) = lists(of: row, member, table).first,
      let name = names.first
    else { return [] }
    return [try pair(name, type, member)]
  }

  private func pair(_ name: ArraySlice<UInt8>, _ type: UInt32, _ member: ListMember) throws(StoreError)
    -> RowDifference.Pair
  {
    RowDifference.Pair(column: member.names.member, value: try shown(name, type) ?? "null")
  }

  /// An element with its length.
  private func shown(_ element: ArraySlice<UInt8>?, _ type: UInt32) throws(StoreError) -> String? {
    guard let element, element.first.map({ $0 & 0x80 == 0 }) ?? false else { return nil }
    return try shown(Array(element.dropFirst(4)), type)
  }

  // MARK: - As text

  private func shownKey(_ row: Row, _ table: ComparedTable) throws(StoreError) -> [RowDifference.Pair] {
    var pairs: [RowDifference.Pair] = []
    for index in table.keys {
      pairs.append(
        RowDifference.Pair(
          column: table.columns[index].name, value: try shown(row[index], table.columns[index].type) ?? "null"))
    }
    return pairs
  }

  /// A value as PostgreSQL writes it.
  private func shown(_ bytes: [UInt8]?, _ type: UInt32) throws(StoreError) -> String? {
    guard let bytes else { return nil }
    // Unprepared: the parameter is of another type each time.
    let result = try live.use { (connection) throws(PostgresError) in
      try connection.queryUnprepared("SELECT ($1)::text", [SQLValue(oid: type, bytes: bytes)])
    }
    let text = result.map { $0.text() ?? "" }.first ?? ""
    return text.count > Self.shownCharacters ? text.prefix(Self.shownCharacters) + "…" : text
  }
}
