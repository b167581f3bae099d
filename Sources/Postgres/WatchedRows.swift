package import Engine
import Projections

/// Rows of one table whose key, or a part of it, has certain values: notices in what a fold writes whether one of them changed.
package struct WatchedRows {
  package let table: String
  /// Column and value, in PostgreSQL's binary form.
  let values: [(column: String, bytes: [UInt8])]
  /// The columns of `COPY`, by the table's statements; in the table's order where they name none.
  private let columns: [String]
  /// What each of the rows held when it was last written, by its key.
  private var known: [[[UInt8]]: [[UInt8]?]] = [:]
  private let keys: Set<String>

  /// What says nothing of a number: where a row came to be as it is, and what the rules remember of it.
  static let silent: Set<String> = [
    "generation", "position", "announced", "announced_direction", "announced_successes", "announced_outcomes",
    "trending_seen_at", "watched",
  ]

  init(_ table: String, values: [(column: String, bytes: [UInt8])], columns: [String], keys: Set<String>) {
    (self.table, self.values, self.columns, self.keys) = (table, values, columns, keys)
  }

  /// What a fold has written of them.
  package struct Notice {
    /// Whether one was written at all.
    package var isWritten = false
    /// The keys of those that hold something else than before: a value for each of `keyColumns`.
    package var changed: [[[UInt8]]] = []
    package init() {}
  }

  /// The key's columns without the generation, in the order of `Notice.changed`.
  package var keyColumns: [String] { columns.filter { keys.contains($0) && $0 != "generation" } }

  package mutating func notice(_ changes: [TableChanges], _ notice: inout Notice) {
    for change in changes where change.statements.name == table {
      for writer in [change.inserts, change.updates] where writer.count > 0 { read(writer.bytes, &notice) }
    }
  }

  private mutating func read(_ bytes: [UInt8], _ notice: inout Notice) {
    var offset = 0
    func number(_ count: Int) -> Int {
      defer { offset += count }
      return bytes[offset..<offset + count].reduce(0) { $0 << 8 | Int($1) }
    }
    while offset + 2 <= bytes.count {
      let count = number(2)
      precondition(count == columns.count, "a row of \(table) has \(count) fields, not \(columns.count)")
      var fields: [[UInt8]?] = []
      for _ in 0..<count {
        let length = Int(Int32(truncatingIfNeeded: number(4)))
        guard length >= 0 else {
          fields.append(nil)
          continue
        }
        fields.append(Array(bytes[offset..<offset + length]))
        offset += length
      }
      let isWatched = values.allSatisfy { value in
        columns.firstIndex(of: value.column).map { fields[$0] == value.bytes } ?? false
      }
      guard isWatched else { continue }
      notice.isWritten = true
      let key = columns.indices.filter { keys.contains(columns[$0]) && columns[$0] != "generation" }.map {
        fields[$0] ?? []
      }
      let told = columns.indices.filter { !Self.silent.contains(columns[$0]) }.map { fields[$0] }
      if known.updateValue(told, forKey: key) != told, !notice.changed.contains(key) { notice.changed.append(key) }
    }
  }
}

extension TableStatements {
  /// The columns that `copy` names.
  var copiedColumns: [String] {
    guard let open = copy.firstIndex(of: "("), let close = copy.firstIndex(of: ")"),
      copy[..<open].split(whereSeparator: \.isWhitespace).count == 2
    else { return [] }
    return copy[copy.index(after: open)..<close].split { $0 == "," || $0.isWhitespace }.map(String.init)
  }
}
