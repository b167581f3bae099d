package import Glibc

/// A process that a test starts and that does not outlive it, however the test ends.
///
/// A shell stands between: it ends the child with SIGKILL when the test's end of a pipe closes.
package final class ChildProcess: @unchecked Sendable {
  /// The child's own id, not the shell's.
  package let pid: pid_t
  private let shell: pid_t
  private let lifeline: Int32
  private var isReaped = false

  private static let script = """
    exec 2>/dev/null
    output=$1; pidfile=$2; shift 2
    exec 3<&0
    "$@" </dev/null >"$output" 2>&1 3<&- &
    child=$!
    echo $child >"$pidfile.new" && mv "$pidfile.new" "$pidfile"
    { cat <&3 >/dev/null; kill -9 $child; } >/dev/null 2>&1 &
    watcher=$!
    exec 3<&-
    wait $child
    status=$?
    kill $watcher
    exit $status
    """
  private static let startMilliseconds = 10_000

  /// - Parameters:
  ///   - output: a file that takes what the child writes.
  ///   - environment: variables besides the test's own.
  package init(_ command: [String], output: String, environment: [String: String] = [:]) throws {
    var ends: [Int32] = [0, 0]
    // Another child must not hold this one's lifeline.
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw TestSupportError("pipe: \(String(cString: strerror(errno)))")
    }
    lifeline = ends[1]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
    let pidFile = output + ".pid"
    unlink(pidFile)
    let arguments = ["/bin/sh", "-c", Self.script, "sh", output, pidFile] + command
    var variables: [String] = []
    var entry = environ
    while let text = entry.pointee {
      let variable = String(cString: text)
      if environment[String(variable.prefix { $0 != "=" })] == nil { variables.append(variable) }
      entry += 1
    }
    variables += environment.map { "\($0.key)=\($0.value)" }
    var spawned = pid_t()
    let failure = Self.withCStrings(arguments) { arguments in
      Self.withCStrings(variables) { posix_spawn(&spawned, "/bin/sh", &actions, nil, arguments, $0) }
    }
    Glibc.close(ends[0])
    guard failure == 0 else {
      Glibc.close(lifeline)
      throw TestSupportError("posix_spawn: \(String(cString: strerror(failure)))")
    }
    shell = spawned
    var child: pid_t?
    try waitUntil("the process \(command[0]) has an id", milliseconds: Self.startMilliseconds) {
      child = Self.number(in: pidFile)
      return child != nil
    }
    pid = child!
  }

  deinit { end() }

  package func signal(_ number: Int32) {
    if !isReaped { kill(pid, number) }
  }

  /// Whether the child has ended.
  package func hasEnded() -> Bool {
    if isReaped { return true }
    var status: Int32 = 0
    guard waitpid(shell, &status, WNOHANG) == shell else { return false }
    isReaped = true
    Glibc.close(lifeline)
    return true
  }

  /// SIGKILL, and waits for the end.
  package func end() {
    guard !isReaped else { return }
    kill(pid, SIGKILL)
    var status: Int32 = 0
    waitpid(shell, &status, 0)
    isReaped = true
    Glibc.close(lifeline)
  }

  private static func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }

  private static func number(in path: String) -> pid_t? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { Glibc.close(file) }
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = read(file, &bytes, bytes.count)
    guard count > 0 else { return nil }
    return pid_t(String(decoding: bytes[0..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
  }
}
