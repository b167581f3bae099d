import Glibc
import Service

/// Another run of this program, in a process group of its own: a Ctrl-C in the terminal is for the demo, which then ends it.
final class DemoProcess {
  private let pid: pid_t
  private var status: Int32?
  private static let pollNanoseconds: Int64 = 5_000_000

  /// - Parameters:
  ///   - log: a file that takes what the program says on standard error.
  ///   - output: the descriptor that becomes its standard output; nil for the log.
  init(_ arguments: [String], log: String, output: Int32? = nil) throws(CommandFailure) {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, output ?? 2, 1)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    posix_spawnattr_setpgroup(&attributes, 0)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)

    // The demo's own configuration is complete: whatever is configured here for another Pleat is not for it.
    let environment = processEnvironment().filter { !$0.key.hasPrefix("PLEAT_") }.map { "\($0.key)=\($0.value)" }
    let path = Installation.ownPath()
    var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
    var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
    defer { for text in argv + envp { free(text) } }
    var pid = pid_t()
    let error = posix_spawn(&pid, path, &actions, &attributes, &argv, &envp)
    guard error == 0 else {
      throw CommandFailure(
        .failure, "\(path) \(arguments.first ?? "") cannot be started: \(String(cString: strerror(error))).")
    }
    self.pid = pid
  }

  /// Whether it still runs.
  var isRunning: Bool {
    if status != nil { return false }
    var status: Int32 = 0
    if waitpid(pid, &status, WNOHANG) != pid { return true }
    self.status = status
    return false
  }

  /// Asks it to end, and after so many seconds ends it.
  func stop(seconds: Int64) {
    guard isRunning else { return }
    kill(pid, SIGTERM)
    if !wait(seconds: seconds) {
      kill(pid, SIGKILL)
      _ = wait(seconds: seconds)
    }
  }

  private func wait(seconds: Int64) -> Bool {
    let deadline = SystemClock.monotonicNanoseconds() + seconds * SystemClock.nanosecondsPerSecond
    let pause = Waker()
    while isRunning {
      let now = SystemClock.monotonicNanoseconds()
      if now >= deadline { return false }
      pause.wait(until: min(deadline, now + Self.pollNanoseconds))
    }
    return true
  }
}
