import Engine
import Events
import Postgres
import Projections

/// What `wizard_now` showed of a step at each turn of the day, and shows now, with the event of each session that counts.
///
/// No fold is needed: of each session the newest completed step counts, by (event time, position), if that is no older than 30 minutes
/// before the watermark. Sessions older than that can never count again without a newer event, so only the others are kept.
struct WizardNowHistory {
  /// Old sessions are dropped when there are twice as many as after the last time, and at least so many.
  private static let fewestDropped = 10_000

  private struct Newest {
    var time: Timestamp
    var position: Int64
    /// nil where it is another step.
    var touch: ExplainRun.Touch?
  }

  private let key: HashKey
  private let journal: JournalReadAhead
  private let withContent: Bool

  init(_ key: HashKey, _ journal: JournalReadAhead, withContent: Bool) {
    (self.key, self.journal, self.withContent) = (key, journal, withContent)
  }

  /// The row as it was at the position `end`, and where to go on if it has more versions than `limit`.
  /// - Parameter turns: what the view showed at each turn of the day.
  func rows(step: UInt8, turns: [RowHistory.Version], through end: Int64, from: Int64, limit: Int) throws
    -> (rows: [ExplainRun.Row], next: Int64?)
  {
    var versions = turns.filter { $0.position >= from }
    let next = RowHistory.next(versions.map(\.position) + (end >= from ? [end] : []), limit: limit)
    if let next { versions.removeAll { $0.position >= next } }
    if versions.isEmpty, next != nil || end < from { return ([], next) }
    let last = next == nil ? end : versions.last?.position ?? end
    var touches: [[ExplainRun.Touch]] = []
    var sessions: [UInt64: Newest] = [:]
    var dropAt = Self.fewestDropped
    var greatest = Timestamp(microseconds: 0)
    var hasher = PersonHasher(key: key)
    var position: Int64 = 0
    var shown = 0
    var line = ProgressLine()
    defer { line.end() }
    let began = SystemClock.monotonicNanoseconds()

    func counting(_ watermark: Int64) throws -> [ExplainRun.Touch] {
      let counting = sessions.values.compactMap { newest in
        newest.time.microseconds >= watermark - wizardSessionMicroseconds ? newest.touch : nil
      }
      shown += counting.count
      if shown > ExplainRun.touchLimit { throw FoundTouches.tooMany }
      return counting.sorted { $0.position < $1.position }
    }

    while position < last {
      guard let batch = try journal.batch(after: position) else { throw ExplainRun.ends(position, last) }
      hasher.reset(for: batch.events)
      let end = min(batch.lastPosition, last)
      for at in position + 1...end {
        let event = batch.events.events[Int(at - batch.firstPosition)]
        if touches.count < versions.count, versions[touches.count].position == at {
          touches.append(try counting(versions[touches.count].watermark?.microseconds ?? .max))
        }
        greatest = max(greatest, event.time)
        guard event.type == .wizardStepCompleted else { continue }
        let completed = batch.events.wizardStepsCompleted[Int(event.row)]
        let session = hasher.hash(completed.sessionID, in: batch.events)
        if let known = sessions[session], (known.time, known.position) > (event.time, at) { continue }
        sessions[session] = Newest(
          time: event.time, position: at,
          touch: completed.step == step ? ExplainRun.touch(at, batch, withContent: withContent) : nil)
        guard sessions.count >= dropAt else { continue }
        let oldest = greatest.microseconds - watermarkLagMicroseconds - wizardSessionMicroseconds
        sessions = sessions.filter { $0.value.time.microseconds >= oldest }
        dropAt = max(sessions.count * 2, Self.fewestDropped)
      }
      position = end
      line.show("the journal is searched", done: end, of: last, perSecond: ProgressLine.rate(end, since: began))
    }
    if next == nil {
      let now = try counting(greatest.microseconds - watermarkLagMicroseconds)
      versions.append(
        RowHistory.Version(
          turn: nil, watermark: nil, appendedAt: nil, position: last, values: [("sessions", "\(now.count)")]))
      touches.append(now)
    }
    let row = ExplainRun.Row(
      history: RowHistory.Row(
        table: "wizard_sessions", key: [RowDifference.Pair(column: "step", value: "\(step)")],
        before: turns.last { $0.position < from }, versions: versions),
      touches: [], touchesOfVersions: touches)
    return ([row], next)
  }
}
