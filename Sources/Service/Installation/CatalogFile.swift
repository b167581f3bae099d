package import Projections

/// The technology catalog as a file: `version`, a whole number from 1 that grows with every change, and `technologies`, a list
/// of `name`, `category` and, where there are any, `aliases`.
package enum CatalogFile {
  /// Where it comes with Pleat.
  package static let defaultName = "schemas/technologies.yaml"

  /// The catalog that the configuration names, else the one that comes with the program.
  package static func load(
    _ configuration: Configuration, installation: Installation = Installation(),
    readFile: (String) -> ConfigurationSources.FileContent = readWholeFile
  ) throws(ConfigurationError) -> TechnologyCatalog {
    let path: String
    if let named = configuration.projections.catalog { path = named } else { path = try installation.find(defaultName) }
    switch readFile(path) {
    case .bytes(let bytes): return try parse(bytes, file: path)
    case .missing: throw ConfigurationError("there is no technology catalog \(path)")
    case .failed(let reason): throw ConfigurationError("the technology catalog \(path) cannot be read: \(reason)")
    }
  }

  package static func parse(_ bytes: [UInt8], file: String) throws(ConfigurationError) -> TechnologyCatalog {
    let root = try members(try YAMLReader.read(bytes, file: file), of: ["version", "technologies"], file: file)
    guard case .scalar(let text)? = root["version"]?.content, let version = Int32(text), version >= 1 else {
      throw ConfigurationError("\(file):\(root["version"]?.line ?? 1): version is a whole number from 1")
    }
    var entries: [TechnologyCatalog.Entry] = []
    switch root["technologies"]?.content {
    case .sequence(let nodes)?:
      for node in nodes { entries.append(try entry(node, file: file)) }
    case .null?, nil: break
    default:
      throw ConfigurationError("\(file):\(root["technologies"]?.line ?? 1): technologies is a list")
    }
    do throws(TechnologyCatalog.AmbiguousName) {
      return try TechnologyCatalog(version: Int(version), entries: entries)
    } catch {
      throw ConfigurationError(
        "\(file): \"\(error.alias)\" is claimed by \(error.technologies.joined(separator: " and "))")
    }
  }

  private static func entry(_ node: YAMLNode, file: String) throws(ConfigurationError) -> TechnologyCatalog.Entry {
    let known = try members(node, of: ["name", "category", "aliases"], file: file)
    let name = try self.name(known["name"], "name", of: node, file: file)
    let category = try self.name(known["category"], "category", of: node, file: file)
    var aliases: [String] = []
    switch known["aliases"]?.content {
    case .sequence(let nodes)?:
      for alias in nodes { aliases.append(try self.name(alias, "an alias", of: node, file: file)) }
    case .null?, nil: break
    default: throw ConfigurationError("\(file):\(known["aliases"]?.line ?? node.line): aliases is a list")
    }
    return TechnologyCatalog.Entry(name: name, category: category, aliases: aliases)
  }

  /// A name as events may hold it.
  private static func name(
    _ node: YAMLNode?, _ what: String, of parent: YAMLNode, file: String
  ) throws(ConfigurationError) -> String {
    let greatestBytes = 100
    guard case .scalar(let text)? = node?.content, !text.isEmpty, text.utf8.count <= greatestBytes,
      text.first?.isWhitespace == false, text.last?.isWhitespace == false,
      !text.hasControlCharacters
    else {
      throw ConfigurationError(
        "\(file):\(node?.line ?? parent.line): \(what) is a text of 1 to \(greatestBytes) bytes, "
          + "without control characters and without space around it"
      )
    }
    return text
  }

  private static func members(
    _ node: YAMLNode, of known: [String], file: String
  ) throws(ConfigurationError) -> [String: YAMLNode] {
    guard case .mapping(let entries) = node.content else {
      throw ConfigurationError("\(file):\(node.line): this is a mapping of \(known.joined(separator: ", "))")
    }
    var result: [String: YAMLNode] = [:]
    for entry in entries {
      guard known.contains(entry.key) else {
        let nearest = nearestName(to: entry.key, among: known) ?? ""
        throw ConfigurationError(
          "\(file):\(entry.line): there is no key \"\(entry.key)\"; the nearest is \"\(nearest)\"")
      }
      result[entry.key] = entry.value
    }
    return result
  }
}
