import Glibc

/// Looks for an id in bytes that may be JSON, where a producer may have escaped any character of a string.
package enum EscapedText {
  /// Whether the id stands in the bytes as it is, or once escapes are undone.
  package static func holds(_ id: [UInt8], in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    if contains(id, in: bytes) { return true }
    guard bytes.contains(UInt8(ascii: "\\")) else { return false }
    return unescaped(bytes).withUnsafeBufferPointer { contains(id, in: $0) }
  }

  package static func holds(_ id: [UInt8], in bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBufferPointer { holds(id, in: $0) }
  }

  /// Whether the id stands in the bytes as it is. A number cut out of a longer number (`user-1` in `user-10`) is another id.
  static func contains(_ id: [UInt8], in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let first = id.first, let last = id.last, let base = bytes.baseAddress else { return false }
    func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
    var start = 0
    while bytes.count - start >= id.count {
      guard let found = memchr(base + start, Int32(first), bytes.count - start - id.count + 1) else { return false }
      let from = UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
      let to = from + id.count
      start = from + 1
      guard memcmp(found, id, id.count) == 0 else { continue }
      let goesOn = isDigit(first) && from > 0 && isDigit(bytes[from - 1])
      if !goesOn, !(isDigit(last) && to < bytes.count && isDigit(bytes[to])) { return true }
    }
    return false
  }

  /// What stands between the quotes of each string, escapes undone; of what is no JSON whatever looks like one.
  package static func strings(in bytes: [UInt8]) -> [[UInt8]] {
    var strings: [[UInt8]] = []
    var start: Int?
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "\\") {
        index += 2
        continue
      }
      if bytes[index] == UInt8(ascii: "\"") {
        if let from = start {
          strings.append(bytes[from..<index].withUnsafeBufferPointer { unescaped($0) })
          start = nil
        } else {
          start = index + 1
        }
      }
      index += 1
    }
    return strings
  }

  /// The bytes with JSON's escapes undone; an escape that is none stays as it is.
  static func unescaped(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      guard bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count else {
        result.append(bytes[index])
        index += 1
        continue
      }
      switch bytes[index + 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(bytes[index + 1])
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        guard let (scalar, count) = scalar(in: bytes, at: index) else {
          result.append(bytes[index])
          index += 1
          continue
        }
        result.append(contentsOf: String(Character(scalar)).utf8)
        index += count
        continue
      default:
        result.append(bytes[index])
        index += 1
        continue
      }
      index += 2
    }
    return result
  }

  /// The character of an escape `\uXXXX`, or of a surrogate pair of them, and how many bytes it takes.
  private static func scalar(
    in bytes: UnsafeBufferPointer<UInt8>, at index: Int
  ) -> (scalar: Unicode.Scalar, count: Int)? {
    guard let first = unit(in: bytes, at: index) else { return nil }
    if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
    guard (0xD800..<0xDC00).contains(first), let second = unit(in: bytes, at: index + 6),
      (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00)))
    else { return nil }
    return (scalar, 12)
  }

  private static func unit(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> UInt32? {
    guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
      return nil
    }
    var value: UInt32 = 0
    for digit in bytes[index + 2..<index + 6] {
      guard let digit = Hexadecimal.value(of: digit) else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}
