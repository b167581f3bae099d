/// A table's rows in memory, by exact key.
///
/// A row is *whole* (its stored form, or that there is none, is known) or *partial* (see `CachedRow`). Who cannot fold without
/// the stored row asks for it with `want` and then reads it by its index; who only adds to it calls `update`. Memory is bounded
/// by two generations: what is touched moves into the young one, and `rotate` drops the old one. While nothing was ever dropped
/// since the store was known to be empty the cache is *complete*: what is not here is nowhere, and nothing is loaded.
///
/// An index is valid until the next `rotate` or `removeAll`, which need everything written.
package final class RowCache<Layout: RowLayout>: EvictableTable {
  package typealias Row = Layout.Row

  package let layout: Layout
  private var young = RowStore<Row>()
  private var old = RowStore<Row>()
  /// Indices of changed rows; of those among them that are partial; of rows wanted; of rows asked from the store.
  private var dirty: [Int] = []
  private var partial: [Int] = []
  private var wanted: [Int] = []
  private var asked: [Int] = []
  private var dirtyIsSorted = true
  /// Changed rows that wait meanwhile, and those of them that are partial.
  private var held: [Int] = []
  private var heldPartial: [Int] = []
  package private(set) var isComplete = false

  package init(_ layout: Layout) { self.layout = layout }

  package var statements: TableStatements { layout.statements }
  package var dirtyCount: Int { dirty.count }
  package var byteCount: Int { young.isEmpty ? 0 : dirty.count * (young.byteCount / young.count) }

  package func assumeEmpty() {
    precondition(young.isEmpty && old.isEmpty, "\(statements.name) holds rows already")
    isComplete = true
  }

  // MARK: - Folding

  @inline(__always)
  private func find(_ key: RowKey, _ hash: UInt64) -> Int {
    let index = young.find(key, hash)
    if index >= 0 || old.isEmpty { return index }
    return findOld(key, hash)
  }

  private func findOld(_ key: RowKey, _ hash: UInt64) -> Int {
    let index = old.find(key, hash)
    if index < 0 { return -1 }
    let flags = old.flags[index]
    let moved = young.insert(key, hash, old.take(index), flags)
    young.weigh(moved)
    return moved
  }

  /// The index of a whole row; nil if it must be loaded first, which `takeWantedKeys` will ask for.
  package func want(_ key: RowKey) -> Int? {
    let hash = key.mixed
    var index = find(key, hash)
    if index < 0 {
      if isComplete { return young.insert(key, hash, Row(isPartial: false), .known) }
      index = young.insert(key, hash, Row(isPartial: true), [])
    } else if young.flags[index].contains(.known) {
      return index
    }
    if !young.flags[index].contains(.asked) {
      young.flags[index].insert(.asked)
      wanted.append(index)
    }
    return nil
  }

  /// The index of a row that was wanted and loaded.
  package func known(_ key: RowKey) -> Int {
    let index = find(key, key.mixed)
    precondition(index >= 0 && young.flags[index].contains(.known), "\(statements.name): a row was not asked for")
    return index
  }

  /// A row by its index, to read it, or to change it together with `markDirty`.
  package subscript(index: Int) -> Row {
    @inline(__always) _read { yield young.rows[index] }
    @inline(__always) _modify { yield &young.rows[index] }
  }

  @inline(__always)
  package func markDirty(_ index: Int) {
    if young.flags[index].contains(.dirty) { return }
    young.flags[index].insert(.dirty)
    dirty.append(index)
    dirtyIsSorted = false
    if !young.flags[index].contains(.known) { partial.append(index) }
  }

  /// Changes a row, whole or partial.
  @inline(__always)
  package func update(_ key: RowKey, _ change: (inout Row) -> Void) {
    let hash = key.mixed
    var index = find(key, hash)
    if index < 0 { index = young.insert(key, hash, Row(isPartial: !isComplete), isComplete ? .known : []) }
    markDirty(index)
    change(&young.rows[index])
  }

  /// Changes a row, whole or partial, if `change` says that it did.
  @inline(__always)
  package func touch(_ key: RowKey, _ change: (inout Row) -> Bool) {
    let hash = key.mixed
    var index = find(key, hash)
    if index < 0 { index = young.insert(key, hash, Row(isPartial: !isComplete), isComplete ? .known : []) }
    if change(&young.rows[index]) { markDirty(index) }
  }

  /// The store has no row of this key any more: it was deleted there, and nothing of it was still to be written.
  package func wasDeleted(_ key: RowKey) {
    let index = find(key, key.mixed)
    if index < 0 { return }
    precondition(
      young.flags[index].isDisjoint(with: [.dirty, .asked]), "\(statements.name): a changed row is deleted")
    young.rows[index] = Row(isPartial: !isComplete)
    young.flags[index] = isComplete ? .known : []
    young.weigh(index)
  }

  // MARK: - Loading and writing
  //
  // `Table` reaches these through the layout, where the compiler knows it: through an existential alone they would run
  // unspecialized, at several times the cost.

  package func takeWantedKeys() -> KeyColumns? { layout.takeWantedKeys(of: self) }
  package func takePartialKeys() -> KeyColumns? { layout.takePartialKeys(of: self) }
  package func restrictToRules() { layout.restrictToRules(self) }
  package func endRestriction() {
    dirty += held
    partial += heldPartial
    if !held.isEmpty { dirtyIsSorted = false }
    held.removeAll(keepingCapacity: true)
    heldPartial.removeAll(keepingCapacity: true)
  }
  package func absorb(_ reader: inout RowReader) { layout.absorb(&reader, into: self) }
  package func settle() { layout.settle(self) }
  package func writeChanges(generation: Int32, inserts: inout RowWriter, updates: inout RowWriter) {
    layout.writeChanges(of: self, generation: generation, inserts: &inserts, updates: &updates)
  }
  package func markClean() { layout.markClean(self) }
  package func rotate() { layout.rotate(self) }

  // MARK: - Loading

  private func keys(of indices: [Int]) -> KeyColumns? {
    if indices.isEmpty { return nil }
    var arrays = layout.keyArrays
    for index in indices { layout.append(young.keys[index], to: &arrays) }
    return KeyColumns(count: indices.count, arrays: arrays)
  }

  fileprivate func hold() {
    precondition(held.isEmpty, "\(statements.name): a restriction was not ended")
    func mayWait(_ index: Int) -> Bool {
      !layout.rulesNeed(young.rows[index], isWhole: young.flags[index].contains(.known))
    }
    heldPartial = partial.filter(mayWait)
    partial.removeAll(where: mayWait)
    held = dirty.filter(mayWait)
    dirty.removeAll(where: mayWait)
  }

  fileprivate func takeWanted() -> KeyColumns? {
    asked += wanted
    defer { wanted.removeAll(keepingCapacity: true) }
    return keys(of: wanted)
  }

  fileprivate func takePartial() -> KeyColumns? {
    let unknown = partial.filter { !young.flags[$0].contains(.known) }
    partial.removeAll(keepingCapacity: true)
    asked += unknown
    return keys(of: unknown)
  }

  fileprivate func take(_ reader: inout RowReader) {
    let (key, row) = layout.read(&reader)
    let index = young.find(key, key.mixed)
    guard index >= 0 else {
      return FoldFault.note("\(statements.name): there is a row with a key that none can have")
    }
    become(index, row, stored: true)
  }

  fileprivate func settleAsked() {
    for index in asked where !young.flags[index].contains(.known) {
      become(index, Row(isPartial: false), stored: false)
    }
    asked.removeAll(keepingCapacity: true)
  }

  private func become(_ index: Int, _ row: Row, stored: Bool) {
    if young.flags[index].contains(.dirty) {
      young.rows[index].merge(onto: row)
    } else {
      young.rows[index] = row
    }
    young.flags[index].remove(.asked)
    young.flags[index].formUnion(stored ? [.known, .stored] : .known)
    young.weigh(index)
  }

  // MARK: - Writing

  /// Every changed row with whether the store has it, sorted by key.
  func forEachDirty(_ body: (_ key: RowKey, _ row: Row, _ isStored: Bool) -> Void) {
    if !dirtyIsSorted {
      let keys = young.keys
      dirty.sort { layout.precedes(keys[$0], keys[$1]) }
      dirtyIsSorted = true
    }
    for index in dirty {
      precondition(young.flags[index].contains(.known), "\(statements.name): a partial row is to be written")
      body(young.keys[index], young.rows[index], young.flags[index].contains(.stored))
    }
  }

  fileprivate func write(generation: Int32, inserts: inout RowWriter, updates: inout RowWriter) {
    let fields = layout.fields
    forEachDirty { key, row, isStored in
      if isStored {
        updates.makeRoom(forRows: dirty.count)
        updates.beginRow(fields: fields)
        updates.int(generation)
        layout.write(key, row, to: &updates)
      } else {
        inserts.makeRoom(forRows: dirty.count)
        inserts.beginRow(fields: fields)
        inserts.int(generation)
        layout.write(key, row, to: &inserts)
      }
    }
  }

  fileprivate func clean() {
    for index in dirty {
      young.flags[index].remove(.dirty)
      young.flags[index].insert(.stored)
      young.rows[index].wasWritten()
      young.weigh(index)
    }
    dirty.removeAll(keepingCapacity: true)
    dirtyIsSorted = true
  }

  // MARK: - Forgetting

  package var youngBytes: Int { young.byteCount }
  package var oldBytes: Int { old.byteCount }

  fileprivate func turn() {
    precondition(
      dirty.isEmpty && wanted.isEmpty && asked.isEmpty, "\(statements.name): rows are forgotten before they are written"
    )
    if !old.isEmpty { isComplete = false }
    swap(&young, &old)
    young.removeAll()
  }

  /// Drops the rows that the store has dropped: as these are nowhere now, a complete cache stays complete.
  package func forget(where isGone: (Row) -> Bool) {
    precondition(
      dirty.isEmpty && wanted.isEmpty && asked.isEmpty, "\(statements.name): rows are forgotten before they are written"
    )
    // What was touched since has left an empty row in `old`.
    old.removeAll { [young] in young.find($0, $0.mixed) >= 0 || isGone($1) }
    young.removeAll { isGone($1) }
  }

  package func removeAll() {
    precondition(
      dirty.isEmpty && wanted.isEmpty && asked.isEmpty, "\(statements.name): rows are forgotten before they are written"
    )
    if !young.isEmpty || !old.isEmpty { isComplete = false }
    young.removeAll()
    old.removeAll()
  }
}

extension RowLayout {
  package func takeWantedKeys(of cache: RowCache<Self>) -> KeyColumns? { cache.takeWanted() }
  package func takePartialKeys(of cache: RowCache<Self>) -> KeyColumns? { cache.takePartial() }
  package func restrictToRules(_ cache: RowCache<Self>) { cache.hold() }
  package func absorb(_ reader: inout RowReader, into cache: RowCache<Self>) { cache.take(&reader) }
  package func settle(_ cache: RowCache<Self>) { cache.settleAsked() }
  package func writeChanges(
    of cache: RowCache<Self>, generation: Int32, inserts: inout RowWriter, updates: inout RowWriter
  ) {
    cache.write(generation: generation, inserts: &inserts, updates: &updates)
  }
  package func markClean(_ cache: RowCache<Self>) { cache.clean() }
  package func rotate(_ cache: RowCache<Self>) { cache.turn() }
}
