/// One stream of the binary form, while it is read. The memory is the caller's.
struct FormReader {
  private let base: UnsafeBufferPointer<UInt8>
  private var position = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { base = bytes }

  var remaining: Int { base.count - position }

  @inline(__always)
  mutating func byte() throws(BatchFormError) -> UInt8 {
    guard position < base.count else { throw .truncated }
    defer { position += 1 }
    return base[position]
  }

  @inline(__always)
  mutating func varint() throws(BatchFormError) -> UInt64 {
    guard position < base.count else { throw .truncated }
    let first = base[position]
    position += 1
    return first < 0x80 ? UInt64(first) : try longVarint(UInt64(first & 0x7F))
  }

  @inline(never)
  private mutating func longVarint(_ start: UInt64) throws(BatchFormError) -> UInt64 {
    var value = start
    var shift: UInt64 = 7
    while shift < 64 {
      let next = try byte()
      if shift == 63, next > 1 { throw .malformed("a number of more than 64 bits") }
      value |= UInt64(next & 0x7F) &<< shift
      if next < 0x80 { return value }
      shift += 7
    }
    throw .malformed("a number of more than 64 bits")
  }

  /// A count of at most `limit`, checked before anybody makes room for so many.
  mutating func count(upTo limit: Int) throws(BatchFormError) -> Int {
    let value = try varint()
    guard value <= UInt64(limit) else { throw .tooLarge }
    return Int(value)
  }

  @inline(__always)
  mutating func take(_ count: Int) throws(BatchFormError) -> UnsafeBufferPointer<UInt8> {
    guard count <= remaining else { throw .truncated }
    defer { position += count }
    return UnsafeBufferPointer(rebasing: base[position..<position + count])
  }

  /// The next `count` bytes as a stream of their own, where `count` was read and is not known to fit.
  mutating func stream(_ count: UInt64) throws(BatchFormError) -> FormReader {
    guard count <= UInt64(remaining) else { throw .truncated }
    return FormReader(try take(Int(count)))
  }

  mutating func rest() throws(BatchFormError) -> UnsafeBufferPointer<UInt8> { try take(remaining) }

  func expectEnd() throws(BatchFormError) {
    if remaining != 0 { throw .trailingBytes }
  }
}
