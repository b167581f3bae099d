import Events

/// An object a line, on standard error: `time`, `level`, `message`, then the fields.
struct JSONSink: LogSink {
  func write(_ record: LogRecord) { standardError(Self.line(record)) }

  static func line(_ record: LogRecord) -> String {
    var members: [JSONValue.Member] = [
      .init(name: "time", value: .string(record.time.rfc3339)),
      .init(name: "level", value: .string(record.severity.name)),
      .init(name: "message", value: .string(record.message)),
    ]
    for (name, value) in record.fields { members.append(.init(name: name, value: .string(value))) }
    return JSONValue.object(members).description + "\n"
  }
}
