import Events
import Generator
import Glibc
import Service

/// Records one after the other in memory, as a topic would give them.
struct Workload {
  private(set) var bytes: [UInt8] = []
  /// Where each value ends.
  private var ends: [Int] = []

  var count: Int { ends.count }

  /// Events of `pleat generate`, spread over a day.
  init(generated events: Int, seed: UInt64) throws(CommandFailure) {
    var world: World
    do throws(WorldSettingsError) {
      world = try World(WorldSettings(events: events, seed: seed, days: 1))
    } catch {
      throw CommandFailure(.usage, "\(error.message).")
    }
    while world.next() { append(world.record.value[...]) }
  }

  /// A line for each record, with a key and a tab before the value or without; at most `events` of them.
  init(file path: String, events: Int) throws(CommandFailure) {
    guard let file = fopen(path, "re") else {
      throw CommandFailure(.failure, "\(path) cannot be read: \(String(cString: strerror(errno))).")
    }
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
    if count == 0 { throw CommandFailure(.failure, "\(path) holds no event.") }
  }

  private mutating func append(_ value: ArraySlice<UInt8>) {
    bytes.append(contentsOf: value)
    ends.append(bytes.count)
  }

  /// Each record's bytes, in their order.
  @inline(__always)
  func forEach<E: Error>(in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
    let failure = bytes.withUnsafeBytes { all -> E? in
      for index in range {
        let start = index == 0 ? 0 : ends[index - 1]
        do throws(E) {
          try body(index, UnsafeRawBufferPointer(rebasing: all[start..<ends[index]]))
        } catch {
          return error
        }
      }
      return nil
    }
    if let failure { throw failure }
  }
}
