import Projections
import Testing

@testable import Service

@Suite("The technology catalog as the database knows it")
struct PublishedCatalogTests {
  @Test("a name is published once, and one of other bytes is another name")
  func names() throws {
    let (composed, decomposed) = ("Caf\u{E9}", "Cafe\u{301}")
    let catalog = try TechnologyCatalog(
      version: 1,
      entries: [
        .init(name: composed, category: "framework", aliases: ["cafe", composed]),
        .init(name: "Other", category: "tool", aliases: [decomposed]),
      ])
    let names = PublishedCatalog.names(of: catalog)
    #expect(names.map { Array($0.alias.utf8) } == [composed, "cafe", "Other", decomposed].map { Array($0.utf8) })
    #expect(names.map(\.category) == ["framework", "framework", "tool", "tool"])
  }
}
