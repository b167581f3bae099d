package import Events

/// Reads the fields of one stored row, in PostgreSQL's binary form, in the order of the query's columns.
///
/// A field that is not what its reader says, or holds what no journal leads to, is a `FoldFault`, and reads as null, or as nothing.
package struct RowReader {
  /// Each field behind its length (big-endian, 4 bytes; −1 for null).
  private var bytes: UnsafeRawBufferPointer
  private var offset = 0

  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  @inline(__always)
  private mutating func load<T: FixedWidthInteger>(_: T.Type) -> T {
    let value = T(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    offset += MemoryLayout<T>.size
    return value
  }

  /// The next field's bytes; nil for null. Valid while the row is.
  package mutating func field() -> UnsafeRawBufferPointer? {
    let length = Int(load(Int32.self))
    if length < 0 { return nil }
    defer { offset += length }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
  }

  @inline(__always)
  private mutating func integer<T: FixedWidthInteger>(_: T.Type) -> T? {
    guard let field = field() else { return nil }
    guard field.count == MemoryLayout<T>.size else {
      FoldFault.note("a stored field is \(field.count) bytes, not \(MemoryLayout<T>.size)")
      return nil
    }
    return T(bigEndian: field.loadUnaligned(as: T.self))
  }

  package mutating func smallint() -> Int16? { integer(Int16.self) }
  package mutating func int() -> Int32? { integer(Int32.self) }
  package mutating func bigint() -> Int64? { integer(Int64.self) }
  /// Sums that can be added to for as long as anybody will: their greatest is far beyond what events come to.
  private static let greatestCount: Int64 = 1 << 62
  private static let greatestWide: Int128 = 1 << 126

  /// A `bigint` that is added to; 0 for null, and for one so near the ends that adding to it would not hold (`FoldFault`).
  package mutating func count() -> Int64 {
    let value = bigint() ?? 0
    if value.magnitude <= Self.greatestCount.magnitude { return value }
    FoldFault.note("a stored sum is \(value), which no journal leads to")
    return 0
  }
  /// The same of a `numeric`.
  package mutating func wideCount() -> Int128 {
    let value = wideInteger() ?? 0
    if value.magnitude <= Self.greatestWide.magnitude { return value }
    FoldFault.note("a stored sum is \(value), which no journal leads to")
    return 0
  }
  package mutating func bool() -> Bool? { integer(UInt8.self).map { $0 != 0 } }
  package mutating func double() -> Double? { integer(UInt64.self).map(Double.init(bitPattern:)) }
  package mutating func text() -> String? { field().map { String(decoding: $0, as: UTF8.self) } }
  package mutating func bytea() -> [UInt8]? { field().map { Array($0) } }
  /// Days since 1970-01-01.
  package mutating func date() -> Int32? { int().flatMap { Self.sum($0, PostgresEpoch.days) } }
  package mutating func timestamptz() -> Timestamp? {
    bigint().flatMap { Self.sum($0, PostgresEpoch.microseconds) }.map { Timestamp(microseconds: $0) }
  }

  /// nil for `infinity` (`FoldFault`).
  private static func sum<T: FixedWidthInteger>(_ value: T, _ epoch: T) -> T? {
    let (sum, overflows) = value.addingReportingOverflow(epoch)
    if overflows { FoldFault.note("a stored time is infinite") }
    return overflows ? nil : sum
  }

  /// A `numeric` without fractional digits.
  package mutating func wideInteger() -> Int128? {
    guard let field = field() else { return nil }
    func word(_ index: Int) -> UInt16 {
      UInt16(bigEndian: field.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
    }
    let digits = Int(word(0))
    let weight = Int(Int16(bitPattern: word(1)))
    var value: Int128 = 0
    var index = 0
    // What is no number has another sign than these, what is infinite too.
    var fits = word(2) == 0 || word(2) == 0x4000
    while index <= weight, fits {
      let shifted = value.multipliedReportingOverflow(by: 10_000)
      let added = shifted.partialValue.addingReportingOverflow(index < digits ? Int128(word(4 + index)) : 0)
      fits = !shifted.overflow && !added.overflow
      value = added.partialValue
      index += 1
    }
    guard fits else {
      FoldFault.note("a stored sum is no number, or one that no journal leads to")
      return 0
    }
    return word(2) == 0x4000 ? -value : value
  }

  /// A one-dimensional array of `bigint` without nulls.
  package mutating func bigints() -> [Int64]? { array(Int64.self) }
  /// A one-dimensional array of `integer` without nulls.
  package mutating func ints() -> [Int32]? { array(Int32.self) }

  /// What `RowWriter.words` wrote.
  package mutating func words() -> [Int64]? {
    guard let field = field() else { return nil }
    guard field.count % 8 == 0 else {
      FoldFault.note("a stored list is \(field.count) bytes, and of numbers of 8")
      return []
    }
    return (0..<field.count / 8).map {
      Int64(bigEndian: field.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self))
    }
  }

  package mutating func uuid() -> RowKey {
    guard let field = field(), field.count == 16 else {
      FoldFault.note("a stored uuid is not 16 bytes")
      return RowKey(0)
    }
    return RowKey(
      UInt64(bigEndian: field.loadUnaligned(as: UInt64.self)),
      UInt64(bigEndian: field.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
  }

  /// The lines of a `text`; false for null. Each is valid while the row is.
  package mutating func eachLine(_ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    guard let field = field() else { return false }
    var start = 0
    for end in 0...field.count where end == field.count || field[end] == UInt8(ascii: "\n") {
      body(UnsafeRawBufferPointer(rebasing: field[start..<end]))
      start = end + 1
    }
    return true
  }

  /// What `RowWriter.varints` wrote.
  package mutating func varints() -> [Int64]? {
    guard let field = field() else { return nil }
    var values: [Int64] = []
    values.reserveCapacity(field.count)
    var (value, shift): (Int64, Int64) = (0, 0)
    for byte in field {
      guard shift < 63 else { break }
      value |= Int64(byte & 0x7F) << shift
      shift += 7
      if byte < 0x80 {
        values.append(value)
        (value, shift) = (0, 0)
      }
    }
    if shift != 0 {
      FoldFault.note("a stored list ends within a number, or holds one that is too large")
      return []
    }
    return values
  }

  /// Of one dimension, and without nulls.
  private static func isPlain(_ array: UnsafeRawBufferPointer) -> Bool {
    array.loadUnaligned(as: Int32.self).bigEndian == 1
      && array.loadUnaligned(fromByteOffset: 4, as: Int32.self).bigEndian == 0
  }

  private mutating func array<T: FixedWidthInteger>(_: T.Type) -> [T]? {
    guard let field = field() else { return nil }
    func header(_ at: Int) -> Int32 { Int32(bigEndian: field.loadUnaligned(fromByteOffset: at, as: Int32.self)) }
    if header(0) == 0 { return [] }
    let count = Int(header(12))
    let stride = 4 + MemoryLayout<T>.size
    guard Self.isPlain(field), field.count == 20 + count * stride else {
      FoldFault.note("a stored array holds nulls, or is none of numbers")
      return []
    }
    return (0..<count).map { T(bigEndian: field.loadUnaligned(fromByteOffset: 20 + $0 * stride + 4, as: T.self)) }
  }

  /// The elements' bytes of a one-dimensional array without nulls; false for null. Each is valid while the row is.
  package mutating func eachElement(_ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    guard let field = field() else { return false }
    func header(_ at: Int) -> Int { Int(Int32(bigEndian: field.loadUnaligned(fromByteOffset: at, as: Int32.self))) }
    if header(0) == 0 { return true }
    guard Self.isPlain(field) else {
      FoldFault.note("a stored array holds nulls, or has several dimensions")
      return true
    }
    var at = 20
    for _ in 0..<header(12) {
      let length = header(at)
      body(UnsafeRawBufferPointer(rebasing: field[at + 4..<at + 4 + length]))
      at += 4 + length
    }
    return true
  }

  /// A one-dimensional array of `text` without nulls.
  package mutating func texts() -> [String]? {
    guard let field = field() else { return nil }
    func header(_ at: Int) -> Int { Int(Int32(bigEndian: field.loadUnaligned(fromByteOffset: at, as: Int32.self))) }
    if header(0) == 0 { return [] }
    guard Self.isPlain(field) else {
      FoldFault.note("a stored array holds nulls, or has several dimensions")
      return []
    }
    var at = 20
    return (0..<header(12)).map { _ in
      let length = header(at)
      defer { at += 4 + length }
      return String(decoding: UnsafeRawBufferPointer(rebasing: field[at + 4..<at + 4 + length]), as: UTF8.self)
    }
  }
}

/// PostgreSQL counts days and microseconds from 2000-01-01.
package enum PostgresEpoch {
  package static let days: Int32 = 10_957
  package static let microseconds: Int64 = 946_684_800_000_000
}
