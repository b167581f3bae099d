import Randomness

@testable import Events
@testable import Projections

/// An event of the projection `activity`, as a test writes it.
struct ActivityFact {
  enum What {
    case step(UInt8, session: String, durationMicroseconds: Int64? = nil)
    case lookup(cache: String, isHit: Bool, tokens: Int64? = nil, nanodollars: Int64? = nil)
    case error(component: String, ErrorSeverity)
    case other
  }

  /// In microseconds.
  var time: Int64
  var what: What

  init(_ time: Int64, _ what: What) { (self.time, self.what) = (time, what) }

  /// Of a small world, so that rows meet: within three hours on either side of `around`.
  static func random(_ random: inout SeededRandom, around: Int64) -> Self {
    let time = around + Int64(random.below(360) - 180) * 60_000_000
    switch random.below(10) {
    case 0: return Self(time, .other)
    case 1, 2:
      return Self(
        time,
        .lookup(
          cache: ["a", "é"][random.below(2)], isHit: random.chance(50),
          tokens: random.chance(50) ? Int64(random.below(1000)) : nil,
          nanodollars: random.chance(50) ? Int64(random.below(1_000_000_000)) : nil))
    case 3, 4:
      return Self(
        time,
        .error(component: "part \(random.below(3))", [.info, .warning, .error, .critical][random.below(4)]))
    default:
      return Self(
        time,
        .step(
          UInt8(1 + random.below(4)), session: "session \(random.below(40))",
          durationMicroseconds: random.chance(70) ? Int64(random.below(3_000_000)) >> Int64(random.below(20)) : nil))
    }
  }
}

extension EventBatch {
  init(activity facts: some Collection<ActivityFact>) {
    self.init()
    for fact in facts { append(fact) }
  }

  private mutating func append(_ fact: ActivityFact) {
    var (type, row) = (EventType.other, 0)
    switch fact.what {
    case .step(let step, let session, let duration):
      (type, row) = (.wizardStepCompleted, wizardStepsCompleted.count)
      wizardStepsCompleted.append(
        WizardStepCompleted(
          userID: strings.intern("user"), sessionID: strings.intern(session), step: step, stepName: .none,
          durationMicroseconds: duration, teamID: .none, projectID: .none))
    case .lookup(let cache, let isHit, let tokens, let nanodollars):
      (type, row) = (isHit ? .cacheHit : .cacheMiss, cacheLookups.count)
      cacheLookups.append(
        CacheLookup(
          cache: strings.intern(cache), model: .none, tokensSaved: tokens, costSavedNanodollars: nanodollars,
          projectID: .none))
    case .error(let component, let severity):
      (type, row) = (.errorOccurred, errorsOccurred.count)
      errorsOccurred.append(
        ErrorOccurred(
          component: strings.intern(component), severity: severity, code: .none, message: .none, projectID: .none,
          userID: .none))
    case .other: break
    }
    events.append(
      Event(
        type: type, envelope: .bare, row: UInt32(row), typeName: .none, source: strings.intern("bare"), id: .none,
        time: Timestamp(microseconds: fact.time), offset: Int64(events.count), attributes: .none, unknown: .none))
  }
}

/// The rows of projection `activity`, and the function of the owner that its turns call.
final class ActivityStore: MemoryStore {
  static let key = HashKey(k0: 3, k1: 4)

  override func keyColumns(_ table: String) -> Int {
    switch table {
    case "wizard_activity", "wizard_sketches", "cache_stats": 2
    case "wizard_sessions": 1
    case "errors": 3
    default: super.keyColumns(table)
    }
  }

  /// A session's hash is a signed integer to PostgreSQL.
  override func sortKey(_ table: String, _ column: [UInt8]) -> [UInt8] {
    table == "wizard_sessions" ? [column[0] ^ 0x80] + column[1...] : column
  }

  /// As both tables' `load` selects them: without the count of sessions, and with their sketch.
  override func load(_ table: String, _ key: Key) -> StoredRow? {
    guard table == "wizard_activity" || table == "wizard_sketches" else { return row(table, key) }
    guard let row = row("wizard_activity", key) else { return nil }
    let sketch = self.row("wizard_sketches", key).map { Array($0.fields[2...]) }
    return StoredRow(fields: Array(row.fields[..<3]) + Array(row.fields[4...]) + (sketch ?? [nil, nil, nil, nil]))
  }

  override func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    guard sql == ActivityProjection.endSessions, case .timestamptz(let watermark)? = parameters.first else {
      return try super.rows(sql, parameters, body)
    }
    let limit = watermark.microseconds - wizardSessionMicroseconds
    for row in rows(of: "wizard_sessions") where row.time(2)! < limit {
      remove("wizard_sessions", [row.fields[0]!])
    }
  }
}
