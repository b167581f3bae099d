import Events
import Testing

@testable import Projections

@Suite("A table's rows in memory")
struct RowCacheTests {
  let names = Names()

  private func cache() -> RowCache<CountLayout> { RowCache(CountLayout(names: names)) }
  private func key(_ team: String, _ technology: String) -> RowKey {
    RowKey(names.intern(team), names.intern(technology))
  }

  private func written(_ cache: RowCache<CountLayout>) -> (inserts: [StoredRow], updates: [StoredRow]) {
    var (inserts, updates) = (RowWriter(), RowWriter())
    cache.writeChanges(generation: 1, inserts: &inserts, updates: &updates)
    cache.markClean()
    return (StoredRow.parse(inserts), StoredRow.parse(updates))
  }

  private func absorb(_ cache: RowCache<CountLayout>, _ team: String, _ technology: String, _ usage: Int64) {
    StoredRow.make {
      $0.text(team)
      $0.text(technology)
      $0.bigint(usage)
      $0.bigint(0)
      $0.bigint(0)
      $0.bigint(1)
    }.withReader { cache.absorb(&$0) }
  }

  private func add(_ cache: RowCache<CountLayout>, _ key: RowKey, _ count: Int64) {
    cache.update(key) {
      $0.usageCount += count
      $0.position = 9
    }
  }

  @Test("a partial row is laid onto the stored one, or is new, once the store was asked")
  func partial() {
    let cache = cache()
    add(cache, key("b", "x"), 2)
    add(cache, key("a", "y"), 3)
    add(cache, key("b", "x"), 1)
    #expect(cache.takeWantedKeys()?.count == nil)
    #expect(cache.takePartialKeys()?.count == 2)
    absorb(cache, "b", "x", 40)
    cache.settle()
    #expect(cache.takePartialKeys()?.count == nil)
    let changes = written(cache)
    #expect(changes.inserts.map { [$0.text(0), $0.text(1)] } == [["a", "y"]])
    #expect(changes.inserts.map { $0.integer(2) } == [3])
    #expect(changes.updates.map { $0.integer(2) } == [43])
    #expect(cache.dirtyCount == 0)
  }

  @Test("a wanted row is asked for once, and known after that, also if the store has none")
  func wanted() {
    let cache = cache()
    let here = key("a", "here")
    let absent = key("a", "absent")
    #expect([cache.want(here), cache.want(here), cache.want(absent)] == [nil, nil, nil])
    #expect(cache.takeWantedKeys()?.count == 2)
    absorb(cache, "a", "here", 5)
    cache.settle()
    #expect(cache.takeWantedKeys()?.count == nil)
    #expect(cache[cache.known(here)].usageCount == 5 && cache[cache.known(absent)].usageCount == 0)
    #expect(written(cache).inserts.isEmpty)
    add(cache, absent, 1)
    #expect(cache.takePartialKeys()?.count == nil)
    #expect(written(cache).inserts.count == 1)
  }

  @Test("a complete cache asks the store for nothing, until something was dropped")
  func complete() {
    let cache = cache()
    cache.assumeEmpty()
    add(cache, key("a", "x"), 1)
    #expect(cache.want(key("a", "z")) != nil)
    #expect(cache.takePartialKeys()?.count == nil)
    #expect(written(cache).inserts.count == 1)
    cache.rotate()
    #expect(cache.isComplete)
    #expect(cache.want(key("a", "x")).map { cache[$0].usageCount } == 1)
    cache.rotate()
    #expect(!cache.isComplete)
    // Touched since the rotation before, so still there.
    #expect(cache.want(key("a", "x")) != nil)
  }

