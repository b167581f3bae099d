import Engine
import Events
import Service
import Synchronization
import Testing

private final class Collected: LogSink {
  private let records = Mutex<[LogRecord]>([])
  func write(_ record: LogRecord) { records.withLock { $0.append(record) } }
  var all: [LogRecord] { records.withLock { $0 } }
}

@Suite("The log")
struct LoggingTests {
  @Test("what is below the level is not said; metadata comes before the fields of a record")
  func levels() {
    let sink = Collected()
    let logger = Logger(level: .notice, sink: sink).with("stage", "ingest")
    logger.report(.info, "quiet", [])
    logger.report(.notice, "heard", [("topic", "t")])
    logger.report(.error, "loud")
    #expect(sink.all.map(\.message) == ["heard", "loud"])
    #expect(sink.all[0].fields.map(\.0) == ["stage", "topic"] && sink.all[0].fields.map(\.1) == ["ingest", "t"])
  }

  @Test(
    "times are RFC 3339, to the microsecond where they have one",
    arguments: [
      (0, "1970-01-01T00:00:00Z"), (1_767_225_599_999_999, "2025-12-31T23:59:59.999999Z"),
      (951_782_400_000_000, "2000-02-29T00:00:00Z"), (-1_000_000, "1969-12-31T23:59:59Z"),
      (1_709_210_096_000_120, "2024-02-29T12:34:56.000120Z"), (4_102_444_800_000_000, "2100-01-01T00:00:00Z"),
    ] as [(Int64, String)])
  func times(microseconds: Int64, text: String) {
    #expect(Timestamp(microseconds: microseconds).rfc3339 == text)
  }

  @Test("JSON is escaped where it must be, and keeps the order of members")
  func json() {
    let value: JSONValue = .object([
      "b": .string("\"\\\n\t\u{1}é"), "a": .array([.null, .bool(true), .integer(-1), .number(0.5)]),
    ])
    #expect(value.description == #"{"b":"\"\\\n\t\u0001é","a":[null,true,-1,0.5]}"#)
  }
}
