/// Follows what a client of PostgreSQL sends (protocol 3.0, "Message Formats" in its manual), and tells where something is to be
/// committed: by `COMMIT`, or by a call of `pleat.append`, which is a transaction of its own.
package struct CommitFinder {
  /// Longer ones are no statements that commit.
  private static let longestBody = 8_192
  private static let newestProtocol: UInt32 = 0x0003_FFFF

  private var isStarted = false
  private var header: [UInt8] = []
  private var body: [UInt8] = []
  private var rest = 0
  /// Names of prepared statements that commit.
  private var names: Set<[UInt8]> = []

  package init() {}

  /// Whether a message that commits ends within these bytes, the next ones of the connection.
  package mutating func commits(in bytes: some Collection<UInt8>) -> Bool {
    var found = false
    var bytes = bytes[...]
    while !bytes.isEmpty {
      if rest == 0 {
        header.append(bytes.removeFirst())
        guard header.count == (isStarted ? 5 : 4) else { continue }
        rest = max(Int(Self.word(header.suffix(4))) - 4, 0)
        body = []
      } else {
        let part = bytes.prefix(rest)
        if body.count + part.count <= Self.longestBody { body += part }
        rest -= part.count
        bytes = bytes.dropFirst(part.count)
      }
      guard rest == 0 else { continue }
      if isStarted {
        if commits(Character(UnicodeScalar(header[0]))) { found = true }
      } else {
        // A question for encryption is answered, and the start comes after it.
        isStarted = Self.word(body.prefix(4)) <= Self.newestProtocol
      }
      header = []
    }
    return found
  }

  private static func word(_ bytes: some Sequence<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }

  private mutating func commits(_ type: Character) -> Bool {
    let texts = body.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false).map(Array.init)
    switch type {
    case "Q": return Self.isCommit(texts[0])
    case "P" where texts.count > 1:
      if Self.isCommit(texts[1]) { names.insert(texts[0]) } else { names.remove(texts[0]) }
      return false
    case "B" where texts.count > 1: return names.contains(texts[1])
    default: return false
    }
  }

  private static func isCommit(_ statement: [UInt8]) -> Bool {
    let text = String(decoding: statement, as: UTF8.self)
    return text == "COMMIT" || text.contains("pleat.append(")
  }
}
