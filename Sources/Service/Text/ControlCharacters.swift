/// What would write over a terminal, or break a line of a log: U+0000-1F and U+007F-9F.
extension StringProtocol {
  package var hasControlCharacters: Bool { unicodeScalars.contains(where: \.isControl) }

  /// With these, quotes and backslashes as escapes, as `\u{1B}`.
  package var escaped: String { unicodeScalars.map { $0.escaped(asASCII: false) }.joined() }
}

extension Unicode.Scalar {
  fileprivate var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }
}
