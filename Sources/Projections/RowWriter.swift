package import Events

/// Writes rows as `COPY … (FORMAT binary)` takes them: for each a field count, then each field behind its length.
package struct RowWriter: Sendable {
  private var buffer = ByteBuffer()
  package private(set) var count = 0

  package var byteCount: Int { buffer.count }

  /// A copy, without the file header and trailer, which belong to the transport.
  package var bytes: [UInt8] { buffer.array }

  /// The bytes where they stand, valid within the call.
  package func withBytes<E: Error>(_ body: (UnsafeBufferPointer<UInt8>) throws(E) -> Void) throws(E) {
    try buffer.withBytes(body)
  }

  package init() {}

  package mutating func beginRow(fields: Int16) {
    append(fields)
    count += 1
  }

  /// Of the rows written so far, how many are enough to tell how large they are.
  private static let sample = 64

  /// Makes room, once the size of a row is known, for so many rows in all.
  mutating func makeRoom(forRows rows: Int) {
    if count == Self.sample { buffer.reserve(buffer.count / Self.sample * rows * 9 / 8) }
  }

  private mutating func append(_ value: Int16) { buffer.append(bigEndian: UInt16(bitPattern: value)) }
  private mutating func append(_ value: UInt16) { buffer.append(bigEndian: value) }
  private mutating func append(_ value: Int32) { buffer.append(bigEndian: UInt32(bitPattern: value)) }
  private mutating func append(_ value: UInt32) { buffer.append(bigEndian: value) }
  private mutating func append(_ value: Int64) { buffer.append(bigEndian: UInt64(bitPattern: value)) }
  private mutating func append(_ value: UInt64) { buffer.append(bigEndian: value) }

  package mutating func null() { append(Int32(-1)) }

  @inline(__always)
  private mutating func word(_ value: UInt32) { append(UInt64(4) << 32 | UInt64(value)) }

  @inline(__always)
  private mutating func longWord(_ value: UInt64) {
    append(UInt32(8))
    append(value)
  }

  package mutating func smallint(_ value: Int16?) {
    guard let value else { return null() }
    append(Int32(2))
    append(value)
  }
  package mutating func int(_ value: Int32?) {
    guard let value else { return null() }
    word(UInt32(bitPattern: value))
  }
  package mutating func bigint(_ value: Int64?) {
    guard let value else { return null() }
    longWord(UInt64(bitPattern: value))
  }
  package mutating func bool(_ value: Bool?) {
    guard let value else { return null() }
    append(Int32(1))
    buffer.append(value ? 1 : 0)
  }
  /// Days since 1970-01-01.
  package mutating func date(_ day: Int32?) { int(day.map { $0 - PostgresEpoch.days }) }
  package mutating func timestamptz(_ time: Timestamp?) {
    bigint(time.map { $0.microseconds - PostgresEpoch.microseconds })
  }

  package mutating func raw(_ value: UnsafeRawBufferPointer) {
    append(Int32(value.count))
    buffer.append(value)
  }
  package mutating func bytea(_ value: [UInt8]?) {
    guard let value else { return null() }
    value.withUnsafeBytes { raw($0) }
  }
  package mutating func uuid(_ key: RowKey) {
    append(Int32(16))
    append(key.high)
    append(key.low)
  }
  package mutating func text(_ value: String?) {
    guard var value else { return null() }
    value.withUTF8 { raw(UnsafeRawBufferPointer($0)) }
  }

  /// A `numeric` without fractional digits.
  package mutating func wideInteger(_ value: Int128?) {
    guard let value else { return null() }
    var rest = value.magnitude
    var digits: [UInt16] = []
    while rest != 0 {
      let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10_000)
      digits.append(UInt16(remainder))
      rest = quotient
    }
    let weight = Int16(max(digits.count - 1, 0))
    let trailing = digits.prefix { $0 == 0 }.count
    append(Int32(8 + 2 * (digits.count - trailing)))
    append(Int16(digits.count - trailing))
    append(weight)
    append(UInt16(value < 0 ? 0x4000 : 0))
    append(UInt16(0))
    for digit in digits[trailing...].reversed() { append(digit) }
  }

  package mutating func bigints(_ values: [Int64]) {
    beginArray(of: 20, count: values.count, bytes: values.count * 12)
    for value in values { longWord(UInt64(bitPattern: value)) }
  }
  package mutating func ints(_ values: some Collection<Int32>) {
    beginArray(of: 23, count: values.count, bytes: values.count * 8)
    for value in values { word(UInt32(bitPattern: value)) }
  }

  /// Elements of this type follow as fields, of so many bytes with their lengths.
  private mutating func beginArray(of element: Int32, count elements: Int, bytes: Int) {
    append(Int32(elements == 0 ? 12 : 20 + bytes))
    append(Int32(elements == 0 ? 0 : 1))
    append(Int32(0))
    append(element)
    if elements == 0 { return }
    append(Int32(elements))
    append(Int32(1))
  }

  /// Begins an array without nulls; its elements follow as fields, then `endField` with what this returns.
  package mutating func beginArray(_ element: ArrayParameter.Element, count elements: Int) -> Int {
    let start = buffer.count
    append(Int32(0))
    append(Int32(elements == 0 ? 0 : 1))
    append(Int32(0))
    append(element.rawValue)
    if elements > 0 {
      append(Int32(elements))
      append(Int32(1))
    }
    return start
  }

  /// Begins a field whose bytes follow piece by piece, then `endField` with what this returns.
  package mutating func beginField() -> Int {
    defer { append(Int32(0)) }
    return buffer.count
  }

  package mutating func endField(_ start: Int) {
    buffer.overwrite(at: start, bigEndian: UInt32(bitPattern: Int32(buffer.count - start - 4)))
  }

  /// A `bytea` of so many bytes for each number: all eight, the highest first.
  package mutating func words(_ values: some Collection<Int64>) {
    append(Int32(values.count * 8))
    for value in values { append(value) }
  }

  /// A `bytea` of numbers, none below 0, in LEB128: seven bits a byte, the lowest first, the highest bit for each that is not the last.
  package mutating func varints(_ values: some Collection<Int64>) {
    let start = beginField()
    for value in values { varint(value) }
    endField(start)
  }

  /// One of them, in a field that was begun.
  @inline(__always)
  package mutating func varint(_ value: Int64) {
    buffer.append(varint: UInt64(clamping: value))
  }

  /// A line, in a `text` that was begun: what it says has no control characters.
  package mutating func line(_ text: UnsafeBufferPointer<UInt8>, isFirst: Bool) {
    if !isFirst { buffer.append(UInt8(ascii: "\n")) }
    buffer.append(text)
  }

  /// A row's fields as they were written elsewhere.
  package mutating func row(_ fields: [UInt8], count fieldCount: Int16) {
    beginRow(fields: fieldCount)
    buffer.append(fields)
  }
}
