/// A text that must not be shown: whatever prints, logs or reflects it sees `***`.
package struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  private let text: String
  package init(_ text: String) { self.text = text }

  /// The text itself, for the library that needs it and nothing else.
  package func reveal() -> String { text }

  package var description: String { "***" }
  package var debugDescription: String { "***" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
