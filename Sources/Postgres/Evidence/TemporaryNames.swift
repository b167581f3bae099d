import Projections

/// Lets a projection's own SQL work on temporary tables of the session: `pleat.NAME` becomes `pg_temp.NAME` for these names, and
/// for no others. The names come from the database's catalog, the texts from the program.
package struct TemporaryNames: Sendable {
  private static let schema = Array("pleat.".utf8)
  private static let temporary = Array("pg_temp.".utf8)
  private let names: Set<String>

  package init(_ names: Set<String>) { self.names = names }

  package func apply(to sql: String) -> String {
    let text = Array(sql.utf8)
    var result: [UInt8] = []
    result.reserveCapacity(text.count + 32)
    var index = 0
    while index < text.count {
      let isStart = index == 0 || !Self.isName(text[index - 1])
      guard isStart, text[index...].starts(with: Self.schema) else {
        result.append(text[index])
        index += 1
        continue
      }
      let start = index + Self.schema.count
      var end = start
      while end < text.count, Self.isName(text[end]) { end += 1 }
      let name = String(decoding: text[start..<end], as: UTF8.self)
      result += names.contains(name) ? Self.temporary : Self.schema
      result += text[start..<end]
      index = end
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func isName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  func apply(to statements: TableStatements) -> TableStatements {
    TableStatements(
      name: statements.name, load: apply(to: statements.load), copy: apply(to: statements.copy),
      createStage: apply(to: statements.createStage), copyToStage: apply(to: statements.copyToStage),
      update: apply(to: statements.update), version: statements.version.map { apply(to: $0) })
  }
}
