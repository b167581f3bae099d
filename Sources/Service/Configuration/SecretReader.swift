/// Finds secrets: said outright, in a file that a key `…_file` names, or in systemd's credentials directory.
struct SecretReader {
  let sources: ConfigurationSources
  private(set) var problems: [String] = []

  init(_ sources: ConfigurationSources) { self.sources = sources }

  private var credentials: String? {
    sources.environment["CREDENTIALS_DIRECTORY"].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// What was found wrong so far, which is then forgotten.
  mutating func takeProblems() -> [String] {
    defer { problems = [] }
    return problems
  }

  /// The secret of the credential that is named for a key, if systemd gave one.
  mutating func credential(_ name: String) -> (Secret, Origin)? {
    guard let directory = credentials else { return nil }
    let path = "\(directory)/\(name)"
    switch sources.readFile(path) {
    case .missing: return nil
    case .failed(let reason):
      problems.append("the credential \(path) cannot be read: \(reason)")
      return nil
    case .bytes(let bytes): return secret(bytes, path: path).map { ($0, .credential(path: path)) }
    }
  }

  /// The secret in a file: a name without a slash may be one of systemd's credentials. Says what is wrong, if it is.
  mutating func file(_ name: String, named origin: Origin, for key: String) -> (Secret, Origin)? {
    var path = name
    if let directory = credentials, !name.contains("/"), case .bytes = sources.readFile("\(directory)/\(name)") {
      path = "\(directory)/\(name)"
    }
    switch sources.readFile(path) {
    case .missing:
      problems.append("\(key) (\(origin)): there is no file \(path)")
      return nil
    case .failed(let reason):
      problems.append("\(key) (\(origin)): \(path) cannot be read: \(reason)")
      return nil
    case .bytes(let bytes): return secret(bytes, path: path).map { ($0, .secretFile(path: path, named: origin)) }
    }
  }

  /// Files end with a newline that is not part of the secret.
  private mutating func secret(_ bytes: [UInt8], path: String) -> Secret? {
    var bytes = bytes[...]
    while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
    guard !bytes.isEmpty, let text = String(validating: bytes, as: UTF8.self) else {
      problems.append("\(path) holds no secret: it is \(bytes.isEmpty ? "empty" : "not UTF-8")")
      return nil
    }
    return Secret(text)
  }
}
