import Foundation
import Testing

/// A topic of one partition beside the world's, that is truncated and made anew: what was sent to it, and was there to be read.
struct SideTopic {
  private(set) var produced = Data()
  /// The next record's, in the topic as it is.
  private(set) var offset = 0
  /// What was read of a new topic, behind the place in the old one, before that was noticed: from its beginning it is read again.
  private(set) var readTwice: Set<String> = []
  private var number = 0

  private static let source = "side"

  /// Late events of nothing in particular, each with an id of its own.
  mutating func lines(_ count: Int) -> [Data] {
    (0..<count).map { _ in
      number += 1
      let data = #"{"project_id":"side","user_id":"nobody"}"#
      return Data(
        ("k\t" + #"{"specversion":"1.0","id":"side-\#(number)","source":"\#(Self.source)","type":"project_opened","#
          + #""time":"2026-09-25T00:00:00Z","data":\#(data)}"# + "\n").utf8)
    }
  }

  mutating func sent(_ lines: [Data], lost: Int = 0) {
    offset += lines.count
    for line in lines.dropFirst(lost) { produced += line }
  }

  mutating func isMadeAnew() { offset = 0 }

  mutating func isReadAgain(_ lines: some Sequence<Data>) throws {
    for line in lines {
      let json = try JSONSerialization.jsonObject(with: line.dropFirst(2)) as? [String: Any]
      readTwice.insert("\(Self.source)\u{0}\(json?["id"] as? String ?? "")")
    }
  }
}

extension Campaign {
  private var sideTopic: String { pleat.topics.keys.first { $0.hasSuffix(".side") }! }

  /// Several times, as the broker may just have come back: what was sent and not acknowledged may stand there twice.
  private func produceSide(_ lines: [Data], lost: Int = 0) throws {
    try pleat.produce(Data(lines.joined()), to: sideTopic)
    side.sent(lines, lost: lost)
  }

  private func alarm(_ reason: String) throws {
    try Wait.until(seconds: 100, "the alarm that \(reason)\(pleat.logs)") {
      try attempt("SELECT state || ' ' || coalesce(reason, '') FROM pleat.partitions WHERE topic = '\(sideTopic)'")
        .contains(reason)
    }
  }

  private func skip(to offset: Int) throws {
    try pleat.pleat(
      "skip", sideTopic, "0", "--to", "\(offset)", "--reason", "the campaign", environment: pleat.asOperator)
  }

  /// Records that nobody has read are deleted: the alarm names exactly these.
  func truncateSideTopic() throws {
    try produceSide(side.lines(Int.random(in: 1...20, using: &random)))
    try recover()
    killInstance("one")
    killInstance("two")
    let lines = side.lines(30)
    let (first, lost) = (side.offset, Int.random(in: 1...29, using: &random))
    try produceSide(lines, lost: lost)
    try pleat.broker.deleteRecords(sideTopic, before: Int64(first + lost))
    try start("one")
    try start("two")
    try alarm("offsets \(first) to \(first + lost - 1) are gone")
    try skip(to: first + lost)
  }

  /// Under running instances: the records of the new one are others than those that were read at their places.
  func recreateSideTopic() throws {
    try produceSide(side.lines(Int.random(in: 1...20, using: &random)))
    try recover()
    let reached = side.offset
    try pleat.broker.deleteTopic(sideTopic)
    try pleat.broker.createTopic(sideTopic, partitions: 1)
    side.isMadeAnew()
    let lines = side.lines(reached + Int.random(in: 1...20, using: &random))
    try produceSide(lines)
    try alarm("alarm")
    // The incarnation that ends here went on in the new topic until that was noticed: what it read there counts for itself.
    let read = Int(try attempt("SELECT next_offset FROM pleat.partitions WHERE topic = '\(sideTopic)'")) ?? 0
    try side.isReadAgain(lines[reached..<min(max(reached, read), lines.count)])
    try skip(to: 0)
  }
}
