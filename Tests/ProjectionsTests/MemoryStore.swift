import Events
import Projections
import Randomness
import Testing

/// Rows as the database would hold them, and the engine's part: it loads, flushes, turns and evicts where it is told to.
///
/// It checks what the engine and the database rely on: a row inserted is new and a row updated is there, rows come in key order,
/// and whoever changes a row says so in its position.
class MemoryStore: RowStream {
  typealias Key = [[UInt8]]

  private(set) var tables: [String: [Key: StoredRow]] = [:]
  /// What is loaded now, in order of the projection's tables.
  private let live: [any Table]
  /// The most bytes of rows that a flush of all tables found.
  private(set) var mostFlushedBytes = 0
  /// Nothing before this position is still to be written.
  var floor: Int64 = 1

  init(_ live: [any Table]) { self.live = live }

  func keyColumns(_ table: String) -> Int { preconditionFailure("\(table) is not known") }
  /// The columns that the table's `load` selects.
  func load(_ table: String, _ key: Key) -> StoredRow? { row(table, key) }
  func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    preconditionFailure("an unknown query: \(sql)")
  }

  /// Bytes that sort as a table's first key column does.
  func sortKey(_ table: String, _ column: [UInt8]) -> [UInt8] { column }

  /// Rows of a table in key order.
  func rows(of table: String, where isMeant: (StoredRow) -> Bool = { _ in true }) -> [StoredRow] {
    (tables[table] ?? [:]).filter { isMeant($0.value) }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) { $0.lexicographicallyPrecedes($1) } }
      .map(\.value)
  }

  func remove(_ table: String, _ key: Key) { tables[table]?[key] = nil }

  func row(_ table: String, _ key: Key) -> StoredRow? { tables[table]?[key] }

  private func load(_ table: any Table, _ columns: KeyColumns?) {
    guard let columns else { return }
    let name = table.statements.name
    let parts = columns.arrays.map { array -> [[UInt8]] in
      var (elements, offset): ([[UInt8]], Int) = ([], 0)
      while offset < array.bytes.count {
        let length = array.bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
        elements.append(Array(array.bytes[offset + 4..<offset + 4 + length]))
        offset += 4 + length
      }
      #expect(elements.count == columns.count)
      return elements
    }
    for index in 0..<columns.count {
      let key = parts.map { $0[index] }
      if let row = load(name, key) { row.withReader { table.absorb(&$0) } }
    }
    table.settle()
  }

  func loadWanted() {
    for table in live { load(table, table.takeWantedKeys()) }
  }

  func flush() {
    mostFlushedBytes = max(mostFlushedBytes, live.reduce(0) { $0 + $1.heldBytes })
    flush(live)
  }

  /// What the rules need of these.
  func flushForRules(_ tables: [any Table]) {
    for table in tables { table.restrictToRules() }
    flush(tables)
    for table in tables { table.endRestriction() }
  }

  func flush(_ tables: [any Table]) {
    for table in tables where table.dirtyCount > 0 {
      while let keys = table.takePartialKeys() { load(table, keys) }
      var (inserts, updates) = (RowWriter(), RowWriter())
      table.writeChanges(generation: 1, inserts: &inserts, updates: &updates)
      table.markClean()
      write(table.statements.name, StoredRow.parse(inserts), isUpdate: false)
      write(table.statements.name, StoredRow.parse(updates), isUpdate: true)
    }
  }

  private func write(_ table: String, _ rows: [StoredRow], isUpdate: Bool) {
    var previous: [UInt8]?
    for row in rows {
      let key = row.fields.prefix(keyColumns(table)).map { $0! }
      let order = sortKey(table, key[0])
      if let previous { #expect(!order.lexicographicallyPrecedes(previous), "\(table) is not sorted") }
      previous = order
      let old = tables[table, default: [:]].updateValue(row, forKey: key)
      #expect((old != nil) == isUpdate, "\(table) updates what is not there, or inserts what is")
      if old?.fields.dropLast() != row.fields.dropLast() {
        #expect(row.integer(row.fields.count - 1)! >= floor, "\(table) changes a row and not its position")
      }
    }
  }
}

/// How a run is cut into pieces.
struct Borders {
  var random: SeededRandom
  /// Events a batch, at most; percent of events behind which a range ends, of ranges that are flushed, and of flushes after
  /// which memory is given back, and to what.
  var batch = 50
  var cut = 10
  var flush = 50
  var evict = 50
  var bytes = 0...20_000
  var assumesEmpty = true

