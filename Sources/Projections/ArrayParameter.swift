/// Keys as columns, each an array in PostgreSQL's binary form.
package struct KeyColumns: Sendable {
  package var count: Int
  package var arrays: [ArrayParameter]
  package init(count: Int, arrays: [ArrayParameter]) { (self.count, self.arrays) = (count, arrays) }
}

/// A one-dimensional array without nulls: its elements, each behind its length (big-endian, 4 bytes).
package struct ArrayParameter: Sendable {
  package enum Element: UInt32, Sendable {
    case bytea = 17
    case bigint = 20
    case smallint = 21
    case integer = 23
    case text = 25
    case date = 1082
    case timestamptz = 1184
    case uuid = 2950
  }
  package var element: Element
  package var count: Int = 0
  package var bytes: [UInt8] = []
  package init(_ element: Element) { self.element = element }
}
