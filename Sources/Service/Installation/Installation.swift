import Glibc

/// The files that come with the program: migrations and the technology catalog. Installed they stand in `share/pleat` beside
/// the program's `bin`; in a checkout, in its root.
package struct Installation: Sendable {
  private let executable: String
  private let exists: @Sendable (String) -> Bool

  /// `executable` is an absolute path.
  package init(executable: String, exists: @escaping @Sendable (String) -> Bool) {
    (self.executable, self.exists) = (executable, exists)
  }

  /// Of the program that runs.
  package init() {
    self.init(executable: Self.ownPath(), exists: { access($0, R_OK) == 0 })
  }

  /// How far above the program a checkout's root may be: `.build/x86_64-unknown-linux-gnu/release/pleat` is 4.
  private static let greatestHeight = 8
  private static let shared = ["/usr/local/share/pleat", "/usr/share/pleat"]

  /// Where `name` (`Migrations`, `schemas/technologies.yaml`) is.
  package func find(_ name: String) throws(ConfigurationError) -> String {
    let candidates = self.candidates.map { "\($0)/\(name)" }
    for candidate in candidates where exists(candidate) { return candidate }
    throw ConfigurationError(
      "\(name) is missing from the installation; looked for \(candidates.joined(separator: ", "))")
  }

  /// The directory of `NNNN_name.sql`.
  package func migrations() throws(ConfigurationError) -> String { try find("Migrations") }

  private var candidates: [String] {
    var directory = Self.parent(executable)
    var result: [String] = []
    for _ in 0..<Self.greatestHeight {
      if exists("\(directory)/Package.swift") { result.append(directory) }
      if directory == "/" { break }
      directory = Self.parent(directory)
    }
    let prefix = Self.parent(Self.parent(executable))
    let beside = (prefix == "/" ? "" : prefix) + "/share/pleat"
    return result + [beside] + Self.shared.filter { $0 != beside }
  }

  private static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// The path of the running program; empty where the kernel does not tell.
  package static func ownPath() -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
  }
}
