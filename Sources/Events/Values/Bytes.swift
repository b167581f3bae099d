/// UTF-8 text in somebody else's memory.
typealias Bytes = UnsafeBufferPointer<UInt8>

@inline(__always)
func bytes(_ raw: UnsafeRawBufferPointer) -> Bytes {
  Bytes(start: raw.baseAddress?.assumingMemoryBound(to: UInt8.self), count: raw.count)
}

@inline(__always)
func bytes(_ text: StaticString) -> Bytes { Bytes(start: text.utf8Start, count: text.utf8CodeUnitCount) }

extension UnsafeRawPointer {
  /// Whether so many bytes are the same there. Names and ids are short: calling `memcmp` costs more than it does.
  @inline(__always)
  func isSame(as other: UnsafeRawPointer, count: Int) -> Bool {
    @inline(__always)
    func differences<T: FixedWidthInteger>(_ at: Int, _: T.Type) -> T {
      loadUnaligned(fromByteOffset: at, as: T.self) ^ other.loadUnaligned(fromByteOffset: at, as: T.self)
    }
    // The last word overlaps the one before it.
    if count >= 8 {
      let last = count &- 8
      var found = differences(last, UInt64.self)
      var at = 0
      while at < last {
        found |= differences(at, UInt64.self)
        at &+= 8
      }
      return found == 0
    }
    if count >= 4 { return differences(0, UInt32.self) | differences(count &- 4, UInt32.self) == 0 }
    var found: UInt8 = 0
    for at in 0..<count { found |= differences(at, UInt8.self) }
    return found == 0
  }
}

extension UnsafeMutableRawPointer {
  /// `copyMemory`, without a call for what is short.
  @inline(__always)
  func copyShort(from source: UnsafeRawPointer, count: Int) {
    @inline(__always)
    func copy<T: BitwiseCopyable>(_ at: Int, _: T.Type) {
      storeBytes(of: source.loadUnaligned(fromByteOffset: at, as: T.self), toByteOffset: at, as: T.self)
    }
    // The last piece overlaps the one before it.
    switch count {
    case 16...64:
      var at = 0
      while at < count &- 16 {
        copy(at, SIMD16<UInt8>.self)
        at &+= 16
      }
      copy(count &- 16, SIMD16<UInt8>.self)
    case 8..<16:
      copy(0, UInt64.self)
      copy(count &- 8, UInt64.self)
    case 4..<8:
      copy(0, UInt32.self)
      copy(count &- 4, UInt32.self)
    case 0..<4:
      for at in 0..<count { copy(at, UInt8.self) }
    default: copyMemory(from: source, byteCount: count)
    }
  }
}

extension UnsafeBufferPointer<UInt8> {
  @inline(__always)
  static func == (a: Self, b: StaticString) -> Bool {
    a.count == b.utf8CodeUnitCount
      && (a.count == 0 || UnsafeRawPointer(a.baseAddress!).isSame(as: b.utf8Start, count: a.count))
  }

  @inline(__always)
  static func == (a: Self, b: Self) -> Bool {
    a.count == b.count && (a.count == 0 || UnsafeRawPointer(a.baseAddress!).isSame(as: b.baseAddress!, count: a.count))
  }

  /// Without the ASCII white space (U+0009-0D and the space) around it.
  @inline(__always)
  var trimmed: Self {
    @inline(__always)
    func isSpace(_ c: UInt8) -> Bool { c == 0x20 || c &- 0x09 < 5 }
    var from = 0
    var to = count
    while from < to, isSpace(self[from]) { from &+= 1 }
    while from < to, isSpace(self[to &- 1]) { to &-= 1 }
    return Self(rebasing: self[from..<to])
  }

  /// Whether one of U+0000-1F or U+007F-9F is in this text.
  var hasControlCharacters: Bool {
    var previous: UInt8 = 0
    for c in self {
      if c < 0x20 || c == 0x7F || (previous == 0xC2 && c < 0xA0) { return true }
      previous = c
    }
    return false
  }

  /// Whether this is `-?[0-9]+(\.[0-9]+)?`.
  var isDecimalString: Bool {
    var i = 0
    func digits() -> Bool {
      let start = i
      while i < count, self[i] &- UInt8(ascii: "0") < 10 { i += 1 }
      return i > start
    }
    if i < count, self[i] == UInt8(ascii: "-") { i += 1 }
    guard digits() else { return false }
    if i == count { return true }
    guard self[i] == UInt8(ascii: ".") else { return false }
    i += 1
    return digits() && i == count
  }
}
