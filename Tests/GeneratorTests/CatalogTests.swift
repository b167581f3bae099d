import Foundation
import Testing

@testable import Generator

@Suite("The generated technologies")
struct CatalogTests {
  /// Names and aliases of the technology catalog in lower case, to the canonical name and its category.
  private func catalog() throws -> [String: (name: String, category: String)] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "schemas/technologies.yaml"), encoding: .utf8)
    var known: [String: (name: String, category: String)] = [:]
    for entry in text.split(separator: "  - name: ").dropFirst() {
      let name = try #require(entry.firstMatch(of: /^"([^"]+)"/)).output.1
      let category = try #require(entry.firstMatch(of: /category: ([a-z-]+)/)).output.1
      let aliases = entry.firstMatch(of: /aliases: \[(.*)\]/)?.output.1.matches(of: /"([^"]+)"/).map(\.output.1) ?? []
      for spelling in [name] + aliases { known[spelling.lowercased()] = (String(name), String(category)) }
    }
    return known
  }

  @Test("stand in the technology catalog, under the same name, with the same category, and their aliases lead to them")
  func known() throws {
    let catalog = try catalog()
    #expect(catalog.count > 100)
    for technology in Technology.all {
      let name = String(decoding: technology.name, as: UTF8.self)
      let alias = String(decoding: technology.alias, as: UTF8.self)
      for spelling in alias.isEmpty ? [name] : [name, alias] {
        let entry = try #require(catalog[spelling.lowercased()], "\(spelling) is not in the catalog")
        #expect(entry.name == name)
        #expect(entry.category == String(decoding: technology.category, as: UTF8.self))
      }
    }
  }
}
