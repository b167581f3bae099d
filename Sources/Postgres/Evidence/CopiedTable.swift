import Engine
package import Projections

/// The columns of a table's `COPY`, and which of them are its key.
package struct CopiedColumns: Sendable {
  package let statements: TableStatements
  /// The generation first.
  let names: [String]
  /// Without the generation, in their order.
  let keys: [Int]

  init(_ statements: TableStatements, names: [String], keys: Set<String>) {
    (self.statements, self.names) = (statements, names)
    self.keys = names.indices.filter { keys.contains(names[$0]) && names[$0] != "generation" }
  }
}

/// Changed rows of a table in memory, by key, as `COPY` takes them.
struct CopiedTable {
  private struct Row {
    var bytes: [UInt8]
    /// What is written last knows nothing of the key.
    var isNew: Bool
  }

  /// Keys in no order, and in theirs once somebody asks for a page: its further pages find the order made.
  private struct Keys {
    private var keys: Set<[UInt8]> = []
    private var sorted: [[UInt8]]?

    mutating func insert(_ key: [UInt8]) {
      if keys.insert(key).inserted { sorted = nil }
    }

    mutating func remove(_ key: [UInt8]) {
      if keys.remove(key) != nil { sorted = nil }
    }

    /// Up to `limit` keys behind `last`. A key is one value, behind its length.
    mutating func page(behind last: [UInt8], limit: Int) -> ArraySlice<[UInt8]> {
      let start = 4
      let all =
        sorted ?? keys.sorted { $0[start...].lexicographicallyPrecedes($1[start...]) }
      sorted = all
      var (low, high) = (0, all.count)
      while low < high {
        let middle = (low + high) / 2
        if last.lexicographicallyPrecedes(all[middle][start...]) { high = middle } else { low = middle + 1 }
      }
      return all[low...].prefix(limit)
    }
  }

  /// About what a row takes besides its bytes: two arrays, and its place in the dictionary.
  private static let rowBytes = 128

  let columns: CopiedColumns
  private let query: (query: PageQuery, column: Int)?
  private var rows: [[UInt8]: Row] = [:]
  /// For the query: the keys of the rows, by the bytes of its column.
  private var keysByValue: [[UInt8]: Keys] = [:]
  private(set) var byteCount = 0

  init(_ columns: CopiedColumns, _ query: PageQuery?) {
    self.columns = columns
    self.query = query.flatMap { query in
      columns.keys.count == 1 ? columns.names.firstIndex(of: query.column).map { (query, $0) } : nil
    }
  }

  var isEmpty: Bool { rows.isEmpty }

  mutating func take(_ changes: TableChanges) {
    take(changes.inserts, isNew: true)
    take(changes.updates, isNew: false)
  }

  private mutating func take(_ writer: RowWriter, isNew: Bool) {
    if writer.count == 0 { return }
    var reader = CopiedRows(writer.bytes)
    while reader.next() {
      let key = reader.joined(columns.keys)
      let row = Row(bytes: reader.rowBytes, isNew: isNew)
      byteCount += row.bytes.count
      let old = rows.updateValue(row, forKey: key)
      if let old {
        byteCount -= old.bytes.count
        if old.isNew { rows[key]?.isNew = true }
      } else {
        byteCount += key.count + Self.rowBytes
      }
      if let query {
        index(key, from: old.flatMap { value($0.bytes, query.column) }, to: value(row.bytes, query.column))
      }
    }
  }

  private mutating func index(_ key: [UInt8], from old: [UInt8]?, to new: [UInt8]?) {
    if old == new { return }
    if let old { keysByValue[old]?.remove(key) }
    if let new { keysByValue[new, default: Keys()].insert(key) }
  }

  private func value(_ row: [UInt8], _ column: Int) -> [UInt8]? {
    var offset = 0
    for _ in 0..<column { offset += 4 + max(0, Self.length(row, offset)) }
    let length = Self.length(row, offset)
    return length < 0 ? nil : Array(row[offset + 4..<offset + 4 + length])
  }

  private static func length(_ row: [UInt8], _ offset: Int) -> Int {
    Int(Int32(bitPattern: row[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
  }

  /// The rows of a page of its query; nil where this is another one.
  mutating func page(_ sql: String, _ parameters: [Parameter]) -> [[UInt8]]? {
    guard let query, query.query.sql == sql, case .text(let value)? = parameters.first,
      case .uuid(let last)? = parameters.last
    else { return nil }
    let behind = withUnsafeBytes(of: (last.high.bigEndian, last.low.bigEndian)) { Array($0) }
    let keys = keysByValue[Array(value.utf8)]?.page(behind: behind, limit: query.query.limit) ?? []
    // Without the generation.
    return keys.compactMap { key in rows[key].map { Array($0.bytes[8...]) } }
  }

  /// Everything, to be written; nothing is left.
  mutating func takeAll() -> TableChanges {
    var changes = TableChanges(statements: columns.statements, inserts: RowWriter(), updates: RowWriter())
    let count = Int16(columns.names.count)
    for (_, row) in rows.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      if row.isNew {
        changes.inserts.row(row.bytes, count: count)
      } else {
        changes.updates.row(row.bytes, count: count)
      }
    }
    (rows, keysByValue, byteCount) = ([:], [:], 0)
    return changes
  }
}
