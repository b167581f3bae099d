import Projections
import Service
import Testing

@Suite("The technology catalog as a file")
struct CatalogFileTests {
  @Test("names are taken as events may hold them")
  func names() throws {
    let text = "version: 3\ntechnologies:\n  - {name: Näh, category: tool, aliases: [naeh, \"a b\"]}\n"
    let catalog = try CatalogFile.parse(Array(text.utf8), file: "c.yaml")
    #expect(catalog.version == 3 && catalog.entries.map(\.name) == ["Näh"])
  }

  @Test(
    "what no event may hold, or nobody can mean, is refused with its place",
    arguments: [
      ("version: 0\ntechnologies: []", "c.yaml:1: version is a whole number from 1"),
      ("version: 1\ntechnologies: x", "technologies is a list"),
      ("version: 1\ntechnologies:\n  - {name: \"a\\nb\", category: tool}", "c.yaml:3: name is a text"),
      ("version: 1\ntechnologies:\n  - {name: a, category: \"t\\x7F\"}", "c.yaml:3: category is a text"),
      ("version: 1\ntechnologies:\n  - {name: a, category: t, aliases: [\"b\\x85\"]}", "c.yaml:3: an alias is a text"),
      ("version: 1\ntechnologies:\n  - {name: \" a\", category: t}", "c.yaml:3: name is a text"),
      ("version: 1\ntechnologies:\n  - {name: a, kategory: t}", "the nearest is \"category\""),
      (
        "version: 1\ntechnologies:\n  - {name: a, category: t, aliases: [x]}\n  - {name: b, category: t, aliases: [X]}",
        "is claimed by a and b"
      ),
    ])
  func refused(text: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) { try CatalogFile.parse(Array(text.utf8), file: "c.yaml") }
    #expect(error?.message.contains(message) == true, "\(String(describing: error))")
  }
}
