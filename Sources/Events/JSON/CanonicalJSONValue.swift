/// A JSON value to be written, as of a derived event.
package indirect enum CanonicalJSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// Finite.
  case number(Double)
  case string(String)
  case array([CanonicalJSONValue])
  /// Each name once; the order does not matter.
  case object([String: CanonicalJSONValue])

  package static func strings(_ strings: [String]) -> CanonicalJSONValue { .array(strings.map { .string($0) }) }

  /// The value in the form of RFC 8785: members sorted by the UTF-16 code units of their names.
  package var canonical: String {
    var json: [UInt8] = []
    append(to: &json)
    return String(decoding: json, as: UTF8.self)
  }

  private func append(to json: inout [UInt8]) {
    switch self {
    case .null: CanonicalJSON.append("null", to: &json)
    case .bool(let value): CanonicalJSON.append(value ? "true" : "false", to: &json)
    case .integer(let value): CanonicalJSON.append(integer: value, to: &json)
    case .number(let value): CanonicalJSON.append(number: value, to: &json)
    case .string(let value): CanonicalJSON.append(string: value, to: &json)
    case .array(let values):
      json.append(UInt8(ascii: "["))
      for (i, value) in values.enumerated() {
        if i > 0 { json.append(UInt8(ascii: ",")) }
        value.append(to: &json)
      }
      json.append(UInt8(ascii: "]"))
    case .object(let members):
      json.append(UInt8(ascii: "{"))
      let sorted = members.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
      for (i, (name, value)) in sorted.enumerated() {
        if i > 0 { json.append(UInt8(ascii: ",")) }
        CanonicalJSON.append(string: name, to: &json)
        json.append(UInt8(ascii: ":"))
        value.append(to: &json)
      }
      json.append(UInt8(ascii: "}"))
    }
  }
}
