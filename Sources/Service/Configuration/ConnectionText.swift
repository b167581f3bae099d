/// How a PostgreSQL connection string, a URL or libpq's `key=value` form, is shown: without its passwords.
package func shownConnection(_ connection: Secret) -> String {
  let text = connection.reveal()
  guard let scheme = text.firstRange(of: "://") else { return shownKeywords(text) }
  var rest = text[scheme.upperBound...]
  var shown = String(text[..<scheme.upperBound])
  // As libpq reads it: the user's part may hold a question mark.
  if let first = rest.firstIndex(where: { $0 == "@" || $0 == "/" }), rest[first] == "@" {
    // A password may hold another one, unescaped by mistake: the last @ ends the user's part.
    let place = rest[first...].prefix { $0 != "/" && $0 != "?" }
    let at = place.lastIndex(of: "@") ?? first
    let user = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    shown += user[0] + (user.count > 1 ? ":***" : "") + "@"
    rest = rest[rest.index(after: at)...]
  }
  guard let mark = rest.firstIndex(of: "?") else { return shown + rest }
  return shown + rest[...mark] + shownQuery(rest[rest.index(after: mark)...])
}

private func isSecretKeyword(_ name: some StringProtocol) -> Bool { name.lowercased().contains("password") }

private func shownQuery(_ query: Substring) -> String {
  query.split(separator: "&", omittingEmptySubsequences: false).map { part in
    let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return isSecretKeyword(percentDecoded(pair[0])) ? "\(pair[0])=***" : String(part)
  }.joined(separator: "&")
}

private func percentDecoded(_ text: Substring) -> String {
  var bytes: [UInt8] = []
  var rest = text.utf8[...]
  while let byte = rest.popFirst() {
    if byte == UInt8(ascii: "%"), let decoded = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
      bytes.append(decoded)
      rest = rest.dropFirst(2)
    } else {
      bytes.append(byte)
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// `host=a password='b c' dbname=d`: values may be quoted, `\` escapes, and white space may stand around `=`.
private func shownKeywords(_ text: String) -> String {
  var shown: [String] = []
  var rest = text[...]
  while true {
    rest = rest.drop(while: \.isWhitespace)
    if rest.isEmpty { return shown.joined(separator: " ") }
    guard let equals = rest.firstIndex(of: "=") else { return (shown + ["***"]).joined(separator: " ") }
    let name = rest[..<equals].filter { !$0.isWhitespace }
    rest = rest[rest.index(after: equals)...].drop(while: \.isWhitespace)
    var value = ""
    let isQuoted = rest.first == "'"
    if isQuoted { value.append(rest.removeFirst()) }
    while let character = rest.popFirst() {
      if !isQuoted, character.isWhitespace { break }
      value.append(character)
      if character == "\\", let escaped = rest.popFirst() {
        value.append(escaped)
      } else if isQuoted, character == "'" {
        break
      }
    }
    shown.append(isSecretKeyword(name) ? "\(name)=***" : "\(name)=\(value)")
  }
}
