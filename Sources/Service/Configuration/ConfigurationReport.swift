/// What is in force, and from where: `pleat config`. Secrets are `***`.
package struct ConfigurationReport {
  private let configuration: Configuration
  package init(_ configuration: Configuration) { self.configuration = configuration }

  /// A line a key: the key, its value, and where it comes from.
  package var text: String {
    let entries = configuration.entries
    let keys = entries.map(\.key.rawValue)
    let values = entries.map { entry in entry.value.map(Self.shown) ?? entry.key.unsetText }
    let keyWidth = keys.map(\.count).max() ?? 0
    // Longer values push their origin aside rather than that of all others.
    let greatestValueWidth = 40
    let valueWidth = min(values.map(\.count).max() ?? 0, greatestValueWidth)
    var text = "# \(configuration.file.map { "From \($0) and the environment" } ?? "From the environment alone")\n"
    for (index, entry) in entries.enumerated() {
      text +=
        Self.padded(keys[index], keyWidth) + "  " + Self.padded(values[index], valueWidth) + "  # \(entry.origin)\n"
    }
    return text
  }

  /// `file`, and `values`: an object for each key with `value` (null where nothing is set) and `origin`.
  package var json: JSONValue {
    let values = configuration.entries.map { entry in
      var members: [JSONValue.Member] = [.init(name: "value", value: entry.value ?? .null)]
      if case .object(let origin) = entry.origin.json { members += origin }
      return JSONValue.Member(name: entry.key.rawValue, value: .object(members))
    }
    return .object(["file": .optional(configuration.file), "values": .object(values)])
  }

  private static func shown(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): text
    case .array(let items): items.map(shown).joined(separator: ",")
    case .object(let members): members.map { "\($0.name)=\(shown($0.value))" }.joined(separator: ",")
    default: value.description
    }
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
