import Foundation

/// What was done, how often, and how long until everything was caught up again.
struct FaultLog {
  private var entries: [Entry] = []

  private struct Entry {
    var fault: Fault
    /// Processes killed outright.
    var kills: Int
    /// Nil where the next fault did not wait.
    var seconds: Double?
  }

  mutating func note(_ fault: Fault, kills: Int, recoveredAfter seconds: Double?) {
    entries.append(Entry(fault: fault, kills: kills, seconds: seconds))
  }

  mutating func add(_ other: FaultLog) { entries += other.entries }

  var count: Int { entries.count }
  var kills: Int { entries.reduce(0) { $0 + $1.kills } }

  /// A table in Markdown.
  var table: String {
    let rows = Fault.allCases.compactMap { fault -> String? in
      let entries = entries.filter { $0.fault == fault }
      if entries.isEmpty { return nil }
      let seconds = entries.compactMap(\.seconds).sorted()
      let (median, greatest) = (seconds.isEmpty ? nil : seconds[seconds.count / 2], seconds.last)
      return "| \(fault.rawValue) | \(entries.count) | \(entries.reduce(0) { $0 + $1.kills }) | \(Self.text(median)) "
        + "| \(Self.text(greatest)) |"
    }
    let head = "| fault | times | kills | caught up again after, median (s) | at most (s) |"
    return ([head, "| --- | ---: | ---: | ---: | ---: |"] + rows).joined(separator: "\n")
  }

  private static func text(_ seconds: Double?) -> String { seconds.map { String(format: "%.1f", $0) } ?? "–" }

  // MARK: - Over several campaigns

  /// Adds the entries to a file, a line each.
  func append(to file: String) throws {
    let lines = entries.map { "\($0.fault.rawValue)\t\($0.kills)\t\(Self.text($0.seconds))\n" }.joined()
    if !FileManager.default.fileExists(atPath: file) { try Data().write(to: URL(fileURLWithPath: file)) }
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(lines.utf8))
    try handle.close()
  }

  /// Whatever `append` has written there.
  static func read(_ file: String) throws -> FaultLog {
    var log = FaultLog()
    for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
      let parts = line.split(separator: "\t")
      guard parts.count == 3, let fault = Fault(rawValue: String(parts[0])), let kills = Int(parts[1]) else {
        throw Unreadable(line: String(line))
      }
      log.note(fault, kills: kills, recoveredAfter: Double(parts[2]))
    }
    return log
  }

  struct Unreadable: Error { var line: String }
}
