import Engine
import Events
import Glibc
import Synchronization
import Testing

@testable import Service

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

  /// Takes nothing while it is stopped.
  private final class Stopped: LogSink {
    private let lock = Mutex((isStopped: true, messages: [String]()))
    func write(_ record: LogRecord) {
      while lock.withLock({ $0.isStopped }) { usleep(1_000) }
      lock.withLock { $0.messages.append(record.message) }
    }
    func go() { lock.withLock { $0.isStopped = false } }
    var messages: [String] { lock.withLock { $0.messages } }
  }

  @Test("a log that nobody reads holds up nobody: what does not fit is dropped, and counted")
  func queued() {
    let sink = Stopped()
    let queue = QueuedSink(sink)
    let logger = Logger(level: .info, sink: queue)
    for number in 0..<3_000 { logger.report(.info, "\(number) " + String(repeating: "x", count: 1_000), []) }
    queue.flush(within: 10_000_000)
    #expect(sink.messages.isEmpty)
    sink.go()
    queue.flush(within: 60_000_000_000)
    let said = sink.messages
    let lost = said.compactMap {
      $0.hasSuffix("lines of the log are lost: nobody read it in time") ? Int($0.prefix { $0 != " " }) : nil
    }
    let numbers = said.compactMap { Int($0.prefix { $0 != " " }) }.dropLast(lost.count)
    #expect(lost.count == 1 && lost[0] > 1_500 && said.count - 1 + lost[0] == 3_000)
    #expect(Array(numbers) == numbers.sorted())
    logger.report(.info, "heard", [])
    logger.flush()
    #expect(sink.messages.last == "heard")
  }

  @Test("a clock that is set is noticed, by more than a minute, once")
  func clock() {
    func now(_ seconds: Int64, wall: Int64) -> Instant {
      Instant(monotonicNanoseconds: seconds * 1_000_000_000, wall: Timestamp(microseconds: wall * 1_000_000))
    }
    var clock = WallClock(now(5, wall: 1_000))
    #expect(clock.step(now(100, wall: 1_095)) == nil && clock.step(now(101, wall: 1_140)) == nil)
    #expect(clock.step(now(200, wall: 2_000))?.hasPrefix("forward by 805 s") == true)
    #expect(clock.step(now(201, wall: 2_001)) == nil)
    #expect(clock.step(now(202, wall: 1_902))?.hasPrefix("back by 100 s") == true)
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
