import Foundation
import Glibc
import TestSupport

/// The socket on which a service tells systemd how it is, and what came in.
final class NotifySocket {
  /// For `NOTIFY_SOCKET`: a name of no file.
  let name = "@pleat-\(UUID().uuidString)"
  /// `READY=1`, `STATUS=…`, in their order.
  private(set) var messages: [String] = []
  private let descriptor: Int32

  private static let longest = 4_096

  init() throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = [0] + Array(name.utf8.dropFirst())
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
    let failed = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) != 0 }
    }
    if failed { throw TestSupportError("\(name): \(String(cString: strerror(errno)))") }
  }

  deinit { close(descriptor) }

  /// Takes what has come in.
  func receive() {
    var buffer = [UInt8](repeating: 0, count: Self.longest)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      if count < 0 { return }
      messages += String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map { String($0) }
    }
  }
}
