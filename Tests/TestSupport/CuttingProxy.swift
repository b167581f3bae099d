import Foundation
import Glibc
import Synchronization

/// Stands between clients and PostgreSQL on 127.0.0.1; when told to, cuts one connection around one commit of the client's, or
/// makes everything slow.
package final class CuttingProxy: @unchecked Sendable {
  package enum Cut: CaseIterable, Sendable {
    /// The request never arrives.
    case before
    /// It arrives; the reply is lost.
    case after
    /// The client is cut off at once, and the request arrives later.
    case late
  }

  package let port: UInt16
  private let target: UInt16
  private let listener: Int32
  private let state = Mutex(State())

  private struct State {
    var armed: (cut: Cut, commits: Int)?
    var cuts = 0
    var delayMilliseconds: UInt32 = 0
    var isClosed = false
  }

  private static let bufferBytes = 1 << 16
  private static let pollMilliseconds: Int32 = 100
  /// How long a late request is held.
  private static let holdMicroseconds: UInt32 = 1_500_000

  /// Listens on a free port.
  package init(target: UInt16) throws {
    self.target = target
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.address(port: 0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let made = listener
    let failed = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(made, $0, size) != 0 || getsockname(made, $0, &size) != 0
      }
    }
    guard listener >= 0, !failed, listen(listener, 64) == 0 else {
      throw TestSupportError("no port to listen on: \(String(cString: strerror(errno)))")
    }
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { self.acceptAll() }
  }

  /// Cuts a connection around the so-manieth commit from now on, of whatever client asks for it.
  package func arm(_ cut: Cut, afterCommits commits: Int) { state.withLock { $0.armed = (cut, commits) } }

  /// From now on every message, in either direction and of at most 64 KiB, waits so long: a far and narrow network.
  package func slowDown(milliseconds: UInt32) { state.withLock { $0.delayMilliseconds = milliseconds } }

  package var cuts: Int { state.withLock { $0.cuts } }

  /// No new connections; those that stand go on.
  package func close() {
    state.withLock { $0.isClosed = true }
  }

  private static func address(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return address
  }

  private func acceptAll() {
    defer { Glibc.close(listener) }
    while !state.withLock({ $0.isClosed }) {
      var ready = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
      guard poll(&ready, 1, Self.pollMilliseconds) > 0 else { continue }
      let client = accept(listener, nil, nil)
      if client >= 0 { Thread.detachNewThread { self.serve(client) } }
    }
  }

  private func serve(_ client: Int32) {
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { Self.end(server) }
    var isClientOpen = true
    defer { if isClientOpen { Self.end(client) } }
    var address = Self.address(port: target)
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard connected else { return }
    for end in [client, server] {
      var on: Int32 = 1
      setsockopt(end, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }
    var buffer = [UInt8](repeating: 0, count: Self.bufferBytes)
    var finder = CommitFinder()
    while true {
      var ends = [
        pollfd(fd: client, events: Int16(POLLIN), revents: 0), pollfd(fd: server, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&ends, 2, -1) > 0 else { return }
      if ends[1].revents != 0 {
        let count = read(server, &buffer, buffer.count)
        delay()
        if count <= 0 || !Self.send(buffer[..<count], to: client) { return }
      }
      guard ends[0].revents != 0 else { continue }
      let count = read(client, &buffer, buffer.count)
      if count <= 0 { return }
      delay()
      switch finder.commits(in: buffer[..<count]) ? due() : nil {
      case nil: if !Self.send(buffer[..<count], to: server) { return }
      case .before: return
      case .after:
        // The client hears nothing more; the server has the message before it sees the end.
        _ = Self.send(buffer[..<count], to: server)
        return
      case .late:
        Self.end(client)
        isClientOpen = false
        usleep(Self.holdMicroseconds)
        _ = Self.send(buffer[..<count], to: server)
        return
      }
    }
  }

  /// Also for a server that was started meanwhile and has inherited it.
  private static func end(_ connection: Int32) {
    shutdown(connection, Int32(SHUT_RDWR))
    Glibc.close(connection)
  }

  private func delay() {
    let milliseconds = state.withLock { $0.delayMilliseconds }
    if milliseconds > 0 { usleep(milliseconds * 1_000) }
  }

  /// What to do around this commit.
  private func due() -> Cut? {
    state.withLock { state in
      guard let armed = state.armed else { return nil }
      if armed.commits > 0 {
        state.armed = (armed.cut, armed.commits - 1)
        return nil
      }
      state.armed = nil
      state.cuts += 1
      return armed.cut
    }
  }

  private static func send(_ bytes: ArraySlice<UInt8>, to end: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(end, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count <= 0 { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
