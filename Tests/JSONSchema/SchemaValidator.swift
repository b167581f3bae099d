package import Foundation

/// The schemas of the project, and whether a value keeps one: JSON Schema 2020-12, as far as these schemas use it. A
/// keyword that is not known here is a problem, so that no schema says more than is checked.
package final class SchemaValidator {
  /// By file name.
  package let files: [String: SchemaJSON]
  private var expressions: [String: Regex<AnyRegexOutput>] = [:]
  private let endsBeforeNewline: Bool

  package static let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "schemas")

  /// - Parameter endsBeforeNewline: whether `$` also matches before a final newline, as in Python, where ECMA-262 has it match
  ///   at the end alone.
  package init(endsBeforeNewline: Bool = false) throws {
    self.endsBeforeNewline = endsBeforeNewline
    var files: [String: SchemaJSON] = [:]
    for url in try FileManager.default.contentsOfDirectory(at: Self.directory, includingPropertiesForKeys: nil)
    where url.pathExtension == "json" {
      files[url.lastPathComponent] = try SchemaJSON(parsing: Array(try Data(contentsOf: url)))
    }
    self.files = files
  }

  package func file(_ name: String) throws(SchemaProblem) -> SchemaJSON {
    guard let file = files[name] else { throw SchemaProblem("there is no schemas/\(name)") }
    return file
  }

  /// A schema in its file, which local references mean.
  package struct Place {
    package var schema: SchemaJSON
    package var file: String

    package init(schema: SchemaJSON, file: String) { (self.schema, self.file) = (schema, file) }
  }

  package func place(_ file: String) throws(SchemaProblem) -> Place { Place(schema: try self.file(file), file: file) }

  /// Where a `$ref` of the schema leads, and so on; itself without one.
  package func resolved(_ place: Place) throws(SchemaProblem) -> Place {
    var place = place
    var steps = 0
    while let reference = place.schema["$ref"]?.stringValue {
      steps += 1
      if steps > 10 { throw SchemaProblem("\(reference) leads in a circle") }
      let parts = reference.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let name = parts[0].isEmpty ? place.file : parts[0]
      var schema = try file(name)
      for step in parts.count > 1 ? parts[1].split(separator: "/") : [] {
        guard let next = schema[String(step)] else { throw SchemaProblem("\(reference) leads nowhere") }
        schema = next
      }
      place = Place(schema: schema, file: name)
    }
    return place
  }

  package func accepts(_ value: SchemaJSON, _ place: Place) throws(SchemaProblem) -> Bool {
    for (keyword, argument) in place.schema.members {
      if !(try keeps(value, keyword, argument, place)) { return false }
    }
    return true
  }

  package func accepts(_ value: SchemaJSON, file: String) throws(SchemaProblem) -> Bool {
    try accepts(value, try place(file))
  }

  private func keeps(
    _ value: SchemaJSON, _ keyword: String, _ argument: SchemaJSON, _ place: Place
  ) throws(SchemaProblem) -> Bool {
    func sub(_ schema: SchemaJSON) -> Place { Place(schema: schema, file: place.file) }
    switch keyword {
    case "$schema", "$defs", "title", "description", "examples", "format", "then": return true
    case "$ref": return try accepts(value, try resolved(place))
    case "type":
      let types = argument.stringValue.map { [$0] } ?? argument.elements.compactMap(\.stringValue)
      for type in types where try isOfType(value, type) { return true }
      return false
    case "const": return value == argument
    case "enum": return argument.elements.contains(value)
    case "anyOf":
      for schema in argument.elements where try accepts(value, sub(schema)) { return true }
      return false
    case "allOf":
      for schema in argument.elements where !(try accepts(value, sub(schema))) { return false }
      return true
    case "if":
      guard let then = place.schema["then"] else { throw SchemaProblem("an if without a then") }
      return try accepts(value, sub(argument)) ? try accepts(value, sub(then)) : true
    case "required":
      guard case .object = value else { return true }
      return argument.elements.allSatisfy { $0.stringValue.map { value[$0] != nil } ?? false }
    case "properties":
      for (name, schema) in argument.members {
        if let member = value[name], !(try accepts(member, sub(schema))) { return false }
      }
      return true
    case "minimum": return value.doubleValue.map { $0 >= argument.doubleValue ?? .nan } ?? true
    case "maximum": return value.doubleValue.map { $0 <= argument.doubleValue ?? .nan } ?? true
    case "maxLength":
      return value.stringValue.map { Double($0.unicodeScalars.count) <= argument.doubleValue ?? .nan } ?? true
    case "pattern":
      guard let string = value.stringValue else { return true }
      return try matches(string, argument.stringValue ?? "")
    case "not":
      guard argument.members.map(\.name) == ["pattern"], let pattern = argument["pattern"]?.stringValue else {
        throw SchemaProblem("\(place.file) has a not of something else than a pattern")
      }
      // A pattern alone takes whatever is no string.
      guard let string = value.stringValue else { return false }
      return !(try contains(string, pattern))
    case "minItems", "maxItems":
      guard case .array(let elements) = value, let bound = argument.doubleValue else { return true }
      return keyword == "minItems" ? Double(elements.count) >= bound : Double(elements.count) <= bound
    case "items":
      for element in value.elements where !(try accepts(element, sub(argument))) { return false }
      return true
    default: throw SchemaProblem("\(place.file) uses the keyword \(keyword), which this validator does not know")
    }
  }

  private func isOfType(_ value: SchemaJSON, _ type: String) throws(SchemaProblem) -> Bool {
    switch (type, value) {
    case ("null", .null), ("boolean", .bool), ("number", .number), ("string", .string), ("array", .array),
      ("object", .object):
      return true
    case ("integer", .number): return value.doubleValue.map { $0 == $0.rounded() } ?? false
    default:
      let known: Set = ["null", "boolean", "number", "string", "array", "object", "integer"]
      if !known.contains(type) { throw SchemaProblem("there is no type \(type)") }
      return false
    }
  }

  /// Every pattern of the schemas describes the string as a whole, over code points; only one in a `not` a part of it.
  private func matches(_ string: String, _ pattern: String) throws(SchemaProblem) -> Bool {
    guard pattern.hasPrefix("^"), pattern.hasSuffix("$") else {
      throw SchemaProblem("the pattern \(pattern) is not anchored")
    }
    let expression = try self.expression(String(pattern.dropFirst().dropLast()))
    do {
      if try expression.wholeMatch(in: string) != nil { return true }
      guard endsBeforeNewline, string.unicodeScalars.last == "\n" else { return false }
      return try expression.wholeMatch(in: String(string.unicodeScalars.dropLast())) != nil
    } catch {
      throw SchemaProblem("the pattern \(pattern): \(error)")
    }
  }

  private func contains(_ string: String, _ pattern: String) throws(SchemaProblem) -> Bool {
    if pattern.hasPrefix("^") || pattern.hasSuffix("$") {
      throw SchemaProblem("the pattern \(pattern) in a not is anchored")
    }
    let expression = try self.expression(pattern)
    do {
      return try expression.firstMatch(in: string) != nil
    } catch {
      throw SchemaProblem("the pattern \(pattern): \(error)")
    }
  }

  private func expression(_ text: String) throws(SchemaProblem) -> Regex<AnyRegexOutput> {
    if let known = expressions[text] { return known }
    do {
      let expression = try Regex(text, as: AnyRegexOutput.self).matchingSemantics(.unicodeScalar)
      expressions[text] = expression
      return expression
    } catch {
      throw SchemaProblem("the pattern \(text): \(error)")
    }
  }
}
