/// The form of `kafka.bootstrap`, as librdkafka reads it: `[PROTOCOL://]HOST[:PORT]`, several separated by commas.
package enum BootstrapServers {
  private static let ports = 1...65_535

  /// What is wrong with it, if anything: librdkafka would take the part that it understands.
  package static func problem(in text: String) -> String? {
    let servers = text.split(separator: ",").map { $0.drop(while: \.isWhitespace) }.filter { !$0.isEmpty }
    if servers.isEmpty { return "is empty" }
    guard let wrong = servers.first(where: { !isServer($0) }) else { return nil }
    return "\"\(wrong.unicodeScalars.map { $0.escaped(asASCII: false) }.joined())\" is not HOST:PORT"
  }

  private static func isServer(_ text: Substring) -> Bool {
    var address = text
    if let scheme = address.firstRange(of: "://") { address = address[scheme.upperBound...] }
    while address.last?.isWhitespace == true { address.removeLast() }
    let isPlain = address.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
    guard isPlain, let first = address.first else { return false }
    // A host alone, or an address of IPv6 alone.
    guard let colon = address.lastIndex(of: ":"), address.last != "]" else { return true }
    if first != "[", address[..<colon].contains(":") { return true }
    return first != ":" && Int(address[address.index(after: colon)...]).map(ports.contains) == true
  }
}
