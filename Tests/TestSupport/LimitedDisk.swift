import Foundation
import Glibc

/// A small file system of one's own, that can be filled to its last byte: a tmpfs, which only root may mount. It is unmounted when
/// this process ends, however it does.
package final class LimitedDisk: @unchecked Sendable {
  /// Whether one can be had here.
  package static let isPossible = (try? LimitedDisk(megabytes: 1)) != nil

  package let path: String
  private let lifeline: Pipe
  private let keeper: Process
  private var ballast: String { "\(path)/ballast" }

  private static let pieceBytes = 1 << 20

  /// Others than root may go through it.
  package init(megabytes: Int) throws {
    path = NSTemporaryDirectory() + "pleat-disk-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    guard mount("tmpfs", path, "tmpfs", UInt(MS_NOSUID), "size=\(megabytes)m,mode=0755") == 0 else {
      let reason = String(cString: strerror(errno))
      rmdir(path)
      throw TestSupportError("mounting a tmpfs: \(reason)")
    }
    lifeline = Pipe()
    _ = fcntl(lifeline.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
    keeper = Process()
    keeper.executableURL = URL(fileURLWithPath: "/bin/sh")
    // A lazy one: whoever still has files open there keeps them.
    keeper.arguments = ["-c", "trap '' INT TERM; read -r _; umount -l \"$1\"; rmdir \"$1\"", "sh", path]
    keeper.standardInput = lifeline
    try keeper.run()
  }

  deinit { remove() }

  /// Takes what is free, to the last byte.
  package func fill() throws {
    let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw TestSupportError("\(ballast): \(String(cString: strerror(errno)))") }
    defer { close(file) }
    var size = Self.pieceBytes
    let piece = [UInt8](repeating: 0, count: size)
    while size > 0 {
      let count = write(file, piece, size)
      if count < size { size = count > 0 ? size - count : size / 2 }
    }
  }

  /// Gives it back.
  package func free() { unlink(ballast) }

  /// Unmounts it, with all that is in it.
  package func remove() {
    guard keeper.isRunning else { return }
    try? lifeline.fileHandleForWriting.close()
    keeper.waitUntilExit()
  }
}
