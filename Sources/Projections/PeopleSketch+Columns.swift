/// As `hashes`, `counts` (empty for an estimate) and `estimate`: arrays of `bigint` where SQL looks into them, else `bytea`s, which
/// PostgreSQL takes and gives as they are; it would send each of an array's numbers by a call of a function.
extension PeopleSketch {
  /// Reads arrays; nil where they are null, or do not fit each other (`FoldFault`).
  package init?(_ row: inout RowReader) {
    self.init(row.bigints(), row.bigints(), row.bool())
  }

  /// Reads words and varints; nil as above.
  package init?(packed row: inout RowReader) {
    self.init(row.words(), row.varints(), row.bool())
  }

  private init?(_ hashes: [Int64]?, _ counts: [Int64]?, _ estimate: Bool?) {
    guard let hashes, let counts, let estimate else { return nil }
    guard estimate ? hashes.count == Self.capacity : counts.count == hashes.count && hashes.count <= Self.capacity
    else {
      FoldFault.note("stored people are not a sketch: \(hashes.count) hashes with \(counts.count) counts")
      return nil
    }
    self.init(
      people: hashes.indices.map {
        Person(hash: hash(stored: hashes[$0]), contributions: estimate ? 0 : counts[$0])
      }, isEstimate: estimate)
  }

  package func write(to row: inout RowWriter) {
    let hashes = row.beginArray(.bigint, count: people.count)
    for person in people { row.bigint(storedHash(person.hash)) }
    row.endField(hashes)
    let counts = row.beginArray(.bigint, count: isEstimate ? 0 : people.count)
    if !isEstimate { for person in people { row.bigint(person.contributions) } }
    row.endField(counts)
    row.bool(isEstimate)
  }

  package func writePacked(to row: inout RowWriter) {
    row.words(people.lazy.map { storedHash($0.hash) })
    row.varints(people.prefix(isEstimate ? 0 : people.count).lazy.map(\.contributions))
    row.bool(isEstimate)
  }
}
