import Glibc

/// Standard output in large pieces, for commands that write much. Standard output that was closed (`| head`) ends the command
/// quietly, as SIGPIPE would.
package struct StandardOutput: ~Copyable {
  private static let capacity = 1 << 16
  private var buffer: [UInt8] = []

  package init() { buffer.reserveCapacity(Self.capacity) }

  package mutating func line(_ text: some StringProtocol) throws(CommandFailure) {
    buffer.append(contentsOf: text.utf8)
    buffer.append(UInt8(ascii: "\n"))
    if buffer.count >= Self.capacity { try flush() }
  }

  /// UTF-8 text, for those who make very many lines.
  package mutating func line(_ text: [UInt8]) throws(CommandFailure) {
    buffer.append(contentsOf: text)
    buffer.append(UInt8(ascii: "\n"))
    if buffer.count >= Self.capacity { try flush() }
  }

  /// What the next line begins with, up to and with a separator.
  package mutating func begin(_ text: [UInt8], separator: UInt8) {
    buffer.append(contentsOf: text)
    buffer.append(separator)
  }

  /// Writes what is there; to be called at the end.
  package mutating func flush() throws(CommandFailure) {
    var rest = buffer[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if written < 0 {
        if errno == EINTR { continue }
        throw CommandFailure(.failure, "standard output cannot be written: \(String(cString: strerror(errno))).")
      }
      rest = rest.dropFirst(written)
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
