import CLibpq

/// What libpq makes of a connection string, before anybody connects.
package enum ConnectionParameters {
  private static let sslModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

  /// What is wrong with a connection string or URL, if anything. Says no piece of it (as libpq does): each may be a password's.
  package static func problem(in conninfo: String) -> String? {
    if hasStrayAt(conninfo) {
      return "has an @ too many: in a URL's password or database it is written as %40, and / in a password as %2F"
    }
    guard let parameters = parsed(conninfo) else {
      return
        "is neither a URL (postgresql://user:password@host:port/database?name=value) nor a list of name=value that libpq can read "
        + "(dbname=…, where it is a database's name); what is special in a password is written as %40 for @ in a URL, and in quotes in a list"
    }
    return parameters.lazy.compactMap { problem(of: $0.name, $0.value) }.first
  }

  /// How many servers a connection string names; libpq waits for one after the other.
  static func hostCount(in conninfo: String) -> Int {
    let hosts = (parsed(conninfo) ?? []).filter { ["host", "hostaddr"].contains($0.name) }
    return hosts.map { $0.value.split(separator: ",", omittingEmptySubsequences: false).count }.max() ?? 1
  }

  /// What a connection string says; nil where libpq cannot read it.
  private static func parsed(_ conninfo: String) -> [(name: String, value: String)]? {
    guard let options = PQconninfoParse(conninfo, nil) else { return nil }
    defer { PQconninfoFree(options) }
    var found: [(name: String, value: String)] = []
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val { found.append((String(cString: keyword), String(cString: value))) }
      option += 1
    }
    return found
  }

  /// Whether libpq would take a piece of a URL's password for a host or a database: of more than one @, or of one behind a slash.
  private static func hasStrayAt(_ conninfo: String) -> Bool {
    guard conninfo.hasPrefix("postgresql://") || conninfo.hasPrefix("postgres://") else { return false }
    let place = conninfo.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)[0].utf8
      .split(separator: UInt8(ascii: "/"), maxSplits: 2, omittingEmptySubsequences: false).dropFirst(2).joined()
    var at = 0
    var slash = false
    for byte in place {
      if byte == UInt8(ascii: "/") { slash = true }
      guard byte == UInt8(ascii: "@") else { continue }
      at += 1
      if slash || at > 1 { return true }
    }
    return false
  }

  private static func problem(of name: String, _ value: String) -> String? {
    let items = value.split(separator: ",").map { $0.drop(while: \.isWhitespace) }
    switch name {
    // A socket's directory, or its abstract name, may hold one.
    case "host" where items.contains { !$0.hasPrefix("/") && $0.dropFirst().contains("@") }:
      return "has a host with an @ in it: in the password of a URL it is written as %40"
    case "port" where !items.allSatisfy { UInt16(String($0).trimmed).map { $0 > 0 } ?? false }:
      return "has a port that is no number from 1 to 65535"
    case "sslmode" where !sslModes.contains(value):
      return "has an sslmode that is none of \(sslModes.joined(separator: ", "))"
    default: return nil
    }
  }
}

extension String {
  /// Without the white space at its end.
  fileprivate var trimmed: String {
    var text = self
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
