import JSONSchema

@testable import Events
@testable import ReferenceDecoder

/// Values to try for a member: around every bound of its schema, around every limit of the decoder, and what people
/// send.
///
/// Left out is only what a schema cannot tell and says so: lengths in bytes of what is not ASCII, more than nine
/// fractional digits of a number of dollars, what no double-precision number tells apart, days that a month does not
/// have, times of which only the offset tells on which side of 2000-01-01 they are, and the ingesting clock.
struct SchemaCandidates {
  let validator: SchemaValidator

  func values(for place: SchemaValidator.Place) throws(SchemaProblem) -> [SchemaJSON] {
    var values = Self.common
    try bounds(place, &values, depth: 0)
    return values
  }

  private static func number(_ value: Int64) -> SchemaJSON { .number("\(value)") }

  private static let common: [SchemaJSON] = {
    var values: [SchemaJSON] = [.null, .bool(true), .bool(false), .array([]), .object([])]
    values += [
      "0", "-0", "0.0", "1", "1.0", "10e-1", "0.5", "1.5", "3.5", "1e400", "-1e400", "12345678901234567890",
      "-1",
    ]
    .map { .number($0) }
    let limits = [
      0, Limits.steps.lowerBound, Limits.steps.upperBound, Limits.ratings.upperBound, Limits.tokens.upperBound,
      1_000_000_000, 1_000_000,
    ]
    for limit in limits { values += [number(limit - 1), number(limit), number(limit + 1), .number("\(limit).25")] }
    values += [
      "", " ", "x", " x ", "\t\u{B}x\u{C}\r\n", "x y", "\u{1}", "x\u{1F}", "x\u{7F}y", "\u{9F}", "\u{A0}", "ä中😀",
      "u\n", "x\u{2028}y", "\u{2029}",
      "none", "None", "public",
      "admin", "simple", "cost", "info", "1.0", "true", "1", "-1", "-0", "-0.00", "0.1", "1.123456789", "1.1234567890",
      "1.1234567891", "1000000", "1000000.000", "1000000.1", "0001000000", "1000001", "1e3", "+1", ".5", "5.", "0x1",
      "1 ", "1.5\n", "007.50",
    ].map { .string($0) }
    for length in [Limits.nameBytes, Limits.identifierBytes] {
      for count in [length - 1, length, length + 1] { values.append(.string(String(repeating: "a", count: count))) }
    }
    values.append(.string("  " + String(repeating: "a", count: Limits.nameBytes) + "\n"))
    for count in [1, 2, Limits.technologies.upperBound, Limits.technologies.upperBound + 1] {
      values.append(.strings((0..<count).map { "T\($0)" }))
    }
    values += [
      .array([.null]), .array([.number("1")]), .array([.array([])]), .array([.object([])]), .strings(["ok", ""]),
      .strings(["A", "A"]),
      .array([.object([("name", .string("A"))]), .string("B")]), .array([.object([("name", .null)])]),
      .array([.object([("name", .string("A")), ("category", .null), ("more", .number("1"))])]),
      .array([.object([("name", .string("A")), ("category", .number("1"))])]),
      .array([.object([("name", .string("A")), ("category", .string(" "))])]),
      .array([.object([("category", .string("database"))])]),
    ]
    values += [
      "2026-01-01T00:00:00Z", "2026-01-01t00:00:00z", "2026-01-01T00:00:00.123456789+05:30",
      "2026-01-01T00:00:00-00:00",
      "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
      "2026-06-30T23:59:60Z",
      "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
      "2026-01-01T00:00:00.Z",
      "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+0100", "2026-1-1T00:00:00Z", "1998-01-01T00:00:00Z",
      "0999-01-01T00:00:00Z",
      "2000-01-01T00:00:00Z", "1999-12-31T23:30:00-01:00", "x2026-01-01T00:00:00Z", "2026-01-01T00:00:00Zx",
      "2026-01-01T00:00:00Z\n",
    ].map { .string($0) }
    values += ["946684800000", "946684799999", "1767225600000", "1767225600000.5"].map { .number($0) }
    return values
  }()

  /// What the schema itself bounds, just inside and just outside.
  private func bounds(
    _ place: SchemaValidator.Place, _ values: inout [SchemaJSON], depth: Int
  ) throws(SchemaProblem) {
    if depth > 8 { throw SchemaProblem("\(place.file) is nested too deep for its candidates") }
    let place = try validator.resolved(place)
    for (keyword, argument) in place.schema.members {
      switch keyword {
      case "minimum", "maximum":
        guard let bound = argument.doubleValue else { continue }
        let whole = Int64(bound)
        values += [
          Self.number(whole - 1), Self.number(whole), Self.number(whole + 1),
          .number("\(whole)\(whole < 1 << 30 ? ".000001" : ".25")"),
        ]
      case "enum", "const":
        for value in keyword == "enum" ? argument.elements : [argument] {
          values.append(value)
          if let text = value.stringValue {
            values += [.string(text.uppercased()), .string(text + " "), .string(text + "x")]
          }
        }
      case "maxLength":
        let bound = Int(argument.doubleValue ?? 0)
        for count in bound - 1...bound + 1 { values.append(.string(String(repeating: "b", count: count))) }
      case "minItems", "maxItems":
        let bound = Int(argument.doubleValue ?? 0)
        for count in max(0, bound - 1)...bound + 1 { values.append(.strings((0..<count).map { "I\($0)" })) }
      case "anyOf", "allOf":
        for schema in argument.elements {
          try bounds(SchemaValidator.Place(schema: schema, file: place.file), &values, depth: depth + 1)
        }
      case "not":
        try bounds(SchemaValidator.Place(schema: argument, file: place.file), &values, depth: depth + 1)
      case "items":
        var items: [SchemaJSON] = []
        try bounds(SchemaValidator.Place(schema: argument, file: place.file), &items, depth: depth + 1)
        values += items.map { .array([$0]) }
      default: continue
      }
    }
  }
}
