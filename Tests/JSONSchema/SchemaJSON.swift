/// A JSON value, read and written by something that has nothing to do with the decoder. Numbers keep their text.
package indirect enum SchemaJSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([SchemaJSON])
  case object([(name: String, value: SchemaJSON)])

  package static func == (a: Self, b: Self) -> Bool { a.text == b.text }

  package subscript(_ name: String) -> SchemaJSON? {
    get {
      guard case .object(let members) = self else { return nil }
      return members.first { $0.name == name }?.value
    }
    set {
      guard case .object(var members) = self else { return }
      members.removeAll { $0.name == name }
      if let newValue { members.append((name, newValue)) }
      self = .object(members)
    }
  }

  package var members: [(name: String, value: SchemaJSON)] {
    if case .object(let members) = self { members } else { [] }
  }
  package var elements: [SchemaJSON] {
    if case .array(let elements) = self { elements } else { [] }
  }
  package var stringValue: String? {
    if case .string(let string) = self { string } else { nil }
  }
  package var doubleValue: Double? {
    if case .number(let text) = self { Double(text) } else { nil }
  }

  package static func strings(_ strings: [String]) -> SchemaJSON { .array(strings.map { .string($0) }) }

  package var text: String {
    switch self {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .number(let text): return text
    case .string(let string): return Self.quoted(string)
    case .array(let elements): return "[" + elements.map(\.text).joined(separator: ",") + "]"
    case .object(let members):
      return "{" + members.map { Self.quoted($0.name) + ":" + $0.value.text }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}

/// What is wrong with a JSON text or a schema; a test that meets it fails.
package struct SchemaProblem: Error, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

extension SchemaJSON {
  package init(parsing bytes: [UInt8]) throws(SchemaProblem) {
    var parser = Parser(bytes: bytes)
    self = try parser.value(depth: 0)
    parser.skipSpace()
    if parser.at < bytes.count { throw SchemaProblem("something follows the JSON value, at byte \(parser.at)") }
  }

  /// For the schemas of this project: strict enough to notice a broken file.
  private struct Parser {
    let bytes: [UInt8]
    var at = 0
    static let deepest = 64

    mutating func skipSpace() {
      while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    }

    mutating func take(_ text: String) -> Bool {
      let wanted = Array(text.utf8)
      guard bytes[at...].starts(with: wanted) else { return false }
      at += wanted.count
      return true
    }

    func problem(_ what: String) -> SchemaProblem { SchemaProblem("\(what), at byte \(at)") }

    mutating func value(depth: Int) throws(SchemaProblem) -> SchemaJSON {
      if depth > Self.deepest { throw problem("nested too deep") }
      skipSpace()
      if take("null") { return .null }
      if take("true") { return .bool(true) }
      if take("false") { return .bool(false) }
      if take("\"") { return .string(try string()) }
      if take("[") { return .array(try elements(depth: depth)) }
      if take("{") { return .object(try members(depth: depth)) }
      let start = at
      while at < bytes.count, Array("+-.0123456789eE".utf8).contains(bytes[at]) { at += 1 }
      let text = String(decoding: bytes[start..<at], as: UTF8.self)
      if Double(text) == nil { throw problem("no JSON value") }
      return .number(text)
    }

    mutating func elements(depth: Int) throws(SchemaProblem) -> [SchemaJSON] {
      var elements: [SchemaJSON] = []
      skipSpace()
      if take("]") { return [] }
      while true {
        elements.append(try value(depth: depth + 1))
        skipSpace()
        if take("]") { return elements }
        if !take(",") { throw problem("no comma") }
      }
    }

    mutating func members(depth: Int) throws(SchemaProblem) -> [(name: String, value: SchemaJSON)] {
      var members: [(name: String, value: SchemaJSON)] = []
      skipSpace()
      if take("}") { return [] }
      while true {
        skipSpace()
        if !take("\"") { throw problem("no member name") }
        let name = try string()
        if members.contains(where: { $0.name == name }) { throw problem("\(name) stands twice in an object") }
        skipSpace()
        if !take(":") { throw problem("no colon") }
        members.append((name, try value(depth: depth + 1)))
        skipSpace()
        if take("}") { return members }
        if !take(",") { throw problem("no comma") }
      }
    }

    mutating func string() throws(SchemaProblem) -> String {
      var text: [UInt8] = []
      while at < bytes.count {
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
        case UInt8(ascii: "\\"):
          guard at < bytes.count else { throw problem("a string without an end") }
          let escape = bytes[at]
          at += 1
          switch escape {
          case UInt8(ascii: "b"): text.append(0x08)
          case UInt8(ascii: "f"): text.append(0x0C)
          case UInt8(ascii: "n"): text.append(0x0A)
          case UInt8(ascii: "r"): text.append(0x0D)
          case UInt8(ascii: "t"): text.append(0x09)
          case UInt8(ascii: "u"):
            guard at + 4 <= bytes.count,
              let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16),
              let scalar = Unicode.Scalar(code)
            else { throw problem("an escape that the schemas do not need") }
            at += 4
            text.append(contentsOf: Array(String(scalar).utf8))
          case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
          default: throw problem("an escape that the schemas do not need")
          }
        default: text.append(byte)
        }
      }
      throw problem("a string without an end")
    }
  }
}
