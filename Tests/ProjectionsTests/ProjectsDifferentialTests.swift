import Events
import Randomness
import Testing

@testable import Projections

@Suite("The rows of projects, however they come about")
struct ProjectsDifferentialTests {
  struct Outcome {
    var store: ProjectsStore
    var derived: [DerivedEvent]
  }

  static func run(_ facts: [Fact], _ borders: Borders) throws -> Outcome {
    var projection = ProjectsWorld.projection()
    let store = ProjectsStore(projection.tables)
    let derived = try ProjectionsTests.run(facts, &projection, store, borders)
    return Outcome(store: store, derived: derived)
  }

  static func slow(_ facts: [Fact]) -> [String: String] {
    var slow = SlowProjects(key: ProjectsWorld.key, catalog: ProjectsWorld.catalog)
    for (index, fact) in facts.enumerated() { slow.apply(fact, index + 1) }
    return slow.rows()
  }

  /// The slow fold leaves out rows with nothing in them.
  static func isEmpty(_ row: String) -> Bool {
    row.allSatisfy { "0 ".contains($0) } || row == "0 0 0 0 0 0 0 [] [] false"
  }

  static func compare(_ facts: [Fact], _ store: ProjectsStore, _ comment: Comment) {
    let (expected, actual) = (slow(facts), store.described())
    // A sketch in which nobody ever was has no row: the one project of its day that came back was an erased person's.
    for (key, row) in expected where actual[key] != nil || row != "[] [] false" {
      #expect(actual[key] == row, "\(key), \(comment)")
    }
    for (key, row) in actual where expected[key] == nil { #expect(isEmpty(row), "\(key), \(comment)") }
  }

  @Test("a random world's rows are what a slow fold says", arguments: 1...8)
  func slowFold(seed: Int) throws {
    var world = ProjectsWorld(seed: UInt64(seed))
    let facts = world.facts()
    let outcome = try Self.run(facts, .oneGo)
    Self.compare(facts, outcome.store, "seed \(seed)")
  }

  @Test("more than 256 people are an estimate for good, as the slow fold says", arguments: 1...2)
  func estimates(seed: Int) throws {
    var world = ProjectsWorld(seed: UInt64(seed))
    (world.events, world.days, world.users, world.technologies) = (5000, 1, 900, 1)
    (world.projects, world.settings, world.unorganised) = (9000, 1, 80)
    let facts = world.facts()
    let outcome = try Self.run(facts, .oneGo)
    #expect(outcome.store.rows(of: "technology_people").contains { $0.integer(4) == 1 })
    #expect(outcome.store.rows(of: "technology_usage").contains { $0.integer(7)! > 0 })
    Self.compare(facts, outcome.store, "seed \(seed)")
    let cut = try Self.run(facts, Borders(random: SeededRandom(seed: UInt64(seed)), batch: 200, cut: 2))
    #expect(cut.store.tables == outcome.store.tables, "seed \(seed)")
  }

  @Test("the rows are the same, byte for byte, whatever the borders, flushes and evictions", arguments: 1...8)
  func borders(seed: Int) throws {
    var world = ProjectsWorld(seed: UInt64(seed) + 1000)
    let facts = world.facts()
    let whole = try Self.run(facts, .oneGo)
    var random = SeededRandom(seed: UInt64(seed))
    for _ in 0..<4 {
      let borders = Borders(
        random: SeededRandom(seed: random.next()), batch: 1 + random.below(80), cut: random.below(40),
        flush: random.below(100), evict: random.below(100), bytes: 0...(1 + random.below(200_000)),
        assumesEmpty: random.chance(50))
      let cut = try Self.run(facts, borders)
      for table in whole.store.tables.keys {
        #expect(cut.store.tables[table] == whole.store.tables[table], "\(table), seed \(seed), \(borders)")
      }
      #expect(cut.derived == whole.derived, "seed \(seed), \(borders)")
    }
  }

  @Test("derived events are the same whatever the borders, flushes and evictions", arguments: 1...2)
  func derivedEvents(seed: Int) throws {
    var world = ProjectsWorld(seed: UInt64(seed) + 2000)
    (world.events, world.days, world.users, world.technologies) = (1600, 40, 40, 1)
    (world.projects, world.teams, world.settings, world.shifts) = (400, 1, 1, true)
    let facts = world.facts()
    let whole = try Self.run(facts, .oneGo)
    let types = [
      "technology_trend_changed", "popular_stack_trending", "success_rate_changed", "new_pattern_detected",
    ]
    for type in types {
      #expect(whole.derived.contains { $0.json.contains(#""type":"\#(type)""#) }, "\(type), seed \(seed)")
    }
    for scope in ["everybody", "technology/", "team/"] {
      #expect(
        whole.derived.contains { $0.json.contains("success_rate_changed") && $0.subject.hasPrefix(scope) },
        "\(scope), seed \(seed)")
    }
    let borders = Borders(
      random: SeededRandom(seed: UInt64(seed)), batch: 100, cut: 5, flush: 30, evict: 30, bytes: 0...400_000,
      assumesEmpty: seed == 1)
    let cut = try Self.run(facts, borders)
    #expect(cut.derived == whole.derived, "seed \(seed)")
    #expect(cut.store.tables == whole.store.tables, "seed \(seed)")
  }

