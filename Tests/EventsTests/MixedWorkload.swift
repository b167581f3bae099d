import Randomness

@testable import Events

/// A mix of events as the applications send it: random UUIDs as ids of events, projects and sessions, 200,000 people, 20,000
/// teams, 300 technologies by Zipf's law, times that jitter by ten minutes.
struct MixedWorkload {
  private var random: SeededRandom
  private var batch = EventBatch()
  private let teams: [String]
  private let weights: [Double]

  static func make(events: Int, seed: UInt64) -> EventBatch {
    var workload = MixedWorkload(seed: seed)
    for i in 0..<events { workload.append(i) }
    return workload.batch
  }

  private init(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    teams = (0..<20_000).map { _ in Self.uuid(&random) }
    var sum = 0.0
    weights = (1...300).map { rank in
      sum += 1 / Double(rank)
      return sum
    }
    self.random = random
  }

  private static func uuid(_ random: inout SeededRandom) -> String {
    var bytes = random.bytes(16)
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }.joined(separator: "-")
  }

  private mutating func intern(_ string: String) -> Symbol { batch.strings.intern(string) }
  private mutating func uuid() -> Symbol { intern(Self.uuid(&random)) }
  private mutating func team() -> Symbol { intern(teams[random.below(teams.count)]) }

  /// About the lognormal quantities of a real mix: most within a power of ten.
  private mutating func quantity(_ middle: Double) -> Int64 {
    var value = middle
    for _ in 0..<6 { value *= Double(70 + random.below(60)) / 98 }
    return Int64(value)
  }

  private mutating func text(_ string: String) -> Text {
    batch.texts.append(contentsOf: Array(string.utf8))
    return Text(offset: UInt32(batch.texts.count - string.utf8.count), count: UInt32(string.utf8.count))
  }

  private mutating func technologies() -> Range<UInt32> {
    let from = UInt32(batch.technologies.count)
    var chosen: Set<Int> = []
    for _ in 0..<2 + random.below(6) {
      let point = Double(random.below(1 << 30)) / Double(1 << 30) * weights.last!
      let rank = weights.firstIndex { $0 > point }!
      if !chosen.insert(rank).inserted { continue }
      let name = intern(rank < 40 ? "Known\(Character(UnicodeScalar(UInt8(65 + rank % 26))))\(rank)" : "tech-\(rank)")
      batch.technologies.append(TechnologyMention(name: name, category: .none, unknown: .none, isObject: false))
    }
    return from..<UInt32(batch.technologies.count)
  }

  private mutating func append(_ i: Int) {
    let person = random.below(200_000)
    let digits = String(person)
    let user = intern("u-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits)
    let milliseconds = quantity(665)
    let kind = random.below(100)
    let (x, y) = (random.below(1 << 30), random.below(1 << 30))
    let fraction = Int32(random.below(100)) * 10_000
    let (type, source, row, unknown): (EventType, String, Int, Text)
    switch kind {
    case 0..<25:
      let step = x % 8
      batch.wizardStepsCompleted.append(
        WizardStepCompleted(
          userID: user, sessionID: uuid(), step: UInt8(step + 1), stepName: intern("step \(step)"),
          durationMicroseconds: milliseconds * 1000, teamID: team(), projectID: .none))
      (type, source, row, unknown) = (.wizardStepCompleted, "wizard", batch.wizardStepsCompleted.count, .none)
    case 25..<35:
      batch.stacksSelected.append(
        StackSelected(
          userID: user, sessionID: uuid(), technologies: technologies(), projectType: intern("type \(y % 8)"),
          teamID: .none))
      (type, source, row, unknown) = (.stackSelected, "wizard", batch.stacksSelected.count, .none)
    case 35..<50:
      batch.projectsGenerated.append(
        ProjectGenerated(
          projectID: uuid(), userID: user, technologies: technologies(), projectType: intern("type \(y % 8)"),
          teamID: team(), orgID: .none, complexityMillionths: fraction, templateID: .none,
          visibility: Sharing(rawValue: UInt8(y / 8 % 4))))
      (type, source, row, unknown) = (.projectGenerated, "wizard", batch.projectsGenerated.count, .none)
    case 50..<60:
      batch.projectsOpened.append(ProjectOpened(projectID: uuid(), userID: user))
      let team = teams[random.below(teams.count)]
      (type, source, row) = (.projectOpened, "wizard", batch.projectsOpened.count)
      unknown = text("\"team_id\":\"\(team)\"")
    case 60..<70:
      let comment = text("generated in \(milliseconds) ms, would use it again")
      batch.feedbackSubmitted.append(
        FeedbackSubmitted(
          projectID: uuid(), userID: user, success: x % 100 < 72, rating: UInt8(y % 5 + 1), comment: comment))
      (type, source, row, unknown) = (.feedbackSubmitted, "wizard", batch.feedbackSubmitted.count, .none)
    case 70..<80:
      batch.predictionsComputed.append(
        PredictionComputed(
          projectID: uuid(), modelVersion: intern("2026.\(x % 12 + 1).\(y % 4)"), probabilityMillionths: fraction,
          latencyMicroseconds: milliseconds * 1000))
      (type, source, row) = (.predictionComputed, "predictor", batch.predictionsComputed.count)
      unknown = text("\"user_id\":\"\(batch.strings.string(user))\"")
    case 80..<95:
      batch.modelsRouted.append(
        ModelRouted(
          model: intern("model-\(x % 12)"), taskType: intern("task \(x % 5)"),
          complexity: TaskComplexity(rawValue: UInt8(y % 4))!, strategy: RoutingStrategy(rawValue: UInt8(y % 3))!,
          responseTimeMicroseconds: milliseconds * 1000, tokensUsed: quantity(1100),
          costNanodollars: quantity(1800) * 1000, qualityMillionths: fraction, fallback: nil, userID: user,
          teamID: .none, projectID: .none))
      (type, source, row, unknown) = (.modelRouted, "router", batch.modelsRouted.count, .none)
    case 95..<99:
      batch.cacheLookups.append(
        CacheLookup(
          cache: intern("llm-responses"), model: intern("model-\(x % 12)"), tokensSaved: quantity(1100),
          costSavedNanodollars: quantity(1800) * 1000, projectID: uuid()))
      (type, source, row) = (kind < 98 ? .cacheHit : .cacheMiss, "cache", batch.cacheLookups.count)
      unknown = text("\"user_id\":\"\(batch.strings.string(user))\"")
    default:
      let message = text("upstream answered after \(milliseconds) ms and was given up")
      batch.errorsOccurred.append(
        ErrorOccurred(
          component: intern("component \(x % 4)"), severity: .error, code: intern("E\(y % 900 + 100)"),
          message: message, projectID: uuid(), userID: user))
      (type, source, row, unknown) = (.errorOccurred, "ops", batch.errorsOccurred.count, .none)
    }
    let start: Int64 = 1_788_220_800_000_000
    let time = start + Int64(i) * 8_640 + Int64(random.below(600_000)) * 1000
    batch.events.append(
      Event(
        type: type, envelope: .structured, row: UInt32(row - 1), typeName: .none,
        source: intern("/vibeforge/" + source),
        id: uuid(), time: Timestamp(microseconds: time / 1000 * 1000), offset: Int64(i), attributes: .none,
        unknown: unknown))
  }
}
