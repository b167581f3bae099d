import Foundation

extension Installation {
  /// Lines `key TAB json` of a generated world that ends with October 2026.
  /// - Parameter days: each has 24 turns of the hour, and these take the most time.
  func world(events: Int, seed: Int, days: Int) throws -> Data {
    Data(
      try pleat(
        "generate", "--events", "\(events)", "--seed", "\(seed)", "--days", "\(days)", "--end", "2026-11-01T00:00:00Z"
      ).utf8)
  }

  /// The same line by line.
  func lines(events: Int, seed: Int, days: Int = 12) throws -> [Substring] {
    String(decoding: try world(events: events, seed: seed, days: days), as: UTF8.self).split(separator: "\n")
  }

  func produce(lines: some Sequence<Substring>) throws {
    try produce(Data(lines.map { $0 + "\n" }.joined().utf8))
  }
}
