import Glibc

/// UTF-8 text in somebody else's memory.
typealias Bytes = UnsafeBufferPointer<UInt8>

@inline(__always)
func bytes(_ raw: UnsafeRawBufferPointer) -> Bytes {
  Bytes(start: raw.baseAddress?.assumingMemoryBound(to: UInt8.self), count: raw.count)
}

@inline(__always)
func bytes(_ text: StaticString) -> Bytes { Bytes(start: text.utf8Start, count: text.utf8CodeUnitCount) }

extension UnsafeBufferPointer<UInt8> {
  @inline(__always)
  static func == (a: Self, b: StaticString) -> Bool {
    a.count == b.utf8CodeUnitCount && (a.count == 0 || memcmp(a.baseAddress!, b.utf8Start, a.count) == 0)
  }

  @inline(__always)
  static func == (a: Self, b: Self) -> Bool {
    a.count == b.count && (a.count == 0 || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0)
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
