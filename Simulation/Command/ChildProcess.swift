import Glibc

/// Something that is computed in a process of its own, as it may end the process.
enum ChildProcess {
  enum End: Equatable {
    /// What it has said.
    case said(String)
    /// By which signal it was ended.
    case signal(Int32)
  }

  private static let pieceBytes = 4_096

  /// To be called where there are no other threads yet.
  static func run(_ body: () -> String) -> End {
    fflush(nil)
    var ends: [Int32] = [0, 0]
    precondition(pipe(&ends) == 0, "no pipe: \(String(cString: strerror(errno)))")
    let (reading, writing) = (ends[0], ends[1])
    let child = fork()
    precondition(child >= 0, "no process: \(String(cString: strerror(errno)))")
    if child == 0 {
      // Nobody looks at its backtrace: that it ends is what was looked for.
      for number in [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV] { signal(number, SIG_DFL) }
      close(reading)
      write(Array(body().utf8), to: writing)
      fflush(nil)
      _exit(0)
    }
    close(writing)
    let text = readAll(reading)
    close(reading)
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 { precondition(errno == EINTR, "the child is gone") }
    // WIFSIGNALED, WTERMSIG
    return status & 0x7F == 0 ? .said(text) : .signal(status & 0x7F)
  }

  private static func write(_ bytes: [UInt8], to file: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      precondition(count > 0 || errno == EINTR, "nobody listens")
      rest = rest.dropFirst(max(count, 0))
    }
  }

  private static func readAll(_ file: Int32) -> String {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: pieceBytes)
    while true {
      let count = read(file, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += piece[..<count]
    }
  }
}
