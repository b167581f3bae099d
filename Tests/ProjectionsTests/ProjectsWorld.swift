import Events
import Randomness

@testable import Projections

/// A small random world of teams, organisations and projects that change their minds, out of order.
struct ProjectsWorld {
  var random: SeededRandom
  var events = 300
  var days = 70
  var users = 30
  var technologies = 6
  var projects = 60
  var teams = 4
  /// In percent: of projects without an organisation, of organisations' changes among the events.
  var unorganised = 30
  var settings = 4
  /// In percent of the events.
  var erasures = 0

  static let start: Int64 = 1_780_000_000_000_000

  /// Whether the second half likes other technologies, and what is built with them better; there is more feedback, and an hour
  /// turns every 12.
  var shifts = false
  private var isShifted = false

  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  mutating func facts() -> [Fact] { (0..<events).map { fact($0) } }

  private mutating func fact(_ index: Int) -> Fact {
    isShifted = shifts && index > events / 2
    let span = Int64(days) * Timestamp.microsecondsPerDay
    var time = Self.start + span * Int64(index) / Int64(events)
    // Late, early, and at the same time as others.
    if random.chance(20) { time -= Int64(random.below(3 * 86_400)) * 1_000_000 }
    if random.chance(50) { time -= time % Timestamp.microsecondsPerDay }
    if shifts { time -= time % (12 * Timestamp.microsecondsPerHour) }
    return Fact(time, what())
  }

  private mutating func id(_ prefix: String, _ count: Int) -> String { "\(prefix)\(random.below(count))" }

  private mutating func level() -> Sharing {
    if shifts, random.chance(80) { return .public }
    return [.none, .team, .org, .public, .public, .public][random.below(6)]
  }

  private mutating func mentions() -> [Mention] {
    if isShifted, random.chance(60) {
      return random.chance(60) ? ["New A", "New B"] : ["New A", "New B", Mention("T\(random.below(technologies))")]
    }
    return oldMentions()
  }

  private mutating func oldMentions() -> [Mention] {
    (0..<1 + random.below(4)).map { _ in
      let name = ["T", "t", "Né "][random.below(3)] + "\(random.below(technologies))"
      return Mention(name, random.chance(20) ? ["category0", "category1", "language"][random.below(3)] : nil)
    }
  }

  private mutating func feedback() -> Fact.What {
    .feedback(project: id("p", projects), success: random.chance(shifts ? (isShifted ? 90 : 15) : 60))
  }

  private mutating func what() -> Fact.What {
    if erasures > 0, random.chance(erasures) { return .erased(user: id("u", users)) }
    if random.chance(settings) {
      return .organisation(
        id("org", 3), learning: random.chance(50) ? random.chance(70) : nil, sharing: random.chance(60) ? level() : nil)
    }
    if shifts, random.chance(50) { return feedback() }
    switch random.below(100) {
    case 0..<35:
      return .generated(
        ProjectFact(
          id: id("p", projects), user: id("u", users), technologies: mentions(), type: id("domain", 3),
          team: random.chance(70) ? id("team", teams) : nil, org: random.chance(unorganised) ? nil : id("org", 3),
          complexity: random.chance(50) ? Int32(random.below(1_000_001)) : nil,
          visibility: random.chance(50) ? level() : nil))
    case 35..<47:
      return feedback()
    case 47..<53:
      return .predicted(
        project: id("p", projects), version: id("v", 2), millionths: Int32(min(random.below(1_100_001), 1_000_000)))
    case 53..<58: return .opened(project: id("p", projects))
    case 58..<68: return .visibility(project: id("p", projects), level())
    case 68..<75:
      return .selected(
        user: id("u", users), technologies: mentions(), team: random.chance(50) ? id("team", teams) : nil)
    case 75..<82: return .wizard(user: id("u", users), team: random.chance(80) ? id("team", teams) : nil)
    case 82..<86:
      return .routed(user: random.chance(50) ? id("u", users) : nil, team: random.chance(80) ? id("team", teams) : nil)
    case 86..<89: return .teamCreated(team: id("team", teams), name: id("name", 5), user: id("u", 6))
    case 89..<98:
      return .member(team: id("team", teams), user: id("u", 6), role: [nil, .admin, .viewer][random.below(3)])
    default: return .unrelated
    }
  }

  /// What every run has.
  static let key = HashKey(k0: 7, k1: 11)
  static let catalog: TechnologyCatalog = {
    do {
      return try TechnologyCatalog(
        version: 1,
        entries: [
          .init(name: "Tee One", category: "language", aliases: ["t1"]),
          .init(name: "T2", category: "database"),
        ])
    } catch {
      fatalError("\(error)")
    }
  }()

  static func projection() -> ProjectsProjection { ProjectsProjection(catalog: catalog, key: key) }
}
