/// A Kafka record in a fuzzer's input, as HTTP would write it: a line for each header, `name:value` (without a colon it has no
/// value), an empty line, and the record's value. Without an empty line there is no value.
package struct FuzzedRecord {
  package var headers: [(name: [UInt8], value: [UInt8]?)] = []
  package var value: [UInt8] = []

  private static let newLine = UInt8(ascii: "\n")
  private static let colon = UInt8(ascii: ":")

  package init(_ input: [UInt8]) {
    var rest = input[...]
    while !rest.isEmpty {
      let line = rest.prefix { $0 != Self.newLine }
      rest = rest.dropFirst(line.count + 1)
      if line.isEmpty {
        value = Array(rest)
        return
      }
      let name = line.prefix { $0 != Self.colon }
      headers.append((Array(name), name.count < line.count ? Array(line.dropFirst(name.count + 1)) : nil))
    }
  }
}
