import Glibc

/// Ends a private cluster whose owner died without a word (`kill -9`): a shell that waits at one end of a connection; only the owner
/// has the other, which closes with it.
struct ClusterGuard {
  private static let stopSeconds = 5

  /// The server is the one that the directory names, so that nobody else's process is meant.
  private static let script = """
    read -r _
    file="$1/data/postmaster.pid"
    pid="$(head -n 1 "$file" 2>/dev/null)"
    # Negative while initdb is at work, which ends by itself.
    [ "${pid:-0}" -gt 0 ] && kill -QUIT "$pid"
    tries=0
    while [ -e "$file" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    rm -rf "$1"
    """

  private let process: ChildProcess
  private let writer: Int32

  init(directory: String) throws(ClusterError) {
    var ends: [Int32] = [-1, -1]
    // Another child must not hold an end.
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw .directory(directory, String(cString: strerror(errno)))
    }
    defer { close(ends[0]) }
    do throws(ClusterError) {
      process = try ChildProcess("/bin/sh", ["-c", Self.script, "sh", directory], log: "/dev/null", input: ends[0])
    } catch {
      close(ends[1])
      throw error
    }
    writer = ends[1]
  }

  /// The owner cleans up by itself.
  func dismiss() {
    process.send(SIGKILL)
    _ = process.wait(seconds: Self.stopSeconds)
    close(writer)
  }
}
