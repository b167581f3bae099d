/// Says once that something does not work, and once that it works again.
struct Outage {
  private var said: String?
  mutating func begin(_ reporter: any Reporter, _ message: String, _ severity: Severity = .warning) {
    if said == message { return }
    said = message
    reporter.report(severity, message)
  }
  mutating func end(_ reporter: any Reporter, _ message: String) {
    if said == nil { return }
    said = nil
    reporter.report(.notice, message)
  }
  var isOn: Bool { said != nil }
}
