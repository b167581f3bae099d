import Events
import Testing

@testable import Projections

@Suite("The rules of projects")
struct ProjectsRulesTests {
  static let turn = Turn(
    position: 77, watermark: Timestamp(microseconds: 1_791_849_700_000_000),
    previousWatermark: Timestamp(microseconds: 1_791_845_000_000_000))
  /// Everybody in both windows.
  static func everybody(
    projects: Int64 = 2000, current: Int64 = 1000, previous: Int64 = 1000, rate: Rate = Rate(successes: 0, outcomes: 0),
    announced: Rate? = nil, people: Int64 = 10
  ) throws -> EverybodyWindows {
    let row = StoredRow.make {
      $0.bigint(projects)
      $0.bigint(current)
      $0.bigint(previous)
      $0.rate(rate)
      $0.rate(announced)
      $0.bigint(people)
      $0.bigint(0)
      if people < 10 { $0.bigints((0..<people).map { $0 }) } else { $0.null() }
    }
    return try EverybodyWindows.read(at: turn, Answers([row]))
  }
  /// Usage in both windows that makes the direction.
  static func usage(_ direction: TrendDirection) -> (Int64, Int64) {
    switch direction {
    case .up: (200, 100)
    case .stable: (100, 100)
    case .down: (100, 200)
    }
  }

