import CLibpq

/// What libpq makes of a connection string, before anybody connects.
package enum ConnectionParameters {
  private static let sslModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

  /// What is wrong with a connection string or URL, if anything. Says no piece of it (as libpq does): each may be a password's.
  package static func problem(in conninfo: String) -> String? {
    guard let options = PQconninfoParse(conninfo, nil) else {
      return
        "is neither a URL (postgresql://user:password@host:port/database?name=value) nor a list of name=value that libpq can read; "
        + "what is special in a password is written as %40 for @ in a URL, and in quotes in a list"
    }
    defer { PQconninfoFree(options) }
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val,
        let problem = problem(of: String(cString: keyword), String(cString: value))
      {
        return problem
      }
      option += 1
    }
    return nil
  }

  private static func problem(of name: String, _ value: String) -> String? {
    switch name {
    case "host" where value.split(separator: ",").contains { $0.dropFirst().contains("@") }:
      "has a host with an @ in it: in the password of a URL it is written as %40"
    case "port" where !value.split(separator: ",").allSatisfy { UInt16($0).map { $0 > 0 } ?? false }:
      "has a port that is no number from 1 to 65535"
    case "sslmode" where !sslModes.contains(value): "has an sslmode that is none of \(sslModes.joined(separator: ", "))"
    default: nil
    }
  }
}
