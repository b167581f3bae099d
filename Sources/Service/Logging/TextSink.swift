import Events

/// Lines for people, on standard error.
struct TextSink: LogSink {
  func write(_ record: LogRecord) { standardError(Self.line(record)) }

  static func line(_ record: LogRecord) -> String {
    var line = "\(clock(record.time)) \(record.severity.name)"
    line += String(repeating: " ", count: max(1, 8 - record.severity.name.count))
    line += oneLine(record.message)
    for (name, value) in record.fields { line += " \(name)=\(quotedWhereNeeded(value))" }
    return line + "\n"
  }

  /// `12:00:00.123`, UTC.
  private static func clock(_ time: Timestamp) -> String {
    let text = Timestamp(microseconds: floorDivide(time.microseconds, 1000) * 1000 + 1).rfc3339
    return String(text.dropFirst(11).prefix(12))
  }

  private static func oneLine(_ text: String) -> String {
    text.contains(where: \.isNewline) ? String(text.map { $0.isNewline ? " " : $0 }) : text
  }

  private static func quotedWhereNeeded(_ text: String) -> String {
    let isPlain = !text.isEmpty && text.allSatisfy { !$0.isWhitespace && $0 != "\"" && $0 != "=" }
    return isPlain ? text : JSONValue.string(text).description
  }
}
