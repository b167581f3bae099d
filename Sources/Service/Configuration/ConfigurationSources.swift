import Glibc

/// What a configuration is made from, so that tests can say it.
package struct ConfigurationSources: Sendable {
  package enum FileContent: Sendable {
    case bytes([UInt8])
    case missing
    /// Why it cannot be read.
    case failed(String)
  }

  package var environment: [String: String]
  /// Names of the environment's variables that are not UTF-8; what stands in their place is mended.
  package var notUTF8: [String]
  package var hostName: String
  package var readFile: @Sendable (String) -> FileContent

  package init(
    environment: [String: String], notUTF8: [String] = [], hostName: String,
    readFile: @escaping @Sendable (String) -> FileContent
  ) {
    (self.environment, self.notUTF8) = (environment, notUTF8)
    (self.hostName, self.readFile) = (hostName, readFile)
  }

  /// This process's own.
  package static var process: ConfigurationSources {
    let (variables, notUTF8) = readEnvironment()
    return ConfigurationSources(
      environment: variables, notUTF8: notUTF8, hostName: processHostName(), readFile: readWholeFile)
  }
}

/// Secrets and configurations are small; what is larger is the wrong file.
private let greatestFileSize = 16 << 20

/// The environment as it stands, mended where it is not UTF-8; of a name given twice the first counts, as `getenv` has it.
package func processEnvironment() -> [String: String] { readEnvironment().variables }

private func readEnvironment() -> (variables: [String: String], notUTF8: [String]) {
  var variables: [String: String] = [:]
  var notUTF8: [String] = []
  var next = environ
  while let entry = next.pointee {
    let mended = String(cString: entry)
    if let equals = mended.firstIndex(of: "="), variables[String(mended[..<equals])] == nil {
      let name = String(mended[..<equals])
      variables[name] = String(mended[mended.index(after: equals)...])
      if String(validatingCString: entry) == nil { notUTF8.append(name) }
    }
    next += 1
  }
  return (variables, notUTF8)
}

private func processHostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
  return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

package func readWholeFile(_ path: String) -> ConfigurationSources.FileContent {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else {
    return errno == ENOENT || errno == ENOTDIR ? .missing : .failed(String(cString: strerror(errno)))
  }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while bytes.count <= greatestFileSize {
    let count = read(descriptor, &chunk, chunk.count)
    if count == 0 { return .bytes(bytes) }
    if count < 0 {
      if errno == EINTR { continue }
      return .failed(String(cString: strerror(errno)))
    }
    bytes += chunk[..<count]
  }
  return .failed("it is larger than \(greatestFileSize >> 20) MiB")
}
