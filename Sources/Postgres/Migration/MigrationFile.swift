import Events
import Glibc

/// One numbered migration: `NNNN_name.sql`.
package struct MigrationFile: Sendable {
  package var number: Int32
  /// Without number and ending.
  package var name: String
  package var sql: String
  /// SHA-256 of the file.
  package var checksum: [UInt8]

  package init(number: Int32, name: String, sql: String) {
    (self.number, self.name, self.sql) = (number, name, sql)
    checksum = SHA256.digest(of: Array(sql.utf8))
  }

  package var fileName: String {
    let digits = String(number)
    return "\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits)_\(name).sql"
  }

  /// A migration is text that people write; what is larger is something else.
  private static let byteLimit = 16 << 20

  /// The migrations of a directory by number, each number once. Other files are none of them.
  package static func read(directory: String) throws(MigrationError) -> [MigrationFile] {
    guard let handle = opendir(directory) else {
      throw .unreadable(directory, String(cString: strerror(errno)))
    }
    defer { closedir(handle) }
    var files: [MigrationFile] = []
    while let entry = Glibc.readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name.hasSuffix(".sql"), let underscore = name.firstIndex(of: "_") else { continue }
      let digits = name[..<underscore]
      guard digits.count == 4, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int32(digits) else {
        continue
      }
      files.append(
        MigrationFile(
          number: number, name: String(name[name.index(after: underscore)...].dropLast(4)),
          sql: try text(of: "\(directory)/\(name)")))
    }
    files.sort { $0.number < $1.number }
    guard !files.isEmpty else { throw .unreadable(directory, "there is no NNNN_name.sql in it") }
    for (file, next) in zip(files, files.dropFirst()) where file.number == next.number {
      throw .unreadable(directory, "two migrations have one number: \(file.fileName) and \(next.fileName)")
    }
    return files
  }

  private static func text(of path: String) throws(MigrationError) -> String {
    guard let file = fopen(path, "re") else { throw .unreadable(path, String(cString: strerror(errno))) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      bytes.append(contentsOf: chunk[..<count])
      guard bytes.count <= byteLimit else { throw .unreadable(path, "it is larger than \(byteLimit) bytes") }
      if count < chunk.count { break }
    }
    guard ferror(file) == 0 else { throw .unreadable(path, "it cannot be read to its end") }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .unreadable(path, "it is not UTF-8") }
    return text
  }
}
