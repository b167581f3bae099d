import Foundation

/// JSON as a tree, by the grammar and nothing else; numbers and member names as they were written.
package indirect enum PlainJSON {
  case null
  case boolean(Bool)
  case number([UInt8])
  case string(raw: [UInt8], text: [UInt8])
  case array([PlainJSON])
  case object([PlainMember])

  /// Without white space.
  package var compact: [UInt8] {
    switch self {
    case .null: Array("null".utf8)
    case .boolean(let value): Array("\(value)".utf8)
    case .number(let text): text
    case .string(let raw, _): Array("\"".utf8) + raw + Array("\"".utf8)
    case .array(let values):
      Array("[".utf8) + Array(values.map(\.compact).joined(separator: Array(",".utf8))) + Array("]".utf8)
    case .object(let members): Array("{".utf8) + PlainMember.compact(members) + Array("}".utf8)
    }
  }
}

package struct PlainMember {
  package var raw: [UInt8]
  package var name: [UInt8]
  package var value: PlainJSON

  package static func compact(_ members: [PlainMember]) -> [UInt8] {
    Array(
      members.map { Array("\"".utf8) + $0.raw + Array("\":".utf8) + $0.value.compact }.joined(
        separator: Array(",".utf8)))
  }
}

package struct PlainJSONParser {
  struct Malformed: Error {}
  private let text: [UInt8]
  private var at = 0
  /// Where the first member stands that its object had already.
  package private(set) var firstRepetition: String?

  package init(_ text: [UInt8]) { self.text = text }

  package mutating func parse() throws -> PlainJSON {
    let value = try value(depth: 0, path: "")
    skipSpace()
    if at != text.count { throw Malformed() }
    return value
  }

  private var next: Character? { at < text.count ? Character(Unicode.Scalar(text[at])) : nil }

  private mutating func skipSpace() {
    while let c = next, " \t".contains(c) || text[at] == 10 || text[at] == 13 { at += 1 }
  }

  private mutating func take(_ word: String) throws {
    guard text[at...].starts(with: word.utf8) else { throw Malformed() }
    at += word.utf8.count
  }

  private mutating func value(depth: Int, path: String) throws -> PlainJSON {
    skipSpace()
    switch next {
    case "n":
      try take("null")
      return .null
    case "t":
      try take("true")
      return .boolean(true)
    case "f":
      try take("false")
      return .boolean(false)
    case "\"":
      let (raw, text) = try string()
      return .string(raw: raw, text: text)
    case "[":
      return try array(depth: depth + 1, path: path)
    case "{":
      return try object(depth: depth + 1, path: path)
    default:
      return try number()
    }
  }

  private mutating func array(depth: Int, path: String) throws -> PlainJSON {
    if depth > 128 { throw Malformed() }
    try take("[")
    var values: [PlainJSON] = []
    skipSpace()
    if next == "]" {
      at += 1
      return .array([])
    }
    while true {
      values.append(try value(depth: depth, path: "\(path)/\(values.count)"))
      skipSpace()
      if next == "]" {
        at += 1
        return .array(values)
      }
      try take(",")
    }
  }

  private mutating func object(depth: Int, path: String) throws -> PlainJSON {
    if depth > 128 { throw Malformed() }
    try take("{")
    var members: [PlainMember] = []
    skipSpace()
    if next == "}" {
      at += 1
      return .object([])
    }
    while true {
      skipSpace()
      let (raw, name) = try string()
      let memberPath = path + "/" + escaped(raw)
      if firstRepetition == nil, members.contains(where: { $0.name == name }) { firstRepetition = memberPath }
      skipSpace()
      try take(":")
      members.append(PlainMember(raw: raw, name: name, value: try value(depth: depth, path: memberPath)))
      skipSpace()
      if next == "}" {
        at += 1
        return .object(members)
      }
      try take(",")
    }
  }

  private mutating func number() throws -> PlainJSON {
    let rest = String(decoding: text[at...].prefix { "+-.0123456789eE".utf8.contains($0) }, as: UTF8.self)
    guard let match = rest.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+\-]?[0-9]+)?/) else { throw Malformed() }
    at += rest.utf8.count
    return .number(Array(match.0.utf8))
  }

  private mutating func string() throws -> ([UInt8], [UInt8]) {
    try take("\"")
    let start = at
    var units: [UInt16] = []
    var out: [UInt8] = []
    // Escaped code units wait here until what follows them is known.
    func flush() throws {
      var decoder = UTF16()
      var iterator = units.makeIterator()
      while true {
        switch decoder.decode(&iterator) {
        case .scalarValue(let scalar): out += Array(String(scalar).utf8)
        case .emptyInput:
          units = []
          return
        case .error: throw Malformed()
        }
      }
    }
    while at < text.count {
      let c = text[at]
      at += 1
      if c == UInt8(ascii: "\"") {
        try flush()
        return (Array(text[start..<(at - 1)]), out)
      }
      if c < 0x20 { throw Malformed() }
      guard c == UInt8(ascii: "\\") else {
        try flush()
        out.append(c)
        continue
      }
      guard let escape = next else { throw Malformed() }
      at += 1
      if escape == "u" {
        let digits = String(decoding: text[at...].prefix(4), as: UTF8.self)
        guard digits.wholeMatch(of: /[0-9a-fA-F]{4}/) != nil, let unit = UInt16(digits, radix: 16) else {
          throw Malformed()
        }
        at += 4
        units.append(unit)
        continue
      }
      try flush()
      let plain: [Character: UInt8] = [
        "\"": 0x22, "\\": 0x5C, "/": 0x2F, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9,
      ]
      guard let byte = plain[escape] else { throw Malformed() }
      out.append(byte)
    }
    throw Malformed()
  }
}

