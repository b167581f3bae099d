import Glibc

/// A program that this one started, in a process group of its own: a Ctrl-C in the terminal is not for it.
package struct ChildProcess {
  let pid: pid_t

  /// - Parameters:
  ///   - environment: instead of this process's own.
  ///   - log: a file that takes what the program prints; it is appended to, and nobody else reads it.
  ///   - input: a descriptor that it reads; nothing unless given.
  ///   - output: a descriptor that takes its standard output instead of the log.
  package init(
    _ path: String, _ arguments: [String], environment: [String: String]? = nil, log: String, input: Int32? = nil,
    output: Int32? = nil
  ) throws(ClusterError) {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, output ?? 2, 1)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    posix_spawnattr_setpgroup(&attributes, 0)
    // What this process blocks or ignores, another must not inherit.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)

    var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
    var envp: [UnsafeMutablePointer<CChar>?] = (environment ?? [:]).map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    var pid = pid_t()
    let error =
      environment == nil
      ? posix_spawn(&pid, path, &actions, &attributes, &argv, environ)
      : posix_spawn(&pid, path, &actions, &attributes, &argv, &envp)
    guard error == 0 else { throw .cannotRun(path, String(cString: strerror(error))) }
    self.pid = pid
  }

  /// The exit status once it has ended; nil while it runs. To be called until it has.
  package func poll() -> Int32? {
    var status: Int32 = 0
    return waitpid(pid, &status, WNOHANG) == pid ? status : nil
  }

  /// Looks every few milliseconds, for at most so long.
  func wait(seconds: Int) -> Int32? {
    let deadline = Deadline(seconds: seconds)
    while !deadline.hasPassed {
      if let status = poll() { return status }
      usleep(ChildProcess.pollMicroseconds)
    }
    return nil
  }

  static let pollMicroseconds: UInt32 = 5000

  package func send(_ signal: Int32) { _ = kill(pid, signal) }
}
