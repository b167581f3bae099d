import CSystemd
import Glibc

/// What systemd is told: ready, a line of status, that we live, that we stop. Without systemd nothing happens.
package struct ServiceManager: Sendable {
  /// How often the watchdog must be fed, in nanoseconds; nil where there is none.
  package let watchdogNanoseconds: Int64?

  package init() {
    var microseconds: UInt64 = 0
    let isEnabled = sd_watchdog_enabled(0, &microseconds) > 0
    watchdogNanoseconds = isEnabled ? Int64(clamping: min(microseconds, UInt64(Int64.max / 1000))) * 1000 : nil
  }

  package func ready() { send("READY=1") }
  /// One line, as `systemctl status` shows it.
  package func status(_ text: String) { send("STATUS=" + text.filter { !$0.isNewline }) }
  package func feedWatchdog() { send("WATCHDOG=1") }
  package func stopping() { send("STOPPING=1") }

  private func send(_ state: String) { sd_notify(0, state) }
}
