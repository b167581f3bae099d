import Events
import Glibc
import Service

/// What the demo shows, gathered at one moment.
struct DemoSnapshot {
  var sent: Int64 = 0
  var status: DatabaseStatus?
  /// A second, over the last few.
  var sentRate = 0.0
  var journalRate = 0.0
  var foldRate = 0.0
  var trends: [DemoQueries.Trend] = []
  var stacks: [DemoQueries.Stack] = []
  var models: [DemoQueries.Model] = []
  /// The newest last.
  var derived: [DemoQueries.Derived] = []
  var derivedCount = 0
  var isHeld = false

  var journaled: Int64 { status?.journalPosition ?? 0 }
  var folded: Int64 { status?.projections.map(\.position).min() ?? 0 }
  var read: Int64 { status?.partitions.reduce(0) { $0 + $1.position } ?? 0 }
}

/// The live screen and the summary.
struct DemoView {
  private static let width = 100
  private static let derivedLines = 8
  private static let fewestDerivedLines = 3

  let title: String
  /// Whether headings are bold: not where NO_COLOR (no-color.org) is set.
  private let isPlain = getenv("NO_COLOR").map { $0[0] != 0 } ?? false

  init(title: String) { self.title = title }

  /// A screenful, cleared and drawn anew. Where the terminal is low, models go first, then stacks, then trends.
  func screen(_ snapshot: DemoSnapshot) -> String {
    let (columns, rows) = terminalSize() ?? (Self.width, 60)
    let head = [Self.bold(title), ""] + figures(snapshot)
    let end = ["", "Ctrl-C ends it and leaves nothing behind."]
    var tables = Self.tables(snapshot)
    func height() -> Int { head.count + end.count + 2 + tables.reduce(0) { $0 + $1.count + 1 } }
    while height() + Self.fewestDerivedLines > rows, !tables.isEmpty { tables.removeLast() }
    let derivedLines = min(Self.derivedLines, max(rows - height(), 0))
    var lines = head
    for table in tables { lines += [""] + table }
    lines += ["", Self.bold("Derived events on Kafka (\(snapshot.derivedCount) so far)")]
    if snapshot.derived.isEmpty { lines.append("  none yet") }
    for event in snapshot.derived.suffix(derivedLines) { lines.append("  \(event.line)") }
    lines += end
    let body = lines.prefix(rows).map { line in
      (isPlain ? Self.plain(line).prefix(columns).description : Self.cut(line, columns)) + "\u{1B}[K"
    }
    return "\u{1B}[H" + body.joined(separator: "\r\n") + "\u{1B}[J"
  }

  private static func bold(_ text: String) -> String { "\u{1B}[1m\(text)\u{1B}[0m" }

  /// The end of a run without a terminal.
  func summary(_ snapshot: DemoSnapshot) -> String {
    var lines = [title, ""] + figures(snapshot)
    if let status = snapshot.status {
      for projection in status.projections {
        lines.append("  \(projection.name): position \(projection.position), \(projection.state)")
      }
      let duplicates = status.partitions.reduce(0) { $0 + $1.duplicates }
      let letters = status.partitions.reduce(0) { $0 + $1.deadLetters }
      lines.append("  duplicates \(duplicates), dead letters \(letters)")
    }
    lines.append("")
    lines += Self.tables(snapshot).joined(separator: [""]).map(Self.plain)
    lines += ["", "Derived events on Kafka: \(snapshot.derivedCount)"]
    for event in snapshot.derived.suffix(Self.derivedLines) { lines.append("  \(event.line)") }
    return lines.joined(separator: "\n") + "\n"
  }

  private func figures(_ snapshot: DemoSnapshot) -> [String] {
    func row(_ name: String, _ count: Int64, _ rate: Double, _ more: String) -> String {
      "  " + Self.left(name, 12) + Self.right(Self.grouped(count), 12) + Self.right("\(Int(rate.rounded()))/s", 10)
        + "   " + more
    }
    let lag = max(0, snapshot.sent - snapshot.read)
    let watermark = snapshot.status?.watermark.map { "watermark \($0.rfc3339)" } ?? ""
    let relay = snapshot.status.map { "relay \($0.relay.state), \($0.relay.behind) waiting" } ?? ""
    return [
      row("sent", snapshot.sent, snapshot.sentRate, snapshot.isHeld ? "held back: the daemon catches up" : ""),
      row("journaled", snapshot.journaled, snapshot.journalRate, "lag \(lag)"),
      row(
        "folded", snapshot.folded, snapshot.foldRate,
        "behind \(max(0, snapshot.journaled - snapshot.folded)); \(watermark)"),
      "  " + relay,
    ]
  }

  /// Trends, stacks and models.
  private static func tables(_ snapshot: DemoSnapshot) -> [[String]] {
    var trends = [
      bold(
        left("Top trends", 24) + right("30 days", 9) + right("before", 9) + right("change", 10) + right("people", 9)
          + right("success", 10))
    ]
    if snapshot.trends.isEmpty { trends.append("  none with ten people yet") }
    for trend in snapshot.trends {
      let change = trend.percentage.map { "\($0 >= 0 ? "+" : "")\(Int($0.rounded())) %" } ?? "-"
      let success = trend.successRate.map { "\(Int(($0 * 100).rounded())) %" } ?? "-"
      trends.append(
        "  " + left("\(trend.arrow) \(trend.name)", 22) + right("\(trend.usage)", 9) + right("\(trend.previous)", 9)
          + right(change, 10) + right("\(trend.people)", 9) + right(success, 10))
    }
    var stacks = [bold(left("Top stacks", 62) + right("projects", 9))]
    if snapshot.stacks.isEmpty { stacks.append("  none with ten people yet") }
    for stack in snapshot.stacks { stacks.append("  " + left(stack.technologies, 60) + right("\(stack.usage)", 9)) }
    var models = [bold(left("Models", 34) + right("requests", 10) + right("p95 ms", 10) + right("USD", 12))]
    for model in snapshot.models {
      let p95 = model.p95.map { "\(Int($0.rounded()))" } ?? "-"
      models.append(
        "  " + left(model.name, 32) + right("\(model.requests)", 10) + right(p95, 10) + right(model.cost, 12))
    }
    return [trends, stacks, models]
  }

  private static func left(_ text: String, _ width: Int) -> String {
    let text = String(text.prefix(width))
    return text + String(repeating: " ", count: width - text.count)
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private static func grouped(_ value: Int64) -> String {
    var text = ""
    for (index, digit) in String(value).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  private static func cut(_ line: String, _ columns: Int) -> String {
    line.hasPrefix("\u{1B}") ? bold(String(plain(line).prefix(columns))) : String(line.prefix(columns))
  }

  private static func plain(_ line: String) -> String {
    var text = ""
    var rest = line[...]
    while let character = rest.popFirst() {
      if character == "\u{1B}" {
        rest = rest.drop { $0 != "m" }.dropFirst()
      } else {
        text.append(character)
      }
    }
    return text
  }
}
