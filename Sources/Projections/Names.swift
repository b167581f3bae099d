package import Events

/// A name that outlives its batch: an index into a `Names`.
package struct NameID: Hashable, Sendable {
  package var index: UInt32
  package init(index: UInt32) { self.index = index }
  package static let none = NameID(index: .max)
  package var isNone: Bool { index == .max }
}

/// The names that the rows in memory are keyed by or hold: a projection's tables share one.
///
/// It only grows; when it has grown past its share the projection starts it and every table that holds its ids over.
package final class Names {
  private var table: SymbolTable
  /// The first 8 bytes of each name, big-endian, padded with zeros: they decide most comparisons.
  private var prefixes: [UInt64] = []

  /// What a name takes besides its bytes: its end, its hash, its prefix and its slots.
  private static let overheadBytes = 32

  package init() { table = SymbolTable(expected: 1024) }

  package var byteCount: Int { table.byteCount + table.count * Self.overheadBytes }

  package func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> NameID {
    let symbol = table.intern(bytes)
    if Int(symbol.index) == prefixes.count {
      var prefix: UInt64 = 0
      for index in 0..<8 { prefix = prefix << 8 | (index < bytes.count ? UInt64(bytes[index]) : 0) }
      prefixes.append(prefix)
    }
    return NameID(index: symbol.index)
  }

  package func intern(_ bytes: UnsafeRawBufferPointer) -> NameID {
    bytes.withMemoryRebound(to: UInt8.self) { intern($0) }
  }

  package func intern(_ string: String) -> NameID {
    var copy = string
    return copy.withUTF8 { intern($0) }
  }

  /// The bytes of a name; the pointer is valid within the call.
  @inline(__always)
  package func withBytes<R>(_ name: NameID, _ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
    try table.withBytes(Symbol(index: name.index), body)
  }

  /// The order of the names' bytes: negative, 0 or positive.
  package func compare(_ a: NameID, _ b: NameID) -> Int {
    if a == b { return 0 }
    let (p, q) = (prefixes[Int(a.index)], prefixes[Int(b.index)])
    if p != q { return p < q ? -1 : 1 }
    return withBytes(a) { x in
      withBytes(b) { y in
        var index = 0
        while index < x.count && index < y.count {
          if x[index] != y[index] { return Int(x[index]) - Int(y[index]) }
          index += 1
        }
        return x.count - y.count
      }
    }
  }

  /// Forgets every name; ids given out before mean nothing afterwards.
  package func removeAll() {
    table = SymbolTable(expected: 1024)
    prefixes.removeAll()
  }
}

extension RowReader {
  /// A `text`, interned; `.none` for null.
  package mutating func name(_ names: Names) -> NameID {
    guard let bytes = field() else { return .none }
    return names.intern(bytes)
  }
}

extension RowWriter {
  /// A `text`; null for `.none`.
  package mutating func name(_ name: NameID, _ names: Names) {
    if name.isNone { return null() }
    names.withBytes(name) { raw(UnsafeRawBufferPointer($0)) }
  }
}

extension ArrayParameter {
  package mutating func append(_ name: NameID, _ names: Names) {
    names.withBytes(name) { append(UnsafeRawBufferPointer($0)) }
  }

  package mutating func append(_ value: UnsafeRawBufferPointer) {
    withUnsafeBytes(of: UInt32(value.count).bigEndian) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: value)
    count += 1
  }

  package mutating func append(bigint value: Int64) {
    withUnsafeBytes(of: value.bigEndian) { append($0) }
  }

  package mutating func append(uuid key: RowKey) {
    withUnsafeBytes(of: (key.high.bigEndian, key.low.bigEndian)) { append($0) }
  }

  /// Days since 1970-01-01.
  package mutating func append(date day: Int32) {
    withUnsafeBytes(of: (day - PostgresEpoch.days).bigEndian) { append($0) }
  }

  package mutating func append(timestamptz time: Timestamp) {
    append(bigint: time.microseconds - PostgresEpoch.microseconds)
  }
}
