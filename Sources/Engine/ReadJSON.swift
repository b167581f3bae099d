import Events

/// Reads the few small JSON texts that Pleat finds again on its own topics. Names and strings are compared unescaped; a
/// number stays as it was written; of a name that comes twice the last counts.
enum ReadJSON: Equatable {
  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([ReadJSON])
  case object([String: ReadJSON])

  subscript(name: String) -> ReadJSON? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }
  var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }
  var integer: Int64? {
    guard case .number(let text) = self else { return nil }
    return Int64(text)
  }

  /// nil for what is not JSON.
  init?(_ bytes: UnsafeRawBufferPointer) {
    var reader = JSONReader(bytes: bytes)
    guard let value = reader.value(depth: 0), reader.isAtEnd() else { return nil }
    self = value
  }
}

private struct JSONReader {
  let bytes: UnsafeRawBufferPointer
  var i = 0

  static let greatestDepth = 32

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  private var next: UInt8? { i < bytes.count ? bytes[i] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { i += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard next == byte else { return false }
    i += 1
    return true
  }

  private mutating func take(_ word: StaticString) -> Bool {
    let end = i + word.utf8CodeUnitCount
    guard end <= bytes.count else { return false }
    for k in 0..<word.utf8CodeUnitCount where bytes[i + k] != word.utf8Start[k] { return false }
    i = end
    return true
  }

  mutating func isAtEnd() -> Bool {
    skipSpace()
    return i == bytes.count
  }

  mutating func value(depth: Int) -> ReadJSON? {
    guard depth < Self.greatestDepth else { return nil }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return object(depth: depth)
    case UInt8(ascii: "["): return array(depth: depth)
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "t"): return take("true") ? .bool(true) : nil
    case UInt8(ascii: "f"): return take("false") ? .bool(false) : nil
    case UInt8(ascii: "n"): return take("null") ? .null : nil
    default: return number()
    }
  }

  private mutating func object(depth: Int) -> ReadJSON? {
    i += 1
    var members: [String: ReadJSON] = [:]
    if take(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\""), let name = string(), take(UInt8(ascii: ":")),
        let value = value(depth: depth + 1)
      else { return nil }
      members[name] = value
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "}")) ? .object(members) : nil
  }

  private mutating func array(depth: Int) -> ReadJSON? {
    i += 1
    var values: [ReadJSON] = []
    if take(UInt8(ascii: "]")) { return .array(values) }
    repeat {
      guard let value = value(depth: depth + 1) else { return nil }
      values.append(value)
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "]")) ? .array(values) : nil
  }

  /// Whatever of digits, signs, points and exponents: who needs the value reads it strictly.
  private mutating func number() -> ReadJSON? {
    let start = i
    while let byte = next, (0x30...0x39).contains(byte) || "+-.eE".utf8.contains(byte) { i += 1 }
    return i > start ? .number(String(decoding: bytes[start..<i], as: UTF8.self)) : nil
  }

  private mutating func string() -> String? {
    i += 1
    var text: [UInt8] = []
    while let byte = next {
      i += 1
      switch byte {
      case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard appendEscape(to: &text) else { return nil }
      case ..<0x20: return nil
      default: text.append(byte)
      }
    }
    return nil
  }

  private mutating func appendEscape(to text: inout [UInt8]) -> Bool {
    guard let byte = next else { return false }
    i += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      guard var code = fourDigits() else { return false }
      if 0xD800..<0xDC00 ~= code {
        guard take("\\u"), let low = fourDigits(), 0xDC00..<0xE000 ~= low else { return false }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { return false }
      text.append(contentsOf: String(scalar).utf8)
    default: return false
    }
    return true
  }

  private mutating func fourDigits() -> UInt32? {
    guard i + 4 <= bytes.count else { return nil }
    defer { i += 4 }
    var code: UInt32 = 0
    for byte in bytes[i..<i + 4] {
      guard let digit = Hexadecimal.value(of: byte) else { return nil }
      code = code << 4 | UInt32(digit)
    }
    return code
  }
}
