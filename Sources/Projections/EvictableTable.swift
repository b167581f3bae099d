/// A table that can give memory back.
package protocol EvictableTable: Table {
  /// Bytes of the rows touched since the last `rotate`, and of those that were there before.
  var youngBytes: Int { get }
  var oldBytes: Int { get }
  /// Drops the old rows; what was young is old.
  func rotate()
  /// Drops every row.
  func removeAll()
}

/// Keeps tables within a number of bytes together: when more is held and the young rows take half of it or more, every table
/// rotates, so that a row stays as long as it is touched once in the time in which half the memory fills up.
package func evict(_ tables: [any EvictableTable], keeping bytes: Int) {
  let young = tables.reduce(0) { $0 + $1.youngBytes }
  let old = tables.reduce(0) { $0 + $1.oldBytes }
  if young + old > bytes && young * 2 >= bytes {
    for table in tables { table.rotate() }
  }
}
