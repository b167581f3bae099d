import Glibc
import Service

/// A terminal on which a screen is drawn again and again, and keys are read as they are pressed.
struct Terminal {
  /// nil where standard input is no terminal.
  init?() {
    var settings = termios()
    guard isatty(STDIN_FILENO) == 1, tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
    let before = settings
    // Ctrl-C comes as a key too, so that the terminal is always left as it was.
    settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
    let isSet = withoutEnding {
      guard tcsetattr(STDIN_FILENO, TCSANOW, &settings) == 0 else { return false }
      (settingsBefore, isTaken) = (before, true)
      for number in endings where !Signals.isIgnored(number) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = giveBackAndEnd
        action.sa_mask = endingMask()
        sigaction(number, &action, nil)
      }
      return true
    }
    if !isSet { return nil }
    // The other screen, without a cursor.
    write("\u{1B}[?1049h\u{1B}[?25l")
  }

  func restore() {
    fflush(nil)
    withoutEnding { giveBack() }
  }

  /// Draws lines from the top, cut to the terminal's size.
  func draw(_ text: String) {
    let (columns, rows) = terminalSize() ?? (100, 30)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    // The last line says how it ends.
    if lines.count > rows, let last = lines.last { lines = lines.prefix(rows - 1) + [last] }
    write("\u{1B}[H" + lines.map { $0.prefix(columns) + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
  }

  /// Waits so long for a key; true for `q`, Ctrl-C and Ctrl-D, and where the terminal is gone.
  func isAskedToEnd(withinNanoseconds time: Int64) -> Bool {
    let deadline = SystemClock.monotonicNanoseconds() + time
    while true {
      let left = deadline - SystemClock.monotonicNanoseconds()
      if left <= 0 { return false }
      var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      let ready = poll(&descriptor, 1, Int32(left / 1_000_000) + 1)
      if ready == 0 || (ready < 0 && errno == EINTR) { continue }
      var key: UInt8 = 0
      guard ready > 0, read(STDIN_FILENO, &key, 1) == 1 else { return true }
      if [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3, 4].contains(key) { return true }
    }
  }

  private func write(_ text: String) {
    print(text, terminator: "")
    fflush(nil)
  }
}

// MARK: - Signals that end the process

/// Of the one terminal that a process has, for the handler of a signal.
nonisolated(unsafe) private var settingsBefore = termios()
nonisolated(unsafe) private var isTaken = false

private let endings = [SIGTERM, SIGHUP, SIGINT, SIGQUIT]

private func endingMask() -> sigset_t {
  var mask = sigset_t()
  sigemptyset(&mask)
  for number in endings { sigaddset(&mask, number) }
  return mask
}

/// Signals come before or behind it.
private func withoutEnding<Result>(_ body: () -> Result) -> Result {
  var (mask, before) = (endingMask(), sigset_t())
  pthread_sigmask(SIG_BLOCK, &mask, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  return body()
}

/// Async-signal-safe; not to be interrupted by another ending.
private func giveBack() {
  guard isTaken else { return }
  // Also where somebody has stopped the output.
  tcflow(STDOUT_FILENO, TCOON)
  var settings = settingsBefore
  tcsetattr(STDIN_FILENO, TCSANOW, &settings)
  // The cursor, and the screen as it was.
  let screen: StaticString = "\u{1B}[?25h\u{1B}[?1049l"
  _ = write(STDOUT_FILENO, screen.utf8Start, screen.utf8CodeUnitCount)
  isTaken = false
}

private func giveBackAndEnd(_ number: Int32) {
  giveBack()
  signal(number, SIG_DFL)
  // Held back until the handler returns.
  raise(number)
}