  /// Answers every query with the same rows.
  final class Answers: RowStream {
    let answers: [StoredRow]
    init(_ answers: [StoredRow]) { self.answers = answers }
    func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
      for row in answers { try row.withReader(body) }
    }
    func flush() {}
  }

  // MARK: - Technologies

  struct Technology: Sendable {
    var remembered: TrendDirection?
    var direction: TrendDirection
    var mostPeople: Int64 = 10
    var takenOut: Int64 = 0
    /// How many hashes the union of the days has, where it is looked at.
    var union: Int?
    var remembers: TrendDirection?
    var says: Bool
  }

  @Test(
    "a technology's direction is remembered, and announced where it turns",
    arguments: [
      Technology(remembered: nil, direction: .stable, remembers: .stable, says: false),
      Technology(remembered: nil, direction: .down, remembers: .down, says: false),
      Technology(remembered: nil, direction: .up, remembers: .up, says: true),
      Technology(remembered: .stable, direction: .up, remembers: .up, says: true),
      Technology(remembered: .up, direction: .up, remembers: nil, says: false),
      Technology(remembered: .up, direction: .stable, remembers: .stable, says: true),
      Technology(remembered: .up, direction: .down, remembers: .down, says: true),
      // Too few people in the window: nothing is said, and nothing remembered.
      Technology(remembered: .stable, direction: .up, mostPeople: 9, union: 9, remembers: nil, says: false),
      Technology(remembered: .stable, direction: .up, mostPeople: 9, union: 10, remembers: .up, says: true),
      // An estimate, less the projects taken out: 255·2^64 / (257·2^55 − …) is about 512.
      Technology(
        remembered: .stable, direction: .up, mostPeople: 500, takenOut: 500, union: 257, remembers: .up,
        says: true),
      Technology(
        remembered: .stable, direction: .up, mostPeople: 500, takenOut: 501, union: 257, remembers: nil,
        says: false),
    ])
  func technologies(each: Technology) throws {
    let names = Names()
    let cache = RowCache(TechnologyLayout(names: names))
    let usage = Self.usage(each.direction)
    let row = StoredRow.make {
      $0.text("Swift")
      $0.smallint(each.remembered?.rawValue)
      $0.rate(nil)
      $0.bigint(usage.0)
      $0.bigint(usage.1)
      $0.rate(Rate(successes: 0, outcomes: 0))
      $0.bigint(each.mostPeople)
      $0.bigint(each.takenOut)
      if let union = each.union { $0.bigints((1...union).map { storedHash(UInt64($0) << 55) }) } else { $0.null() }
    }
    let events = try trends([row], TechnologyTrendRule(names: names, technologies: cache), Self.everybody())
    #expect(events.map(\.subject) == (each.says ? ["technology/Swift"] : []))
    #expect(cache.dirtyCount == (each.remembers == nil ? 0 : 1))
    if let remembers = each.remembers {
      cache.update(RowKey(names.intern("Swift"))) {
        $0.merge(onto: TechnologyRow(category: .none, position: 5))
        #expect($0.announcedDirection == remembers && $0.position == 77)
      }
    }
  }

  private func trends(
    _ rows: [StoredRow], _ rule: TechnologyTrendRule, _ everybody: EverybodyWindows
  ) throws -> [DerivedEvent] {
    var events: [DerivedEvent] = []
    try TechnologyWindows.each(at: Self.turn, Answers(rows)) { windows in
      if let event = rule.judge(windows, everybody, at: Self.turn) { events.append(event) }
    }
    return events
  }

  @Test("technology_trend_changed says what the contract says")
  func technologyEvent() throws {
    let names = Names()
    let row = StoredRow.make {
      $0.text("C\"é")
      $0.smallint(nil)
      $0.rate(nil)
      $0.bigint(17)
      $0.bigint(0)
      $0.rate(Rate(successes: 0, outcomes: 0))
      $0.bigint(10)
      $0.bigint(0)
      $0.null()
    }
    let rule = TechnologyTrendRule(names: names, technologies: RowCache(TechnologyLayout(names: names)))
    let events = try trends([row], rule, Self.everybody(current: 583, previous: 518))
    let id = UUIDv5.string(of: #"["technology_trend_changed","technology/C\"é","2026-10-13T00:00:00Z",null]"#)
    #expect(
      events == [
        DerivedEvent(
          topic: .events, subject: "technology/C\"é", id: id, asOf: Timestamp(microseconds: 1_791_849_600_000_000),
          json: #"{"specversion":"1.0","id":""# + id
            + #"","source":"/pleat/projects","type":"technology_trend_changed","subject":"technology/C\"é","#
            + #""time":"2026-10-13T00:00:00Z","datacontenttype":"application/json","data":{"technology":"C\"é","#
            + #""trend_direction":"up","previous_direction":null,"trend_percentage":null,"position":77,"#
            + #""as_of":"2026-10-13T00:00:00Z","sample_size":17}}"#)
      ])
  }

  // MARK: - Stacks

  enum Mark: Sendable {
    case untouched, now, lost
  }

  struct Stack: Sendable {
    var technologies = ["A", "B"]
    var people: Int64 = 10
    var direction: TrendDirection
    /// Microseconds of the watermark since it was last seen `up`; nil: not marked.
    var seenBefore: Int64?
    var mark: Mark
    var says: Bool
  }

  static let hours72: Int64 = 72 * 3_600_000_000

  @Test(
    "a combination is announced when it begins to trend, and again only after 72 hours without",
    arguments: [
      Stack(direction: .up, seenBefore: nil, mark: .now, says: true),
      Stack(direction: .stable, seenBefore: nil, mark: .untouched, says: false),
      Stack(direction: .up, seenBefore: 3_600_000_000, mark: .now, says: false),
      Stack(direction: .up, seenBefore: hours72 * 2, mark: .now, says: false),
      Stack(direction: .stable, seenBefore: hours72 - 1, mark: .untouched, says: false),
      Stack(direction: .stable, seenBefore: hours72, mark: .lost, says: false),
      Stack(direction: .down, seenBefore: hours72, mark: .lost, says: false),
      // Too few people is without.
      Stack(people: 9, direction: .up, seenBefore: nil, mark: .untouched, says: false),
      Stack(people: 9, direction: .up, seenBefore: hours72 - 1, mark: .untouched, says: false),
      Stack(people: 9, direction: .up, seenBefore: hours72, mark: .lost, says: false),
      Stack(technologies: ["A"], direction: .up, seenBefore: nil, mark: .untouched, says: false),
    ])
  func stacks(each: Stack) throws {
    let (events, cache, names, stacks) = try run([each])
    #expect(events.map(\.subject) == (each.says ? [#"stack/["A","B"]"#] : []))
    #expect(cache.dirtyCount == (each.mark == .untouched ? 0 : 1))
    if each.mark == .untouched { return }
    var stored = StackRow(isPartial: false)
    stored.trendingSeenAt = Timestamp(microseconds: 1)
    cache.update(StackLayout.key(stacks.intern(each.technologies.map { names.intern($0) }))) {
      $0.merge(onto: stored)
      #expect($0.trendingSeenAt == (each.mark == .now ? Self.turn.watermark : nil) && $0.position == 77)
    }
  }

  @Test("popular_stack_trending comes in the order of its subjects, and says what the contract says")
  func stackEvents() throws {
    let (events, _, _, _) = try run([
      Stack(technologies: ["B", "Z"], direction: .up, mark: .now, says: true),
      Stack(technologies: ["A", "C"], direction: .up, mark: .now, says: true),
      Stack(technologies: ["A", "B"], direction: .up, mark: .now, says: true),
    ])
    #expect(events.map(\.subject) == [#"stack/["A","B"]"#, #"stack/["A","C"]"#, #"stack/["B","Z"]"#])
    let json = try #require(events.first).json
    #expect(
      json.hasSuffix(
        #""data":{"technologies":["A","B"],"usage_count":200,"previous_usage_count":100,"trend_percentage":100,"#
          + #""position":77,"as_of":"2026-10-13T00:00:00Z","sample_size":200}}"#))
    #expect(
      events.first?.id
        == UUIDv5.string(of: #"["popular_stack_trending","stack/[\"A\",\"B\"]","2026-10-13T00:00:00Z",null]"#))
  }

  private func run(_ each: [Stack]) throws -> ([DerivedEvent], RowCache<StackLayout>, Names, StackTable) {
    let names = Names()
    let stacks = StackTable(names)
    let cache = RowCache(StackLayout(names: names, stacks: stacks))
    let rows = each.map { stack in
      StoredRow.make {
        $0.texts(stack.technologies)
        $0.bigint(stack.people)
        $0.timestamptz(
          stack.seenBefore.map { Timestamp(microseconds: Self.turn.watermark.microseconds - $0) })
        $0.bigint(Self.usage(stack.direction).0)
        $0.bigint(Self.usage(stack.direction).1)
      }
    }
    let rule = PopularStackRule(names: names, stacks: stacks, combinations: cache)
    return (try rule.run(at: Self.turn, Self.everybody(), Answers(rows)), cache, names, stacks)
  }
}
