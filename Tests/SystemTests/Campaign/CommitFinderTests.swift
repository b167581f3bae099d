import Foundation
import TestSupport
import Testing

@Suite("Where a client of PostgreSQL commits")
struct CommitFinderTests {
  private func message(_ type: Character?, _ body: [UInt8]) -> [UInt8] {
    let length = UInt32(body.count + 4)
    return (type.map { [$0.asciiValue!] } ?? []) + (0..<4).map { UInt8(length >> (24 - 8 * $0) & 0xFF) } + body
  }

  private func texts(_ texts: String...) -> [UInt8] { texts.flatMap { Array($0.utf8) + [0] } }

  @Test("is found behind encryption's question, by name, in whatever pieces it comes", arguments: [1, 3, 1_000])
  func pieces(size: Int) {
    let prepared = message("P", texts("s1", "COMMIT") + [0, 0]) + message("P", texts("s2", "SELECT 1") + [0, 0])
    let start = message(nil, [4, 210, 22, 47]) + message(nil, [0, 3, 0, 0] + texts("user", "pleat_writer"))
    let stream: [(bytes: [UInt8], commits: Bool)] = [
      (start + prepared, false), (message("B", texts("", "s2") + [0, 0]) + message("E", [0, 0, 0, 0, 0]), false),
      (message("d", Array(repeating: 66, count: 100_000)), false), (message("B", texts("", "s1") + [0, 0]), true),
      (message("S", []), false), (message("Q", texts("COMMIT")), true), (message("Q", texts("BEGIN")), false),
      (message("P", texts("s2", "SELECT pleat.append($1)")), false), (message("B", texts("", "s2")), true),
      (message("P", texts("s1", "SELECT 2")), false), (message("B", texts("", "s1")), false),
    ]
    var finder = CommitFinder()
    for (index, part) in stream.enumerated() {
      var found = false
      for from in stride(from: 0, to: part.bytes.count, by: size) {
        if finder.commits(in: part.bytes[from..<min(from + size, part.bytes.count)]) { found = true }
      }
      #expect(found == part.commits, "\(index)")
    }
  }
}
