import Foundation
import Glibc

/// A terminal without a screen: what is written to it can be read.
final class PseudoTerminal {
  private let master: Int32
  /// For a process's standard descriptors.
  let end: FileHandle
  private var text = ""

  init() throws {
    var (first, second): (Int32, Int32) = (-1, -1)
    guard openpty(&first, &second, nil, nil, nil) == 0 else { throw POSIXError(.ENOTTY) }
    master = first
    end = FileHandle(fileDescriptor: second, closeOnDealloc: true)
    _ = fcntl(master, F_SETFL, O_NONBLOCK)
    _ = fcntl(master, F_SETFD, FD_CLOEXEC)
  }

  deinit { close(master) }

  func settings() throws -> termios {
    var settings = termios()
    guard tcgetattr(end.fileDescriptor, &settings) == 0 else { throw POSIXError(.ENOTTY) }
    return settings
  }

  /// All that was written so far.
  func read() -> String {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(master, &bytes, bytes.count)
      guard count > 0 else { return text }
      text += String(decoding: bytes[..<count], as: UTF8.self)
    }
  }
}
