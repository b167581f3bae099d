/// Decides whether systemd's watchdog is fed: only while every stage made progress, that is, finished a step within the limit
/// (or its backend is at work, which only the database can say), so a stage that hangs lets the unit be restarted, and a timer
/// that merely runs keeps nothing alive.
package struct Watchdog {
  package enum Verdict: Hashable, Sendable {
    case feed
    /// The stages that hang, with the seconds since their last step.
    case hold([Stuck])
  }

  package struct Stuck: Hashable, Sendable {
    package var stage: String
    package var seconds: Int64
    package init(stage: String, seconds: Int64) { (self.stage, self.seconds) = (stage, seconds) }
  }

  private let limitNanoseconds: Int64

  package init(limitNanoseconds: Int64) { self.limitNanoseconds = limitNanoseconds }

  /// `isAtWork` is asked only about stages past the limit.
  package func judge(_ stages: [StageProgress], now: Int64, isAtWork: (String) -> Bool) -> Verdict {
    let stuck = stages.filter { now - $0.lastStepNanoseconds > limitNanoseconds && !isAtWork($0.name) }
    if stuck.isEmpty { return .feed }
    return .hold(
      stuck.map {
        Stuck(stage: $0.name, seconds: (now - $0.lastStepNanoseconds) / SystemClock.nanosecondsPerSecond)
      })
  }
}
