/// A row in memory: what the store holds of a key, or contributions to it.
///
/// A *partial* row begins from the zero state without knowledge of the stored one and collects contributions; `merge` then lays
/// them onto it. Where their order matters (a sketch of people) the row keeps them until then.
package protocol CachedRow {
  init(isPartial: Bool)
  /// Turns the contributions in a partial `self` into the whole row: `stored` (or the whole zero state, where the store has
  /// none) with them applied in their order.
  mutating func merge(onto stored: Self)
  /// The row's changes are in the store, but for those that go into another table (`PeopledRow`).
  mutating func wasWritten()
  /// Whether nothing waits to be written into another table.
  var isWhollyWritten: Bool { get }
  /// About what the row holds in memory of its own.
  var heapBytes: Int { get }
}

extension CachedRow {
  package mutating func wasWritten() {}
  package var isWhollyWritten: Bool { true }
  package var heapBytes: Int { 0 }
}

/// How the rows of one table stand in SQL.
package protocol RowLayout {
  associatedtype Row: CachedRow
  var statements: TableStatements { get }
  /// Columns of a written row, `generation` included.
  var fields: Int16 { get }
  /// An empty array for each key column.
  var keyArrays: [ArrayParameter] { get }
  func append(_ key: RowKey, to arrays: inout [ArrayParameter])
  /// Reads the columns that `statements.load` selects, key first.
  func read(_ reader: inout RowReader) -> (key: RowKey, row: Row)
  /// Writes the columns behind `generation`.
  func write(_ key: RowKey, _ row: Row, to writer: inout RowWriter)
  /// Whether the rules, were they run now, could come to something else with this changed row as it is than with the stored one.
  /// A row that may wait when this is asked is written with the next flush. Every layout says yes unless it knows better.
  func rulesNeed(_ row: Row, isWhole: Bool) -> Bool
  /// A hash of the key's columns, which outlives the names in it; nil where it is not worth while to know which keys are new.
  func lastingHash(_ key: RowKey) -> UInt64?
  /// `Table.rowsStay`.
  var rowsStay: Bool { get }
  /// The order of keys by the bytes of their columns.
  func precedes(_ a: RowKey, _ b: RowKey) -> Bool

  // What a `RowCache` does for its `Table`, with the layout known to the compiler. Every layout has these already.
  func takeWantedKeys(of cache: RowCache<Self>) -> KeyColumns?
  func takePartialKeys(of cache: RowCache<Self>) -> KeyColumns?
  func restrictToRules(_ cache: RowCache<Self>)
  func restrictToWhole(_ cache: RowCache<Self>)
  func restrict(_ cache: RowCache<Self>, to rows: Int)
  func absorb(_ reader: inout RowReader, into cache: RowCache<Self>)
  func settle(_ cache: RowCache<Self>)
  func writeChanges(of cache: RowCache<Self>, generation: Int32, inserts: inout RowWriter, updates: inout RowWriter)
  func markClean(_ cache: RowCache<Self>)
  func rotate(_ cache: RowCache<Self>)
  func shed(_ cache: RowCache<Self>)
  func heldBytes(of cache: RowCache<Self>) -> Int
}

extension RowLayout {
  package func rulesNeed(_ row: Row, isWhole: Bool) -> Bool { true }
  package func lastingHash(_ key: RowKey) -> UInt64? { nil }
  package var rowsStay: Bool { true }
}
