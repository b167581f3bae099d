import Engine
import Events
import Projections
import Testing

@testable import Postgres

@Suite("A fold in memory")
struct MemoryFoldStoreTests {
  private func row(_ team: String, _ technology: String, _ usage: Int64) -> Sample.Row {
    Sample.Row(team: team, technology: technology, usage: usage, position: usage)
  }

  @Test(
    "what is written is there, in memory and where that ends in temporary tables, and nowhere else",
    arguments: [0, 1 << 20])
  func rows(capacity: Int) throws {
    let database = try TestDatabase()
    try database.makeSample()
    let owner = try database.migrate(6)
    try owner.execute("INSERT INTO pleat.projection_tables (projection, table_name) VALUES ('p', 'sample')")
    let instance = try database.instance(holding: ["projection/p"])
    let source = try database.projection()
    let generation = try source.takeOver(instance: instance).generation
    let live = LiveGeneration(
      generation: generation, position: 0, foldVersion: 1, catalogVersion: 1, hasCurrentKey: true, hasOld: false)
    let columns = try RowHistory(try database.target(), projection: "p").copiedColumns(Sample.statements)
    let store = MemoryFoldStore(
      try database.target(), source, live: live, columns: [columns], queries: [], capacity: capacity)
    func write(inserts: [Sample.Row] = [], updates: [Sample.Row] = []) throws {
      try store.startFlush(
        store.beginning, to: store.beginning.place, state: .catchingUp,
        [Sample.changes(inserts: inserts, updates: updates)])
      try store.finishFlush()
    }
    func load(_ rows: [Sample.Row]) throws -> Set<Sample.Row> {
      var loaded: Set<Sample.Row> = []
      try store.load(Sample.statements, keys: Sample.keys(rows)) { loaded.insert(Sample.read(&$0)) }
      return loaded
    }
    try write(inserts: [row("a", "Go", 1), row("a", "Swift", 2)])
    try write(inserts: [row("b", "Go", 3)], updates: [row("a", "Go", 4)])
    #expect(store.isOnDisk == (capacity == 0))
    #expect(
      try load([row("a", "Go", 0), row("b", "Go", 0), row("c", "Go", 0)]) == [row("a", "Go", 4), row("b", "Go", 3)])
    #expect(store.isOnDisk)
    // What is written since waits, and comes first.
    try write(inserts: [row("c", "Go", 5)], updates: [row("a", "Swift", 6), row("b", "Go", 7)])
    try write(updates: [row("c", "Go", 8)])
    #expect(
      try load([row("a", "Swift", 0), row("b", "Go", 0), row("c", "Go", 0)])
        == [row("a", "Swift", 6), row("b", "Go", 7), row("c", "Go", 8)])
    var all: [Sample.Row] = []
    try store.begin(store.beginning, to: store.beginning.place, state: .catchingUp)
    try write(updates: [row("a", "Go", 9)])
    try store.rows(
      "SELECT team_id, technology, usage_count, successes, failures, position FROM pleat.sample_current WHERE generation = $1 ORDER BY 1, 2",
      []
    ) { all.append(Sample.read(&$0)) }
    try store.commit()
    #expect(all == [row("a", "Go", 9), row("a", "Swift", 6), row("b", "Go", 7), row("c", "Go", 8)])
    #expect(try database.sampleRows().isEmpty)
  }

  @Test("a page of a query comes from memory, in the order of the keys")
  func pages() {
    let statements = TableStatements(
      name: "t", load: "", copy: "", createStage: "", copyToStage: "", update: "", version: nil)
    let query = PageQuery(sql: "page", table: "t", column: "owner", limit: 2)
    var table = CopiedTable(
      CopiedColumns(statements, names: ["generation", "id", "owner"], keys: ["generation", "id"]), query)
    func take(_ rows: [(id: UInt64, owner: String?)]) {
      var writer = RowWriter()
      for row in rows {
        writer.beginRow(fields: 3)
        writer.int(1)
        writer.uuid(RowKey(row.id))
        writer.text(row.owner)
      }
      table.take(TableChanges(statements: statements, inserts: writer, updates: RowWriter()))
    }
    func page(_ owner: String, after last: UInt64) -> [String]? {
      table.page("page", [.text(owner), .uuid(RowKey(last))])?.map { row in
        row.withUnsafeBytes { bytes in
          var reader = RowReader(bytes)
          return "\(reader.uuid().high) \(reader.text() ?? "")"
        }
      }
    }
    take([(300, "x"), (1, "x"), (200, "x"), (2, "y"), (400, nil)])
    #expect(page("x", after: 0) == ["1 x", "200 x"])
    #expect(page("x", after: 200) == ["300 x"])
    #expect(page("y", after: 0) == ["2 y"] && page("z", after: 0) == [])
    // A row that is somebody else's now.
    take([(1, "y"), (400, "x"), (300, nil)])
    #expect(page("x", after: 0) == ["200 x", "400 x"])
    #expect(page("y", after: 0) == ["1 y", "2 y"])
    #expect(table.page("another", [.text("x"), .uuid(RowKey(0))]) == nil)
    #expect(table.takeAll().inserts.count == 5 && table.isEmpty && page("x", after: 0) == [])
  }
}
