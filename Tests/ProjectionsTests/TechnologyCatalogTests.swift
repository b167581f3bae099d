import Events
import Testing

@testable import Projections

@Suite("The technology catalog")
struct TechnologyCatalogTests {
  static func name(_ text: String, _ catalog: TechnologyCatalog) -> String? {
    Array(text.utf8).withUnsafeBufferPointer { catalog.entry(for: $0)?.name }
  }

  @Test(
    "knows a technology by its name and aliases, without regard to ASCII case and to nothing else",
    arguments: [
      ("PostgreSQL", "PostgreSQL"), ("postgres", "PostgreSQL"), ("POSTGRES", "PostgreSQL"), ("CAFÉ", nil),
      ("Café", "Café"), ("cAFé", "Café"), ("postgre", nil), ("", nil),
    ])
  func lookUp(text: String, expected: String?) throws {
    let catalog = try TechnologyCatalog(
      version: 3,
      entries: [
        .init(name: "PostgreSQL", category: "database", aliases: ["Postgres"]),
        .init(name: "Café", category: "framework"),
      ])
    #expect(Self.name(text, catalog) == expected)
    #expect(try Self.name(text, TechnologyCatalog(version: 4, entries: [])) == nil)
  }

  @Test("refuses a name that two technologies claim, and not one that a technology claims twice")
  func ambiguous() throws {
    _ = try TechnologyCatalog(
      version: 1, entries: [.init(name: "Go", category: "language", aliases: ["GO", "golang"])])
    #expect(throws: TechnologyCatalog.AmbiguousName(alias: "go", technologies: ["Golang", "Go game"])) {
      try TechnologyCatalog(
        version: 1,
        entries: [
          .init(name: "Golang", category: "language", aliases: ["Go"]),
          .init(name: "Go game", category: "other", aliases: ["go"]),
        ])
    }
  }
}
