package import Events

extension Timestamp {
  /// `2026-01-01T00:00:00.123456Z`; without a fraction where it is zero.
  package var rfc3339: String {
    var text: [UInt8] = []
    appendText(to: &text)
    return String(decoding: text, as: UTF8.self)
  }
}
