/// The form of `kafka.bootstrap`: `[PROTOCOL://]HOST[:PORT]`, several separated by commas, HOST also an address of IPv6, in brackets
/// where a port follows.
///
/// librdkafka takes what it does not understand for a host's name, or leaves it out with all that follows, and says so in its log
/// alone. That the protocol is `security.protocol` is not looked at here.
package enum BootstrapServers {
  private static let protocols = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
  /// Of an address of IPv6 that leaves none out: the last two groups may be an address of IPv4.
  private static let leastColons = 6
  private static let ports = 1...65_535

  /// What is wrong with it, if anything.
  package static func problem(in text: String) -> String? {
    let servers = text.split(separator: ",").map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
    if servers.isEmpty { return "names no server" }
    guard let wrong = servers.first(where: { !isServer($0) }) else { return nil }
    return "\"\(wrong.escaped)\" is not HOST:PORT"
  }

  private static func isServer(_ text: Substring) -> Bool {
    var address = text
    if let scheme = address.firstRange(of: "://") {
      guard protocols.contains(address[..<scheme.lowerBound].lowercased()) else { return false }
      address = address[scheme.upperBound...]
    }
    if address.first == "[" {
      guard let end = address.firstIndex(of: "]"), isIPv6(address[address.index(after: address.startIndex)..<end])
      else {
        return false
      }
      let rest = address[address.index(after: end)...]
      return rest.isEmpty || rest.first == ":" && isPort(rest.dropFirst())
    }
    let parts = address.split(separator: ":", omittingEmptySubsequences: false)
    return switch parts.count {
    case 1: isName(address)
    case 2: isName(parts[0]) && isPort(parts[1])
    default: isIPv6(address)
    }
  }

  private static func isName(_ text: Substring) -> Bool {
    !text.isEmpty && !text.hasControlCharacters && !text.contains { $0.isWhitespace || ";/[]".contains($0) }
  }

  /// Roughly: it is told from what is none of them.
  private static func isIPv6(_ text: Substring) -> Bool {
    let address = text.prefix { $0 != "%" }
    let isLong = address.contains("::") || address.count { $0 == ":" } >= leastColons
    return isLong && address.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
  }

  private static func isPort(_ text: Substring) -> Bool {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      && Int(text).map(ports.contains) == true
  }
}
