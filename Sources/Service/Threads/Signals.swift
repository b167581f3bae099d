import Glibc

/// The signals of the process, taken one after the other by the thread that waits for them.
package struct Signals {
  private var set = sigset_t()

  /// Blocks SIGTERM, SIGINT and SIGHUP (but where it is ignored, as under `nohup`) for this thread and those it starts from now on,
  /// and ignores SIGPIPE: a peer that went away is an error of a call, not the end of the process.
  package init() {
    sigemptyset(&set)
    for signal in [SIGTERM, SIGINT] { sigaddset(&set, signal) }
    if !Self.isIgnored(SIGHUP) { sigaddset(&set, SIGHUP) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    signal(SIGPIPE, SIG_IGN)
  }

  package static func isIgnored(_ signal: Int32) -> Bool {
    var action = sigaction()
    sigaction(signal, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// The next signal, waiting for at most so long; nil if none came.
  package mutating func next(within nanoseconds: Int64) -> Int32? {
    var timeout = timespec()
    timeout.tv_sec = Int(nanoseconds / SystemClock.nanosecondsPerSecond)
    timeout.tv_nsec = Int(nanoseconds % SystemClock.nanosecondsPerSecond)
    let signal = sigtimedwait(&set, nil, &timeout)
    return signal > 0 ? signal : nil
  }
}
