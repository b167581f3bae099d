/// Rows whose sketch of people stands in a table of its own, since it is large and changes seldom.
package protocol PeopledLayout: RowLayout {
  /// Of the sketches' table; `load` is that of `statements`, and reads both.
  var peopleStatements: TableStatements { get }
  var peopleFields: Int16 { get }
  static func people(of row: Row) -> People
  /// Writes the columns behind `generation`.
  func writePeople(_ key: RowKey, _ row: Row, to writer: inout RowWriter)
  /// Every layout has this already; see `RowLayout`.
  func writePeople(of cache: RowCache<Self>, generation: Int32, inserts: inout RowWriter, updates: inout RowWriter)
}

/// Writes the sketches of a cache's rows. Stands before that cache in `Projection.tables`, so that it is written first.
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

  /// At most: a partial row tells only when it is whole whether its sketch changed.
  package var dirtyCount: Int { cache.dirtyCount }
  package var byteCount: Int { cache.dirtyCount * PeopleSketch.capacity }

  package func writeChanges(generation: Int32, inserts: inout RowWriter, updates: inout RowWriter) {
    cache.layout.writePeople(of: cache, generation: generation, inserts: &inserts, updates: &updates)
  }

  package func markClean() {}
}

extension PeopledLayout {
  package func writePeople(
    of cache: RowCache<Self>, generation: Int32, inserts: inout RowWriter, updates: inout RowWriter
  ) {
    let fields = peopleFields
    cache.forEachDirty { key, row, _ in
      let people = Self.people(of: row)
      if !people.isChanged { return }
      if people.isStored {
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
}
