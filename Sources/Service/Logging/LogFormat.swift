package enum LogFormat: String, Hashable, Sendable {
  /// For people: `12:00:00.123 info  message key=value`.
  case text
  /// An object a line.
  case json
  /// journald's own protocol, its fields in capitals.
  case journal
}
