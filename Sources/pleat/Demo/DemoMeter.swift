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
  private var sentRate: Double?

  init(frames: Int) { self.frames = frames }

  mutating func note(_ snapshot: inout DemoSnapshot, at now: Int64) {
    marks.append(Mark(at: now, sent: snapshot.sent, journaled: snapshot.journaled, folded: snapshot.folded))
    if marks.count > frames { marks.removeFirst() }
    if let first = marks.first { set(&snapshot, from: first, at: now) }
  }

  /// Nothing more is sent: what follows is waiting for the rest.
  mutating func endOfSending(_ snapshot: DemoSnapshot, from start: Int64) {
    sentRate = rate(snapshot.sent, from: start, to: SystemClock.monotonicNanoseconds())
  }

  /// Over the whole run, for the summary.
  func overall(_ snapshot: inout DemoSnapshot, from start: Int64) {
    set(&snapshot, from: Mark(at: start, sent: 0, journaled: 0, folded: 0), at: SystemClock.monotonicNanoseconds())
    if let sentRate { snapshot.sentRate = sentRate }
  }

  /// A second.
  private func rate(_ count: Int64, from start: Int64, to end: Int64) -> Double {
    Double(count) * Double(SystemClock.nanosecondsPerSecond) / Double(max(end - start, 1))
  }

  private func set(_ snapshot: inout DemoSnapshot, from first: Mark, at now: Int64) {
    if now <= first.at { return }
    snapshot.sentRate = rate(snapshot.sent - first.sent, from: first.at, to: now)
    snapshot.journalRate = rate(snapshot.journaled - first.journaled, from: first.at, to: now)
    snapshot.foldRate = rate(snapshot.folded - first.folded, from: first.at, to: now)
  }
}