  @Test("an organisation of more projects than a page changes its mind for all of them")
  func pages() throws {
    var facts: [Fact] = []
    let count = ProjectLayout.pageRows * 2 + 1
    for index in 0..<count {
      let project = ProjectFact(
        id: "p\(index)", user: "u\(index % 40)", technologies: ["A", "B"], team: "team", org: "org", complexity: nil,
        visibility: nil)
      facts.append(Fact(ProjectsWorld.start, .generated(project)))
    }
    facts.append(Fact(ProjectsWorld.start, .organisation("org", learning: nil, sharing: .team)))
    let hidden = try Self.run(facts, Borders(random: SeededRandom(seed: 1), batch: 500, cut: 1))
    #expect(hidden.store.rows(of: "project_days").map { $0.integer(1) } == [0])
    #expect(hidden.store.rows(of: "team_stats").map { $0.integer(5) } == [Int64(count)])
    facts.append(Fact(ProjectsWorld.start, .organisation("org", learning: nil, sharing: .org)))
    facts.append(Fact(ProjectsWorld.start + 1, .organisation("org", learning: false, sharing: .public)))
    let off = try Self.run(facts, .oneGo)
    #expect(off.store.rows(of: "team_stats").map { $0.integer(5) } == [0])
    facts.append(Fact(ProjectsWorld.start + 2, .organisation("org", learning: true, sharing: nil)))
    let back = try Self.run(facts, Borders(random: SeededRandom(seed: 2), batch: 500, cut: 1))
    #expect(back.store.rows(of: "project_days").map { $0.integer(1) } == [Int64(count)])
    Self.compare(facts, back.store, "pages")
  }

  @Test("however many technologies an organisation's projects have, few changed rows wait to be written")
  func boundedPages() throws {
    var random = SeededRandom(seed: 1)
    var facts = (0..<16).map { index in
      let project = ProjectFact(
        id: "p\(index)", user: "u\(index)", technologies: (0..<64).map { _ in Mention("t\(random.below(1000))") },
        team: "team", org: "org", complexity: nil, visibility: nil)
      return Fact(ProjectsWorld.start, .generated(project))
    }
    facts.append(Fact(ProjectsWorld.start, .organisation("org", learning: nil, sharing: Sharing.none)))
    facts.append(Fact(ProjectsWorld.start + 1, .organisation("org", learning: nil, sharing: .public)))
    // Each project is written, and forgotten, by itself.
    let borders = Borders(random: random, batch: 5, cut: 100, flush: 100, evict: 100, bytes: 0...0)
    let outcome = try Self.run(facts, borders)
    let most = outcome.store.mostFlushedBytes
    #expect(most >= ProjectsProjection.fanOutBytes / 2)
    #expect(most < ProjectsProjection.fanOutBytes * 3 / 2)
    Self.compare(facts, outcome.store, "64 technologies each")
  }
}
