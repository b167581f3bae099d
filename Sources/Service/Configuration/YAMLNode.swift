/// A part of a YAML document, with the line where it begins (from 1). Scalars stay text: their meaning is the key's.
package struct YAMLNode: Hashable, Sendable {
  package enum Content: Hashable, Sendable {
    /// Nothing, `~` or `null`, unquoted.
    case null
    case scalar(String)
    case sequence([YAMLNode])
    case mapping([YAMLEntry])
  }
  package var content: Content
  package var line: Int
  package init(_ content: Content, line: Int) { (self.content, self.line) = (content, line) }
}

package struct YAMLEntry: Hashable, Sendable {
  package var key: String
  package var line: Int
  package var value: YAMLNode
  package init(key: String, line: Int, value: YAMLNode) { (self.key, self.line, self.value) = (key, line, value) }
}
