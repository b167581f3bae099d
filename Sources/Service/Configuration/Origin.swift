/// Where a value of the configuration comes from.
package indirect enum Origin: Hashable, Sendable, CustomStringConvertible {
  case `default`
  case file(String, line: Int)
  case environment(variable: String)
  /// A file of systemd's credentials directory, named for the key.
  case credential(path: String)
  /// A file that the configuration names by a key `…_file`.
  case secretFile(path: String, named: Origin)

  package var description: String {
    switch self {
    case .default: "default"
    case .file(let path, let line): "\(path):\(line)"
    case .environment(let variable): variable
    case .credential(let path): "credential \(path)"
    case .secretFile(let path, let named): "\(path), by \(named)"
    }
  }

  package var json: JSONValue {
    switch self {
    case .default: .object(["origin": .string("default")])
    case .file(let path, let line):
      .object(["origin": .string("file"), "file": .string(path), "line": .integer(Int64(line))])
    case .environment(let variable): .object(["origin": .string("environment"), "variable": .string(variable)])
    case .credential(let path): .object(["origin": .string("credential"), "file": .string(path)])
    case .secretFile(let path, let named):
      .object(["origin": .string("secret_file"), "file": .string(path), "named_by": .string("\(named)")])
    }
  }
}
