import Events
import Foundation
import Projections
import Testing

@testable import Service

@Suite("The tables of the projections")
struct ProjectionTablesTests {
  @Test("the migrations list every table of every projection, so that old generations are deleted from all")
  func listed() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let files = try FileManager.default.contentsOfDirectory(
      at: root.appendingPathComponent("Migrations"), includingPropertiesForKeys: nil)
    let lists = try files.flatMap { file in
      try String(contentsOf: file, encoding: .utf8).matches(of: /INSERT INTO pleat\.projection_tables[^;]*;/)
        .map { String($0.output) }
    }
    let listed = Set(
      lists.flatMap { $0.matches(of: /\('([a-z_]+)', '([a-z_]+)'\)/) }.map { "\($0.output.1).\($0.output.2)" })
    let catalog = try TechnologyCatalog(version: 1, entries: [])
    let tables = ProjectionRegistry.all.flatMap { entry in
      entry.make(catalog, HashKey(k0: 1, k1: 2)).tables.map { "\(entry.name).\($0.statements.name)" }
    }
    #expect(listed == Set(tables))
  }
}
