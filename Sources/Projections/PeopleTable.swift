/// How rows and their sketches stand in SQL.
package protocol PeopledLayout: RowLayout where Row: PeopledRow {
  /// Of the sketches' table; `load` is that of `statements`, and reads both.
  var peopleStatements: TableStatements { get }
  var peopleFields: Int16 { get }
  /// Writes the columns behind `generation`.
  func writePeople(_ key: RowKey, _ row: Row, to writer: inout RowWriter)
  /// Every layout has this already; see `RowLayout`.
  func writePeople(of cache: RowCache<Self>, generation: Int32, inserts: inout RowWriter, updates: inout RowWriter)
  func markPeopleClean(of cache: RowCache<Self>)
}

/// Writes the sketches of a cache's rows. Stands before that cache in `Projection.tables`, so that it is written first; where the
/// rules do without the sketches it is not among `tablesOfRules`, and they wait for a flush.
package final class PeopleTable<Layout: PeopledLayout>: Table {
  private let cache: RowCache<Layout>

  package init(of cache: RowCache<Layout>) { self.cache = cache }

  package var statements: TableStatements { cache.layout.peopleStatements }
  package var rowsOwner: ObjectIdentifier { ObjectIdentifier(cache) }
  package func assumeEmpty() {}

  // A row is whole only with both tables; whoever is asked first loads it.
  package func takeWantedKeys() -> KeyColumns? { cache.takeWantedKeys() }
  package func takePartialKeys() -> KeyColumns? { cache.takePartialKeys() }
  package func absorb(_ row: inout RowReader) { cache.absorb(&row) }
  package func settle() { cache.settle() }
  // The cache has them both, and says it.
  package var wantsShed: Bool { false }
  package var hasPartial: Bool { cache.hasPartial }

  /// At most: a partial row tells only when it is whole whether its sketch changed.
  package var dirtyCount: Int { cache.dirtyCount + cache.behindCount }

  package func writeChanges(generation: Int32, inserts: inout RowWriter, updates: inout RowWriter) {
    cache.layout.writePeople(of: cache, generation: generation, inserts: &inserts, updates: &updates)
  }

  package func markClean() { cache.layout.markPeopleClean(of: cache) }
}

extension PeopledLayout {
  package func writePeople(
    of cache: RowCache<Self>, generation: Int32, inserts: inout RowWriter, updates: inout RowWriter
  ) {
    let fields = peopleFields
    cache.forEachUnwritten { key, row in
      if !row.people.isChanged { return }
      if row.people.isStored {
        updates.beginRow(fields: fields)
        updates.int(generation)
        writePeople(key, row, to: &updates)
      } else {
        inserts.beginRow(fields: fields)
        inserts.int(generation)
        writePeople(key, row, to: &inserts)
      }
    }
  }
  package func markPeopleClean(of cache: RowCache<Self>) {
    cache.markBehindWritten { $0.people.wasWritten() }
  }
}
