/// A Kafka record in a fuzzer's input: a byte with the number of headers (its low five bits); for each header the length of its
/// name, that of its value (255: it has none), name and value; the rest is the record's value. What ends early is cut there.
package struct FuzzedRecord {
  package var headers: [(name: [UInt8], value: [UInt8]?)] = []
  package var value: [UInt8]

  private static let headerCountMask: UInt8 = 0x1F
  private static let noValue: UInt8 = 255

  package init(_ input: [UInt8]) {
    var rest = input[...]
    func take(_ count: Int) -> [UInt8] {
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
    let count = (rest.popFirst() ?? 0) & Self.headerCountMask
    for _ in 0..<count where !rest.isEmpty {
      let nameCount = Int(rest.popFirst() ?? 0)
      let valueCount = rest.popFirst() ?? Self.noValue
      let name = take(nameCount)
      headers.append((name, valueCount == Self.noValue ? nil : take(Int(valueCount))))
    }
    value = Array(rest)
  }
}
