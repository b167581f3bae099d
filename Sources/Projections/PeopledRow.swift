/// A row whose sketch of people stands in a table of its own, since it is large and changes seldom.
package protocol PeopledRow: CachedRow {
  var people: People { get set }
}

extension PeopledRow {
  package var isWhollyWritten: Bool { !people.isChanged }
}
