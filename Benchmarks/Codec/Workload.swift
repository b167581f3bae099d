import Events
import Generator
import Glibc

/// Records one after the other in memory, as a topic would give them.
struct Workload {
  private(set) var bytes: [UInt8] = []
  /// Where each value ends.
  private(set) var ends: [Int] = []

  var count: Int { ends.count }

  /// Events of `pleat generate`, spread over a day.
  init(generated events: Int) throws {
    var world = try World(WorldSettings(events: events, days: 1))
    while world.next() { append(world.record.value[...]) }
  }

  /// A line for each record, with a key and a tab before the value or without; at most `events` of them.
  init(file path: String, events: Int) throws {
    guard let file = fopen(path, "r") else { throw WorkloadError(path: path, reason: String(cString: strerror(errno))) }
    defer { fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    while count < events {
      let length = getline(&line, &capacity, file)
      guard length > 0, let line else { break }
      let raw = UnsafeRawBufferPointer(start: line, count: length)
      let start = raw.firstIndex(of: UInt8(ascii: "\t")).map { $0 + 1 } ?? 0
      append(Array(raw[start..<length]).drop { $0 == UInt8(ascii: " ") }.prefix { $0 != UInt8(ascii: "\n") })
    }
  }

  private mutating func append(_ value: ArraySlice<UInt8>) {
    bytes.append(contentsOf: value)
    ends.append(bytes.count)
  }

  /// Each record's bytes, in their order.
  @inline(__always)
  func forEach(in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void) rethrows {
    try bytes.withUnsafeBytes { all in
      for index in range {
        let start = index == 0 ? 0 : ends[index - 1]
        try body(index, UnsafeRawBufferPointer(rebasing: all[start..<ends[index]]))
      }
    }
  }
}

struct WorkloadError: Error, CustomStringConvertible {
  var path: String
  var reason: String
  var description: String { "\(path): \(reason)" }
}
