import Events
import Testing

@testable import Projections

@Suite("A projection of a few tables")
struct NarrowProjectionTests {
  @Test(
    "its rows are those of the whole projection, event by event, whatever is forgotten in between",
    arguments: [
      ["technology_usage"], ["technologies"], ["stack_days"], ["domains", "domain_stacks"], ["team_activity"],
      ["prediction_calibration"],
    ], [0, 500, 100_000])
  func rows(tables: [String], bytes: Int) throws {
    for seed in 1...3 {
      var world = ProjectsWorld(seed: UInt64(seed) + 3000)
      (world.settings, world.erasures) = (8, seed == 3 ? 2 : 0)
      let facts = world.facts()
      let whole = try ProjectsDifferentialTests.run(facts, .oneGo)
      var narrow = NarrowProjection(ProjectsWorld.projection(), lookingAt: Set(tables))
      let store = ProjectsStore(narrow.tables)
      for table in narrow.tables { table.assumeEmpty() }
      let batch = EventBatch(facts)
      for index in facts.indices {
        if narrow.fansOut(index, of: batch) {
          narrow.evict(keeping: bytes)
          while try narrow.fanOut(index, of: batch, position: Int64(index + 1), store: store) {}
        } else {
          var round = 0
          while narrow.wantRows(for: index..<index + 1, of: batch, round: round) {
            store.loadWanted()
            round += 1
          }
          narrow.fold(index..<index + 1, of: batch, firstPosition: 1)
        }
        store.flush()
        narrow.evict(keeping: bytes)
      }
      for table in tables {
        #expect(!store.rows(of: table).isEmpty)
        // What the rules remember is the whole projection's alone.
        let columns = table == "technologies" ? 6 : Int.max
        #expect(
          store.rows(of: table).map { Array($0.fields.prefix(columns)) }
            == whole.store.rows(of: table).map { Array($0.fields.prefix(columns)) }, "\(table), seed \(seed)")
      }
    }
  }

  @Test("who has a table's rows in memory can answer its queries: they select what is copied")
  func queries() throws {
    let projection = ProjectsWorld.projection()
    for query in projection.pageQueries {
      let table = try #require(projection.tables.first { $0.statements.name == query.table })
      func names(_ text: Substring) -> [String] {
        text.split { $0 == "," || $0.isWhitespace }.map { $0.hasPrefix("c.") ? String($0.dropFirst(2)) : String($0) }
      }
      let copy = table.statements.copy
      let copied = names(copy[copy.firstIndex(of: "(")!...].dropFirst().prefix { $0 != ")" })
      let sql = query.sql[...]
      let selected = names(sql.dropFirst("SELECT".count).prefix(upTo: sql.firstRange(of: "FROM")!.lowerBound))
      #expect(["generation"] + selected == copied)
      #expect(copied.contains(query.column))
      #expect(sql.contains("c.\(query.column) = $2") && sql.contains("LIMIT \(query.limit)"))
    }
  }
}