  /// One batch, flushed where it must be.
  static var oneGo: Borders { Borders(random: SeededRandom(seed: 0), batch: .max, cut: 0, flush: 0, evict: 0) }
}

/// Folds facts through a projection and a store as the engine does; returns what the rules said.
func run<P: Projection>(
  _ facts: [Fact], _ projection: inout P, _ store: MemoryStore, _ borders: Borders
) throws -> [DerivedEvent] {
  var random = borders.random
  var batches: [EventBatch] = []
  var first = 0
  while first < facts.count {
    let limit = borders.batch == .max ? facts.count : 1 + random.below(borders.batch)
    let end = min(first + limit, facts.count)
    batches.append(EventBatch(facts[first..<end]))
    first = end
  }
  return try run(batches, &projection, store, borders)
}

func run<P: Projection>(
  _ batches: [EventBatch], _ projection: inout P, _ store: MemoryStore, _ borders: Borders
) throws -> [DerivedEvent] {
  var engine = EnginePlayer(store: store, borders: borders)
  return try engine.run(batches, &projection)
}

private struct EnginePlayer {
  var store: MemoryStore
  var borders: Borders
  var derived: [DerivedEvent] = []
  var greatest: Timestamp?

  mutating func run<P: Projection>(_ batches: [EventBatch], _ projection: inout P) throws -> [DerivedEvent] {
    if borders.assumesEmpty { for table in projection.tables { table.assumeEmpty() } }
    var first: Int64 = 1
    for batch in batches {
      try fold(batch, first, &projection)
      first += Int64(batch.count)
    }
    store.flush()
    return derived
  }

  private mutating func fold<P: Projection>(_ batch: EventBatch, _ base: Int64, _ projection: inout P) throws {
    var start = 0
    func position(_ index: Int) -> Int64 { base + Int64(index) }
    for index in 0..<batch.count {
      let time = batch.events[index].time
      if let turn = turn(at: time, position(index)) {
        fold(start..<index, of: batch, base, &projection)
        start = index
        // What the rules do not read may wait, and so may what they remember.
        let writesAll = borders.random.chance(50)
        if writesAll {
          flush(next: position(index), &projection)
        } else {
          store.flushForRules(projection.tablesOfRules)
        }
        derived += try projection.runRules(at: turn, store: store)
        if writesAll { flush(next: position(index), &projection) }
      }
      greatest = greatest.map { max($0, time) } ?? time
      if projection.fansOut(index, of: batch) {
        fold(start..<index, of: batch, base, &projection)
        start = index + 1
        flush(next: position(index), &projection)
        while try projection.fanOut(index, of: batch, position: position(index), store: store) {}
        flush(next: position(index + 1), &projection)
      } else if borders.random.chance(borders.cut) {
        fold(start..<index + 1, of: batch, base, &projection)
        start = index + 1
        if borders.random.chance(borders.flush) {
          flush(next: position(start), &projection)
        } else if borders.random.chance(borders.flush) {
          shed(projection.tables.randomElement(using: &borders.random)!, of: projection.tables)
        }
      }
    }
    fold(start..<batch.count, of: batch, base, &projection)
  }

  private func fold<P: Projection>(
    _ range: Range<Int>, of batch: EventBatch, _ base: Int64, _ projection: inout P
  ) {
    if range.isEmpty { return }
    var round = 0
    while projection.wantRows(for: range, of: batch, round: round) {
      store.loadWanted()
      round += 1
    }
    projection.fold(range, of: batch, firstPosition: base)
  }

  private mutating func flush<P: Projection>(next position: Int64, _ projection: inout P) {
    store.flush()
    store.floor = position
    if borders.random.chance(borders.evict) {
      projection.evict(keeping: Int.random(in: borders.bytes, using: &borders.random))
    }
  }

  /// Memory is full: a table is written alone, and its rows are dropped.
  private func shed(_ table: any Table, of tables: [any Table]) {
    store.flush(tables.filter { $0.rowsOwner == table.rowsOwner })
    table.shed()
  }

  private func turn(at time: Timestamp, _ position: Int64) -> Turn? {
    guard let greatest else { return nil }
    let before = Timestamp(microseconds: greatest.microseconds - watermarkLagMicroseconds)
    let after = Timestamp(microseconds: max(greatest, time).microseconds - watermarkLagMicroseconds)
    return after.hour == before.hour ? nil : Turn(position: position, watermark: after, previousWatermark: before)
  }
}
