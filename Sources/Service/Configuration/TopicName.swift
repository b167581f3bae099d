/// Kafka's own rule for the names of topics.
package enum TopicName {
  package static let greatestBytes = 249

  package static func isLegal(_ name: String) -> Bool {
    let isSpelledSo = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return isSpelledSo && (1...greatestBytes).contains(name.utf8.count) && name != "." && name != ".."
  }
}
