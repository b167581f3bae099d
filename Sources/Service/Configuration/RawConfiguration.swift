/// The values that a configuration's sources give, before their meaning is looked at. Where two sources give one key, the
/// environment goes before the file.
struct RawConfiguration {
  enum Value: Hashable {
    case text(String)
    case list([String])
    case map([Pair])
  }

  struct Pair: Hashable {
    var name: String
    var value: String
  }

  struct Found: Hashable {
    var value: Value
    var origin: Origin
    /// The environment's go before the file's.
    var level: Int
  }

  static let fileLevel = 1
  static let environmentLevel = 2
  /// The one variable that is not a key's.
  static let fileVariable = "PLEAT_CONFIG"

  private(set) var values: [ConfigurationKey: Found] = [:]
  private(set) var problems: [String] = []

  // MARK: - The file

  mutating func read(_ document: YAMLNode, file: String) {
    switch document.content {
    case .null: return
    case .mapping(let entries):
      for entry in entries { readTop(entry, file: file) }
    case .scalar, .sequence: problems.append("\(file):\(document.line): this is not a mapping of sections")
    }
  }

  private mutating func readTop(_ entry: YAMLEntry, file: String) {
    if let key = ConfigurationKey(rawValue: entry.key), key.section == nil {
      return set(key, entry.value, file: file)
    }
    let sections = Set(ConfigurationKey.allCases.compactMap { $0.section.map(String.init) }).sorted()
    guard sections.contains(entry.key) else {
      if let key = ConfigurationKey(rawValue: entry.key), let section = key.section {
        let member = entry.key.dropFirst(section.count + 1)
        problems.append(
          "\(file):\(entry.line): \(entry.key) stands as \"\(member):\" under \"\(section):\" in a file of YAML")
        return
      }
      let tops = sections + ConfigurationKey.allCases.filter { $0.section == nil }.map(\.rawValue)
      return unknown(entry, entry.key, among: tops + ConfigurationKey.allCases.map(\.rawValue), file: file)
    }
    switch entry.value.content {
    case .null: return
    case .scalar, .sequence:
      problems.append("\(file):\(entry.line): \"\(entry.key)\" is a section: its keys stand under it")
    case .mapping(let members):
      for member in members {
        let path = "\(entry.key).\(member.key)"
        if let key = ConfigurationKey(rawValue: path) {
          set(key, member.value, file: file)
        } else {
          let section = ConfigurationKey.allCases.filter { $0.section == entry.key[...] }
          unknown(member, path, among: section.map(\.rawValue), file: file)
        }
      }
    }
  }

  private mutating func unknown(_ entry: YAMLEntry, _ path: String, among known: [String], file: String) {
    let nearest = nearestName(to: path, among: known) ?? ""
    problems.append("\(file):\(entry.line): there is no key \"\(path)\"; the nearest is \"\(nearest)\"")
  }

  private mutating func set(_ key: ConfigurationKey, _ node: YAMLNode, file: String) {
    func wrong(_ expected: String) -> String { "\(file):\(node.line): \(key.rawValue) is \(expected)" }
    let value: Value
    switch (key.form, node.content) {
    case (_, .null): return
    case (.list, .sequence(let nodes)):
      var items: [String] = []
      for node in nodes {
        guard case .scalar(let item) = node.content else { return problems.append(wrong("a list of texts")) }
        items.append(item)
      }
      value = .list(items)
    case (.list, .scalar(let text)): value = .list(Self.split(text))
    case (.list, .mapping): return problems.append(wrong("a list of texts"))
    case (.map, .mapping(let entries)):
      var pairs: [Pair] = []
      for entry in entries {
        guard case .scalar(let text) = entry.value.content else {
          return problems.append(wrong("a mapping of names to texts; look at \"\(entry.key)\""))
        }
        pairs.append(Pair(name: entry.key, value: text))
      }
      value = .map(pairs)
    case (.map, _): return problems.append(wrong("a mapping of names to texts"))
    case (_, .scalar(let text)): value = .text(text)
    case (_, .sequence), (_, .mapping): return problems.append(wrong("one value, not several"))
    }
    values[key] = Found(value: value, origin: .file(file, line: node.line), level: Self.fileLevel)
  }

  // MARK: - The environment

  /// `notUTF8`: names of variables that cannot be read.
  mutating func read(_ environment: [String: String], notUTF8: [String]) {
    problems += notUTF8.filter { $0.hasPrefix("PLEAT_") }.sorted().map { "\($0) is not UTF-8" }
    let keys = Dictionary(uniqueKeysWithValues: ConfigurationKey.allCases.map { ($0.variable, $0) })
    let known = ConfigurationKey.allCases.map(\.variable) + [Self.fileVariable]
    for (name, text) in environment.sorted(by: { $0.key < $1.key })
    where name.hasPrefix("PLEAT_") && name != Self.fileVariable {
      guard let key = keys[name] else {
        let nearest = nearestName(to: name, among: known) ?? ""
        problems.append("there is no variable \"\(name)\"; the nearest is \"\(nearest)\"")
        continue
      }
      // An empty variable is how many a launcher says "not set".
      if text.isEmpty { continue }
      guard let value = value(of: key, text) else { continue }
      values[key] = Found(value: value, origin: .environment(variable: name), level: Self.environmentLevel)
    }
  }

  private mutating func value(of key: ConfigurationKey, _ text: String) -> Value? {
    switch key.form {
    case .list: return .list(Self.split(text))
    case .map:
      var pairs: [Pair] = []
      for part in Self.split(text) {
        guard let equals = part.firstIndex(of: "=") else {
          problems.append(
            "\(key.variable) holds something without \"=\"; it is name=value,name=value (a comma in a value is \\,)")
          return nil
        }
        pairs.append(Pair(name: Self.trimmed(part[..<equals]), value: String(part[part.index(after: equals)...])))
      }
      return .map(pairs)
    default: return .text(text)
    }
  }

  /// Parts between commas, without white space around them; `\,` is a comma. Empty parts are none.
  private static func split(_ text: String) -> [String] {
    var parts: [String] = [""]
    var rest = text[...]
    while let character = rest.popFirst() {
      if character == "\\", rest.first == "," {
        parts[parts.count - 1].append(rest.removeFirst())
      } else if character == "," {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts.map { trimmed($0[...]) }.filter { !$0.isEmpty }
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}
