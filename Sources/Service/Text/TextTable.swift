/// Rows for people, in columns as wide as what stands in them.
package struct TextTable {
  package enum Alignment { case left, right }

  private let columns: [(title: String, alignment: Alignment)]
  private var rows: [[String]] = []

  package init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

  /// One text for each column.
  package mutating func add(_ row: [String]) {
    precondition(row.count == columns.count, "a row has \(row.count) fields, not \(columns.count)")
    rows.append(row)
  }

  package var text: String {
    let all = [columns.map(\.title)] + rows
    let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      var line = ""
      for (index, field) in row.enumerated() {
        let space = String(repeating: " ", count: widths[index] - field.count)
        line += (index > 0 ? "  " : "") + (columns[index].alignment == .left ? field + space : space + field)
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }
}
