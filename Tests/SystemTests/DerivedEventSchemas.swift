import JSONSchema

/// Holds derived events against their schemas in `schemas/`.
struct DerivedEventSchemas {
  private let validator: SchemaValidator

  init() throws { validator = try SchemaValidator() }

  /// What is wrong with an event as it was written, in words; nil if it keeps its schema, and has no member that stands in none.
  func complaint(about text: String) throws -> String? {
    let event = try SchemaJSON(parsing: Array(text.utf8))
    guard let type = event["type"]?.stringValue, let schema = validator.files["\(type).json"]?["properties"] else {
      return "there is no schema for \(text)"
    }
    if !(try validator.accepts(event, file: "\(type).json")) { return "does not keep its schema: \(text)" }
    let strangers =
      Set(event.members.map(\.name)).subtracting(schema.members.map(\.name))
      .union(
        Set((event["data"] ?? .null).members.map(\.name)).subtracting(
          (schema["data"]?["properties"] ?? .null).members.map(\.name)))
    return strangers.isEmpty ? nil : "\(strangers.sorted()) are not in its schema: \(text)"
  }
}
