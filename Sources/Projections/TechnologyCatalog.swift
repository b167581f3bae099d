/// What Pleat knows of technologies: canonical name, category, aliases. A file with a version; a new one is a new generation of
/// the projections that use it.
package struct TechnologyCatalog: Sendable {
  package struct Entry: Hashable, Sendable {
    /// The canonical name.
    package var name: String
    package var category: String
    package var aliases: [String]
    package init(name: String, category: String, aliases: [String] = []) {
      (self.name, self.category, self.aliases) = (name, category, aliases)
    }
  }

  /// Two technologies claim one name, ASCII case aside.
  package struct AmbiguousName: Error, Hashable, Sendable {
    package var alias: String
    package var technologies: [String]
  }

  package let version: Int
  package let entries: [Entry]
  /// Index into `entries` by name and alias in lower case.
  private let indices: [[UInt8]: Int]

  package init(version: Int, entries: [Entry]) throws(AmbiguousName) {
    var indices: [[UInt8]: Int] = [:]
    for (index, entry) in entries.enumerated() {
      for alias in [entry.name] + entry.aliases {
        if let other = indices.updateValue(index, forKey: alias.utf8.map(Self.lowercased)), other != index {
          throw AmbiguousName(alias: alias, technologies: [entries[other].name, entry.name])
        }
      }
    }
    (self.version, self.entries, self.indices) = (version, entries, indices)
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

  /// The technology of a trimmed name or alias, without regard to ASCII case. Allocates: to be asked once a batch and name.
  package func entry(for name: UnsafeBufferPointer<UInt8>) -> Entry? {
    if indices.isEmpty { return nil }
    return indices[name.map(Self.lowercased)].map { entries[$0] }
  }
}