  @Test(
    "of what a cache that was complete has dropped, only the stored is asked for, also by names that are known anew")
  func neverStored() {
    let cache = cache()
    cache.assumeEmpty()
    let stored = (0..<500).map { "stored \($0)" }
    for team in stored { add(cache, key(team, "x"), 1) }
    _ = written(cache)
    for _ in 0..<2 { cache.rotate() }
    names.removeAll()
    _ = names.intern("another order")
    for team in stored { #expect(cache.want(key(team, "x")) == nil) }
    #expect(cache.takeWantedKeys()?.count == 500)
    cache.settle()
    for index in 0..<500 { add(cache, key("new \(index)", "x"), 1) }
    // A few may look as if they were stored.
    #expect(cache.takePartialKeys().map(\.count) ?? 0 <= 5)
  }

  @Test("how often a row changes before it is written is known of many rows, and remembered for a while")
  func changesPerRow() {
    let cache = cache()
    cache.assumeEmpty()
    func change(_ times: Int, rows: Int = 1_000) {
      for _ in 0..<times { for row in 0..<rows { add(cache, key("\(row)", "x"), 1) } }
    }
    change(8, rows: 999)
    #expect(cache.changesPerRow == 1)
    change(1)
    #expect(cache.changesPerRow > 8)
    _ = written(cache)
    change(1)
    #expect(4...5 ~= cache.changesPerRow)
    _ = written(cache)
    change(4)
    #expect(cache.changesPerRow == 4)
  }

  @Test("a cache that sheds keeps what is changed, and asks again for what was not")
  func shed() {
    let cache = cache()
    cache.assumeEmpty()
    for team in ["a", "b", "c"] { add(cache, key(team, "x"), 1) }
    _ = written(cache)
    cache.rotate()
    add(cache, key("b", "x"), 1)
    add(cache, key("d", "x"), 1)
    cache.shed()
    #expect(cache.dirtyCount == 2)
    #expect(cache.want(key("b", "x")) != nil && cache.want(key("a", "x")) == nil && cache.want(key("c", "x")) == nil)
    #expect(cache.takeWantedKeys()?.count == 2)
    cache.settle()
    let changes = written(cache)
    #expect(changes.inserts.map { $0.text(0) } == ["d"] && changes.updates.map { $0.text(0) } == ["b"])
    #expect(changes.updates.map { $0.integer(2) } == [2])
  }

  @Test("a row that is not touched between two rotations is dropped, and loaded again")
  func dropped() {
    let cache = cache()
    cache.assumeEmpty()
    add(cache, key("a", "x"), 1)
    _ = written(cache)
    for _ in 0..<2 { cache.rotate() }
    #expect(cache.youngBytes < 1000 && cache.want(key("a", "x")) == nil)
    #expect(cache.takeWantedKeys()?.count == 1)
  }

  @Test("where most rows were changed, a rotation moves none, and drops those that were not touched before it")
  func inPlace() {
    let cache = cache()
    cache.assumeEmpty()
    for team in ["a", "b", "c", "d"] { add(cache, key(team, "x"), 1) }
    _ = written(cache)
    cache.rotate()
    // They count as old all the same.
    #expect(cache.youngBytes == 0 && cache.oldBytes > 0)
    for team in ["a", "b"] { add(cache, key(team, "x"), 1) }
    _ = written(cache)
    cache.rotate()
    #expect(cache.want(key("a", "x")) != nil && cache.want(key("b", "x")) != nil && cache.want(key("c", "x")) == nil)
  }

  @Test("of many changed rows the first to change are written at a time, and all once")
  func pieces() {
    let cache = cache()
    cache.assumeEmpty()
    for index in 0..<10 { for _ in 0..<6 { add(cache, key("\(9 - index)", "x"), 1) } }
    var pieces: [[String?]] = []
    while cache.dirtyCount > 0 {
      cache.restrict(to: 4)
      pieces.append(written(cache).inserts.map { $0.text(0) })
      cache.endRestriction()
    }
    #expect(pieces == [["6", "7", "8", "9"], ["2", "3", "4", "5"], ["0", "1"]])
    #expect(written(cache).inserts.isEmpty)
    add(cache, key("5", "x"), 1)
    #expect(written(cache).updates.map { $0.integer(2) } == [7])
  }

  @Test("a wanted row is waited for only if it was shed since the last commit")
  func wantsShed() {
    let cache = cache()
    cache.assumeEmpty()
    for team in ["a", "b"] { add(cache, key(team, "x"), 1) }
    _ = written(cache)
    cache.shed()
    #expect(cache.want(key("c", "x")) != nil && !cache.wantsShed)
    #expect(cache.want(key("a", "x")) == nil && cache.wantsShed)
    cache.wasCommitted()
    #expect(!cache.wantsShed)
  }

  @Test("changes are written in the order of the keys' bytes, whatever the order of the names' first use")
  func sorted() {
    let cache = cache()
    cache.assumeEmpty()
    let teams = ["zz", "é", "abcdefgh2", "abcdefgh", "abcdefgh10", "Z", "a\u{1}"]
    for team in teams { for technology in ["q", "B", ""] { add(cache, key(team, technology), 1) } }
    let keys = written(cache).inserts.map { Array($0.fields[0]!) + [0] + $0.fields[1]! }
    #expect(keys.count == teams.count * 3)
    #expect(keys.elementsEqual(keys.sorted { $0.lexicographicallyPrecedes($1) }))
  }

  @Test("memory stays within its limit, and what is used stays in memory")
  func bounded() {
    let cache = cache()
    cache.assumeEmpty()
    let hot = key("hot", "x")
    let limit = 100_000
    for round in 0..<200 {
      add(cache, hot, 1)
      for index in 0..<50 { add(cache, key("t\(round)", "\(index)"), 1) }
      while cache.takePartialKeys() != nil { cache.settle() }
      _ = written(cache)
      evict([cache], keeping: limit)
      #expect(cache.youngBytes + cache.oldBytes <= limit + limit / 2)
    }
    #expect(cache.want(hot).map { cache[$0].usageCount } == 200)
  }
}
