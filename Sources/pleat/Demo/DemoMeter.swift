import Service

/// Rates over the last frames.
struct DemoMeter {
  private struct Mark {
    var at: Int64
    var sent: Int64
    var journaled: Int64
    var folded: Int64
  }

  private let frames: Int
  private var marks: [Mark] = []

  init(frames: Int) { self.frames = frames }

  mutating func note(_ snapshot: inout DemoSnapshot, at now: Int64) {
    marks.append(Mark(at: now, sent: snapshot.sent, journaled: snapshot.journaled, folded: snapshot.folded))
    if marks.count > frames { marks.removeFirst() }
    if let first = marks.first { set(&snapshot, from: first, at: now) }
  }

  /// Over the whole run, for the summary.
  mutating func overall(_ snapshot: inout DemoSnapshot, from start: Int64) {
    set(&snapshot, from: Mark(at: start, sent: 0, journaled: 0, folded: 0), at: SystemClock.monotonicNanoseconds())
  }

  private func set(_ snapshot: inout DemoSnapshot, from first: Mark, at now: Int64) {
    let seconds = Double(now - first.at) / Double(SystemClock.nanosecondsPerSecond)
    if seconds <= 0 { return }
    snapshot.sentRate = Double(snapshot.sent - first.sent) / seconds
    snapshot.journalRate = Double(snapshot.journaled - first.journaled) / seconds
    snapshot.foldRate = Double(snapshot.folded - first.folded) / seconds
  }
}
