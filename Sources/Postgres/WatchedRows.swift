package import Engine
import Events
import Projections

/// Rows of one table whose key, or a part of it, has certain values: notices in what a fold writes whether one of them changed.
package struct WatchedRows {
  package let columns: CopiedColumns
  /// Column and value, in PostgreSQL's binary form.
  let values: [(column: String, bytes: [UInt8])]
  private let valueColumns: [(column: Int, bytes: [UInt8])]
  /// What tells something of a number, in the order of `COPY`.
  private let told: [Int]
  /// What each of the rows held when it was last written, by its key: fields with their lengths.
  private var known: [[UInt8]: [UInt8]] = [:]

  /// What says nothing of a number: where a row came to be as it is, and what the rules remember of it.
  static let silent: Set<String> = [
    "generation", "position", "announced", "announced_direction", "announced_successes", "announced_outcomes",
    "trending_seen_at", "watched",
  ]

  init(_ columns: CopiedColumns, values: [(column: String, bytes: [UInt8])]) {
    (self.columns, self.values) = (columns, values)
    told = columns.names.indices.filter { !Self.silent.contains(columns.names[$0]) }
    // A column that is not copied is none of any row.
    valueColumns = values.map { (columns.names.firstIndex(of: $0.column) ?? -1, $0.bytes) }
  }

  package var table: String { columns.statements.name }

  /// The key's columns without the generation, in the order of what `notice` returns.
  package var keyColumns: [String] { columns.keys.map { columns.names[$0] } }
  var toldColumns: [String] { told.map { columns.names[$0] } }

  /// The keys of the rows that hold something else than before: for each the fields, with their lengths, one behind the other.
  package mutating func notice(_ changes: [TableChanges]) -> [[UInt8]] {
    var changed: [[UInt8]] = []
    for change in changes where change.statements.name == table {
      for writer in [change.inserts, change.updates] where writer.count > 0 { read(writer.bytes, &changed) }
    }
    return changed
  }

  private mutating func read(_ bytes: [UInt8], _ changed: inout [[UInt8]]) {
    var row = CopiedRows(bytes)
    while row.next() {
      precondition(row.fields.count == columns.names.count, "a row of \(table) has \(row.fields.count) fields")
      let isWatched = valueColumns.allSatisfy { column, bytes in
        column >= 0 && row.value(column).map { $0.elementsEqual(bytes) } ?? false
      }
      guard isWatched else { continue }
      let key = row.joined(columns.keys)
      let now = row.joined(told)
      if known.updateValue(now, forKey: key) != now, !changed.contains(key) { changed.append(key) }
    }
  }

  /// What all of them hold.
  package var sum: RowHistory.Sum {
    var sum = RowHistory.Sum()
    for row in known.values { sum.add(row) }
    return sum
  }
}