/// A name as written, as a JSON Pointer's token.
package func escaped(_ raw: [UInt8]) -> String {
  String(decoding: raw, as: UTF8.self).replacingOccurrences(of: "~", with: "~0").replacingOccurrences(
    of: "/", with: "~1")
}

/// A number as the digits before and after its point.
struct PlainNumber {
  var isNegative: Bool
  /// Without zeros in front.
  var whole: String
  /// Without zeros at its end.
  var fraction: String
  /// More digits than are worth writing out: far too large, or far too small to matter but for not being 0.
  var isHuge = false

  init(_ text: String) {
    isNegative = text.hasPrefix("-")
    let parts = text.drop { $0 == "-" }.split(whereSeparator: { "eE".contains($0) })
    let mantissa = parts[0].split(separator: ".")
    let before = String(mantissa[0])
    let after = mantissa.count > 1 ? String(mantissa[1]) : ""
    let digits = Array(before + after)
    let exponentText = parts.count > 1 ? String(parts[1]) : "0"
    let exponentDigits = exponentText.drop { "+-0".contains($0) }
    let isZero = digits.allSatisfy { $0 == "0" }
    let farAway = exponentDigits.count > 5
    var exponent = farAway ? 0 : Int(exponentDigits.isEmpty ? "0" : String(exponentDigits))!
    if exponentText.hasPrefix("-") { exponent = -exponent }
    if isZero {
      (whole, fraction) = ("", "")
    } else if farAway {
      isHuge = !exponentText.hasPrefix("-")
      (whole, fraction) = ("", isHuge ? "" : String(repeating: "0", count: 1000) + "1")
    } else {
      let point = before.count + exponent
      let padded =
        String(repeating: "0", count: max(0, -point)) + String(digits)
        + String(repeating: "0", count: max(0, point - digits.count))
      let cut = max(0, point)
      whole = String(padded.prefix(cut).drop { $0 == "0" })
      fraction = String(String(padded.dropFirst(cut).reversed().drop { $0 == "0" }).reversed())
    }
  }

  var isBelowZero: Bool { isNegative && (isHuge || !whole.isEmpty || !fraction.isEmpty) }

  /// ⌊|number| × 10^digits⌋ if the number is in 0...limit.
  func units(digits: Int, limit: Int64) -> Int64? {
    if isBelowZero || isHuge || whole.count > 20 { return nil }
    let cut = whole + fraction.prefix(digits).padding(toLength: digits, withPad: "0", startingAt: 0)
    let value = cut.isEmpty ? 0 : Int128(cut)!
    let isCut = fraction.count > digits
    if value > Int128(limit) || (value == Int128(limit) && isCut) { return nil }
    return Int64(value)
  }
}
