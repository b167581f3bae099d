/// A table's rows in memory, by exact key.
///
/// A row is *whole* (its stored form, or that there is none, is known) or *partial* (see `CachedRow`). Who cannot fold without
/// the stored row asks for it with `want` and then reads it by its index; who only adds to it calls `update`. Memory is bounded
/// by two generations: what is touched moves into the young one, and `rotate` drops the old one. While nothing was ever dropped
/// since the store was known to be empty the cache is *complete*: what is not here is nowhere, and nothing is loaded. After that,
/// where the layout hashes its keys, a filter of what was dropped tells most keys that were never stored.
///
/// An index is valid until rows are dropped: until the next `rotate` or `removeAll`, which need everything written, `shed` or `forget`.
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
  /// Changes since the changed rows were last written, and what came to a row that was written before that.
  private var changes = 0
  private var usualChanges = 1.0
  /// How many rows were touched since the last rotation, and what those took then that it left in place.
  private var touched = 0
  private var keptBytes = 0
  /// Hashes of stored keys that were shed since the last commit; nil where they cannot be told, or are too many.
  private var shedKeys: Set<UInt64>? = []
  /// Indices of written rows of which something waits to be written into another table.
  private var behind: [Int] = []
  /// Changed rows that wait meanwhile, and those of them that are partial.
  private var held: [Int] = []
  private var heldPartial: [Int] = []
  package private(set) var isComplete = false
  /// Of every stored key that was dropped since the cache was complete; nil while it is, and if it never was.
  private var dropped: KeyFilter?

  private static var loadedAtOnce: Int { 2_048 }
  private static var greatestShed: Int { 1 << 16 }

  package init(_ layout: Layout) { self.layout = layout }

  package var statements: TableStatements { layout.statements }
  package var dirtyCount: Int { dirty.count }
  package var behindCount: Int { behind.count }
  package var rowsStay: Bool { layout.rowsStay }
  package var rowCount: Int { young.count + old.count }
  package var heldBytes: Int { layout.heldBytes(of: self) }
  fileprivate var bytes: Int { young.byteCount + old.byteCount }

  /// Of few rows nothing can be said.
  private static var rowsThatTell: Int { 1_000 }
  package var changesPerRow: Double {
    let now = dirty.count < Self.rowsThatTell ? 1 : Double(changes) / Double(dirty.count)
    return max(now, usualChanges / 2)
  }

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
    let flags = old.flags[index].subtracting(.touched)
    let moved = young.insert(key, hash, old.take(index), flags)
    young.weigh(moved)
    if old.isTaken { old = RowStore() }
    return moved
  }

  /// Whether the store is known to have no row of a key that is not in memory.
  @inline(__always)
  private func isNowhere(_ key: RowKey) -> Bool {
    if isComplete { return true }
    guard dropped != nil, let hash = layout.lastingHash(key) else { return false }
    return !dropped!.mayContain(hash)
  }

  /// The index of a whole row; nil if it must be loaded first, which `takeWantedKeys` will ask for.
  package func want(_ key: RowKey) -> Int? {
    let hash = key.mixed
    var index = find(key, hash)
    if index < 0 {
      if isNowhere(key) {
        index = young.insert(key, hash, Row(isPartial: false), .known)
      } else {
        index = young.insert(key, hash, Row(isPartial: true), [])
      }
    }
    noteTouched(index)
    if young.flags[index].contains(.known) { return index }
    if !young.flags[index].contains(.asked) {
      young.flags[index].insert(.asked)
      wanted.append(index)
    }
    return nil
  }

  /// A whole row that is in memory, or that the store is known not to have; nil for any other.
  package func whole(_ key: RowKey) -> Row? {
    let hash = key.mixed
    for store in [young, old] {
      let index = store.find(key, hash)
      // Of a key that was touched since, `old` has an empty row.
      if index >= 0 { return store.flags[index].contains(.known) ? store.rows[index] : nil }
    }
    return isNowhere(key) ? Row(isPartial: false) : nil
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
    changes += 1
    if young.flags[index].contains(.dirty) { return }
    noteTouched(index)
    young.flags[index].insert(.dirty)
    dirty.append(index)
    dirtyIsSorted = false
    if !young.flags[index].contains(.known) { partial.append(index) }
  }

  @inline(__always)
  private func noteTouched(_ index: Int) {
    if young.flags[index].insert(.touched).inserted { touched += 1 }
  }

  /// A row of a key that is not in memory.
  private func begin(_ key: RowKey, _ hash: UInt64) -> Int {
    let isWhole = isNowhere(key)
    return young.insert(key, hash, Row(isPartial: !isWhole), isWhole ? .known : [])
  }

  /// Changes a row, whole or partial.
  @inline(__always)
  package func update(_ key: RowKey, _ change: (inout Row) -> Void) {
    let hash = key.mixed
    var index = find(key, hash)
    if index < 0 { index = begin(key, hash) }
    markDirty(index)
    change(&young.rows[index])
    young.weigh(index)
  }

  /// Changes a row, whole or partial, if `change` says that it did.
  @inline(__always)
  package func touch(_ key: RowKey, _ change: (inout Row) -> Bool) {
    let hash = key.mixed
    var index = find(key, hash)
    if index < 0 { index = begin(key, hash) }
    noteTouched(index)
    if change(&young.rows[index]) { markDirty(index) }
    young.weigh(index)
  }

  /// The store has no row of this key any more: it was deleted there, and nothing of it was still to be written.
  package func wasDeleted(_ key: RowKey) {
    let index = find(key, key.mixed)
    if index < 0 { return }
    precondition(
      young.flags[index].isDisjoint(with: [.dirty, .asked]), "\(statements.name): a changed row is deleted")
    young.rows[index] = Row(isPartial: !isComplete)
    young.flags[index] = young.flags[index].intersection(.touched).union(isComplete ? .known : [])
    young.weigh(index)
  }

  // MARK: - Loading and writing
  //
  // `Table` reaches these through the layout, where the compiler knows it: through an existential alone they would run
  // unspecialized, at several times the cost.

  package func takeWantedKeys() -> KeyColumns? { layout.takeWantedKeys(of: self) }
  package func takePartialKeys() -> KeyColumns? { layout.takePartialKeys(of: self) }
  package func restrictToRules() { layout.restrictToRules(self) }
  package func restrictToWhole() { layout.restrictToWhole(self) }
  package func restrict(to rows: Int) { layout.restrict(self, to: rows) }
  package func endRestriction() {
    dirty += held
    partial += heldPartial
    if !held.isEmpty { dirtyIsSorted = false }
    held.removeAll(keepingCapacity: true)
    heldPartial.removeAll(keepingCapacity: true)
  }
  package var hasPartial: Bool { partial.contains { !young.flags[$0].contains(.known) } }
  package func absorb(_ reader: inout RowReader) { layout.absorb(&reader, into: self) }
  package func settle() { layout.settle(self) }
  package func writeChanges(generation: Int32, inserts: inout RowWriter, updates: inout RowWriter) {
    layout.writeChanges(of: self, generation: generation, inserts: &inserts, updates: &updates)
  }
  package func markClean() { layout.markClean(self) }
  package func rotate() { layout.rotate(self) }
  package func shed() { layout.shed(self) }
  package var wantsShed: Bool {
    guard let shedKeys else { return !wanted.isEmpty }
    if shedKeys.isEmpty { return false }
    return wanted.contains { layout.lastingHash(young.keys[$0]).map(shedKeys.contains) ?? true }
  }
  package func wasCommitted() { if shedKeys?.isEmpty != true { shedKeys = [] } }

  // MARK: - Loading

  private func keys(of indices: [Int]) -> KeyColumns? {
    if indices.isEmpty { return nil }
    var arrays = layout.keyArrays
    for index in indices { layout.append(young.keys[index], to: &arrays) }
    return KeyColumns(count: indices.count, arrays: arrays)
  }

  fileprivate func holdWhatRulesDoNotNeed() {
    hold { !layout.rulesNeed(young.rows[$0], isWhole: young.flags[$0].contains(.known)) }
  }

  fileprivate func holdPartial() { hold { !young.flags[$0].contains(.known) } }

  /// The first that changed go first.
  fileprivate func holdBeyond(_ rows: Int) {
    // Of partial rows more may have to be held while they are made whole.
    if dirty.count <= rows || hasPartial { return }
    let first = Set(dirty.prefix(rows))
    hold { !first.contains($0) }
  }

  private func hold(where mayWait: (Int) -> Bool) {
    precondition(held.isEmpty, "\(statements.name): a restriction was not ended")
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

  /// Some of them: each may come with a sketch of people.
  fileprivate func takePartial() -> KeyColumns? {
    var unknown: [Int] = []
    while unknown.count < Self.loadedAtOnce, let index = partial.popLast() {
      if !young.flags[index].contains(.known) { unknown.append(index) }
    }
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

  /// Every changed row, and every one that is written only in part, sorted by key.
  func forEachUnwritten(_ body: (_ key: RowKey, _ row: Row) -> Void) {
    for index in unwritten() { body(young.keys[index], young.rows[index]) }
  }

  /// What belongs into another table is written: `change` notes that in each row.
  func markBehindWritten(_ change: (inout Row) -> Void) {
    for index in unwritten() {
      change(&young.rows[index])
      young.flags[index].remove(.behind)
    }
    behind.removeAll(keepingCapacity: true)
  }

  private func unwritten() -> [Int] {
    if behind.isEmpty && dirtyIsSorted { return dirty }
    let keys = young.keys
    var all = behind.filter { !young.flags[$0].contains(.dirty) } + dirty
    all.sort { layout.precedes(keys[$0], keys[$1]) }
    return all
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
    if !dirty.isEmpty {
      let changed = Double(dirty.count + held.count)
      // A few rows say little of the others.
      usualChanges += (Double(changes) / changed - usualChanges) * Double(dirty.count) / Double(young.count)
      changes = changes * held.count / (dirty.count + held.count)
    }
    for index in dirty {
      young.flags[index].remove(.dirty)
      young.flags[index].insert(.stored)
      young.rows[index].wasWritten()
      if !young.rows[index].isWhollyWritten, young.flags[index].insert(.behind).inserted { behind.append(index) }
      young.weigh(index)
    }
    dirty.removeAll(keepingCapacity: true)
    dirtyIsSorted = true
    // What nobody looks at is marked as written without being whole.
    if !partial.isEmpty { partial.removeAll { !young.flags[$0].contains(.dirty) } }
  }

  // MARK: - Forgetting

  package var youngBytes: Int { max(young.byteCount - keptBytes, 0) }
  package var oldBytes: Int { old.byteCount + min(keptBytes, young.byteCount) }

  /// Remembers which stored rows are in memory no more.
  private func drop(_ rows: RowStore<Row>, where isDropped: (RowFlags) -> Bool = { _ in true }) {
    if rows.isEmpty { return }
    if isComplete {
      isComplete = false
      if let key = rows.keys.first, layout.lastingHash(key) != nil { dropped = KeyFilter() }
    }
    if dropped == nil { return }
    for index in 0..<rows.count where rows.flags[index].contains(.stored) && isDropped(rows.flags[index]) {
      if let hash = layout.lastingHash(rows.keys[index]) { dropped!.insert(hash) }
    }
  }

  fileprivate func turn() {
    precondition(
      dirty.isEmpty && behind.isEmpty && wanted.isEmpty && asked.isEmpty,
      "\(statements.name): rows are forgotten before they are written")
    drop(old)
    let mostStay = touched * 2 >= young.count
    if touched < young.count, mostStay || keptBytes > 0 {
      drop(young, where: { !$0.contains(.touched) })
      young.removeAll { _, _, flags in !flags.contains(.touched) }
    }
    if mostStay {
      // They would only be moved back.
      old = RowStore()
      for index in young.flags.indices { young.flags[index].remove(.touched) }
      keptBytes = young.byteCount
    } else {
      swap(&young, &old)
      young.removeAll()
      keptBytes = 0
    }
    touched = 0
  }

  /// Drops the rows that the store has dropped, or would have, were they written: as these are nowhere now, a complete cache stays
  /// complete.
  package func forget(where isGone: (Row) -> Bool) {
    precondition(
      behind.isEmpty && wanted.isEmpty && asked.isEmpty && held.isEmpty,
      "\(statements.name): rows are forgotten before they are written")
    // What was touched since has left an empty row in `old`.
    old.removeAll { [young] key, row, _ in young.find(key, key.mixed) >= 0 || isGone(row) }
    young.removeAll { _, row, _ in isGone(row) }
    reindex()
  }

  /// Rows have got new indices.
  private func reindex() {
    dirty = young.flags.indices.filter { young.flags[$0].contains(.dirty) }
    partial = dirty.filter { !young.flags[$0].contains(.known) }
    behind = young.flags.indices.filter { young.flags[$0].contains(.behind) }
    touched = young.flags.count { $0.contains(.touched) }
    if dirty.isEmpty { changes = 0 }
    dirtyIsSorted = false
  }

  fileprivate func dropUnchanged() {
    precondition(
      wanted.isEmpty && asked.isEmpty && held.isEmpty, "\(statements.name): rows are forgotten while they are asked for"
    )
    noteShed(old)
    noteShed(young)
    drop(old)
    old = RowStore()
    drop(young, where: { $0.isDisjoint(with: [.dirty, .behind]) })
    young.removeAll { _, _, flags in flags.isDisjoint(with: [.dirty, .behind]) }
    keptBytes = min(keptBytes, young.byteCount)
    reindex()
  }

  private func noteShed(_ rows: RowStore<Row>) {
    guard shedKeys != nil else { return }
    for index in 0..<rows.count where rows.flags[index].contains(.stored) {
      guard rows.flags[index].isDisjoint(with: [.dirty, .behind]) else { continue }
      guard let hash = layout.lastingHash(rows.keys[index]), shedKeys!.count < Self.greatestShed else {
        shedKeys = nil
        return
      }
      shedKeys!.insert(hash)
    }
  }

  package func removeAll() {
    (touched, keptBytes) = (0, 0)
    precondition(
      dirty.isEmpty && behind.isEmpty && wanted.isEmpty && asked.isEmpty,
      "\(statements.name): rows are forgotten before they are written")
    drop(young)
    drop(old)
    young.removeAll()
    old.removeAll()
  }
}

extension RowLayout {
  package func takeWantedKeys(of cache: RowCache<Self>) -> KeyColumns? { cache.takeWanted() }
  package func takePartialKeys(of cache: RowCache<Self>) -> KeyColumns? { cache.takePartial() }
  package func restrictToRules(_ cache: RowCache<Self>) { cache.holdWhatRulesDoNotNeed() }
  package func restrictToWhole(_ cache: RowCache<Self>) { cache.holdPartial() }
  package func restrict(_ cache: RowCache<Self>, to rows: Int) { cache.holdBeyond(rows) }
  package func absorb(_ reader: inout RowReader, into cache: RowCache<Self>) { cache.take(&reader) }
  package func settle(_ cache: RowCache<Self>) { cache.settleAsked() }
  package func writeChanges(
    of cache: RowCache<Self>, generation: Int32, inserts: inout RowWriter, updates: inout RowWriter
  ) {
    cache.write(generation: generation, inserts: &inserts, updates: &updates)
  }
  package func markClean(_ cache: RowCache<Self>) { cache.clean() }
  package func rotate(_ cache: RowCache<Self>) { cache.turn() }
  package func shed(_ cache: RowCache<Self>) { cache.dropUnchanged() }
  package func heldBytes(of cache: RowCache<Self>) -> Int { cache.bytes }
}
