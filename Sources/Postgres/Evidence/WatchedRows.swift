package import Engine
import Events
import Projections

/// Rows of one table whose key, or a part of it, has certain values: notices in what a fold writes whether one of them changed.
package struct WatchedRows {
  package let columns: CopiedColumns
  /// Column and value, in PostgreSQL's binary form.
  let values: [(column: String, bytes: [UInt8])]
  private let valueColumns: [(column: Int, bytes: [UInt8])]
  /// What tells something of a number, in the order of `COPY`; of a member, its own values come behind.
  private let told: [Int]
  /// The member of the rows' lists that is meant, and its columns of lists.
  let member: ListMember?
  private let lists: [Int]
  /// What each of the rows held when it was last written, by its key: fields with their lengths.
  private var known: [[UInt8]: [UInt8]] = [:]

  /// What says nothing of a number: where a row came to be as it is, and what the rules remember of it.
  static let silent: Set<String> = [
    "generation", "position", "announced", "announced_direction", "announced_successes", "announced_outcomes",
    "trending_seen_at", "watched",
  ]

  /// - Parameter member: of the rows; `values` has its name, too.
  init(_ columns: CopiedColumns, values: [(column: String, bytes: [UInt8])], member: ListMember? = nil) {
    (self.columns, self.values, self.member) = (columns, values, member)
    let lists = (member?.lists ?? []).map { list in columns.names.firstIndex(of: list.column) ?? -1 }
    self.lists = lists
    told = columns.names.indices.filter { !Self.silent.contains(columns.names[$0]) && !lists.contains($0) }
    // A column that is not copied is none of any row.
    valueColumns = values.filter { $0.column != member?.names.member }.map {
      (columns.names.firstIndex(of: $0.column) ?? -1, $0.bytes)
    }
  }

  package var table: String { columns.statements.name }

  /// The key's columns without the generation, in the order of what `notice` returns.
  package var keyColumns: [String] { columns.keys.map { columns.names[$0] } + (member.map { [$0.names.member] } ?? []) }
  var toldColumns: [String] { told.map { columns.names[$0] } + (member?.lists.map(\.member) ?? []) }

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
      var key = row.joined(columns.keys)
      var now = row.joined(told)
      if let member {
        guard let fields = fields(of: member, in: row) else { continue }
        key += fields[0]
        for field in fields { now += field }
      }
      if known.updateValue(now, forKey: key) != now, !changed.contains(key) { changed.append(key) }
    }
  }

  /// The member's name and values, each with its length; nil where the row does not have it.
  private func fields(of member: ListMember, in row: CopiedRows) -> [ArraySlice<UInt8>]? {
    guard let name = values.first(where: { $0.column == member.names.member })?.bytes,
      let index = row.elements(lists[0]).firstIndex(where: { $0.dropFirst(4).elementsEqual(name) })
    else { return nil }
    return lists.map { row.elements($0)[index] }
  }

  /// What all of them hold.
  package var sum: RowHistory.Sum {
    var sum = RowHistory.Sum()
    for row in known.values { sum.add(row) }
    return sum
  }
}
