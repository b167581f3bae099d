import Events
import Randomness
import Testing

@testable import Projections

@Suite("Erasing people from the rows of projects")
struct ProjectsErasureTests {
  private static let start = ProjectsWorld.start

  private static func project(_ id: String, _ user: String, _ visibility: Sharing? = nil) -> Fact {
    Fact(
      start,
      .generated(
        ProjectFact(
          id: id, user: user, technologies: ["A"], team: "team", org: nil, complexity: nil, visibility: visibility)))
  }

  /// Projects and people of the technology, projects and people of the team's day, members.
  private static func numbers(_ facts: [Fact]) throws -> [Int64] {
    let store = try ProjectsDifferentialTests.run(facts, .oneGo).store
    let usage = try #require(store.rows(of: "technology_usage").first)
    let day = try #require(store.rows(of: "team_activity").first)
    let team = try #require(store.rows(of: "team_stats").first)
    return [usage.integer(2), usage.integer(6), day.integer(3), day.integer(6), team.integer(4)].compactMap { $0 }
  }

  @Test("who is erased leaves people and teams, and the projects stay")
  func leaves() throws {
    var facts = [
      Self.project("p1", "ann"), Self.project("p2", "ann"), Self.project("p3", "bob"),
      Fact(Self.start, .member(team: "team", user: "ann", role: .admin)),
      Fact(Self.start, .member(team: "team", user: "bob", role: .viewer)),
    ]
    #expect(try Self.numbers(facts) == [3, 2, 3, 2, 2])
    facts.append(Fact(Self.start, .erased(user: "ann")))
    #expect(try Self.numbers(facts) == [3, 1, 3, 1, 1])
    // A project of theirs that leaves or comes back changes no people.
    facts.append(Fact(Self.start + 1, .visibility(project: "p1", .none)))
    #expect(try Self.numbers(facts) == [2, 1, 2, 1, 1])
    facts.append(Fact(Self.start + 2, .visibility(project: "p1", .public)))
    #expect(try Self.numbers(facts) == [3, 1, 3, 1, 1])
    // What the same id does later counts anew, and only that leaves again.
    facts += [Self.project("p4", "ann"), Fact(Self.start, .member(team: "team", user: "ann", role: .viewer))]
    #expect(try Self.numbers(facts) == [4, 2, 4, 2, 2])
    facts.append(Fact(Self.start + 3, .visibility(project: "p2", .none)))
    #expect(try Self.numbers(facts) == [3, 2, 3, 2, 2])
    facts += [
      Fact(Self.start + 4, .visibility(project: "p4", .none)), Fact(Self.start + 4, .erased(user: "ann")),
      Fact(Self.start + 5, .visibility(project: "p4", .public)),
    ]
    #expect(try Self.numbers(facts) == [3, 1, 3, 1, 1])
    let store = try ProjectsDifferentialTests.run(facts, .oneGo).store
    #expect(store.rows(of: "memberships").count == 1)
    #expect(store.rows(of: "projects").compactMap { $0.integer(6) }.count == 1)
  }

  @Test("a random world with erasures is what a slow fold says, whatever the borders", arguments: 1...6)
  func world(seed: Int) throws {
    var world = ProjectsWorld(seed: UInt64(seed) + 500)
    (world.erasures, world.users) = (4, 12)
    let facts = world.facts()
    let whole = try ProjectsDifferentialTests.run(facts, .oneGo)
    ProjectsDifferentialTests.compare(facts, whole.store, "seed \(seed)")
    for round in 0..<3 {
      let borders = Borders(
        random: SeededRandom(seed: UInt64(seed * 10 + round)), batch: 40, cut: 20, flush: 50, evict: 50,
        bytes: 0...100_000, assumesEmpty: round == 0)
      let cut = try ProjectsDifferentialTests.run(facts, borders)
      for table in whole.store.tables.keys {
        #expect(cut.store.tables[table] == whole.store.tables[table], "\(table), seed \(seed), \(borders)")
      }
    }
  }

  @Test("an estimate forgets nobody, and an erased person's project taken out of it counts as taken out")
  func estimate() throws {
    var facts = (0..<300).map { Self.project("p\($0)", "u\($0)") }
    let before = try Self.numbers(facts)
    facts.append(Fact(Self.start, .erased(user: "u7")))
    #expect(try Self.numbers(facts) == before)
    facts.append(Fact(Self.start + 1, .visibility(project: "p7", .none)))
    let store = try ProjectsDifferentialTests.run(facts, .oneGo).store
    #expect(store.rows(of: "technology_usage").map { $0.integer(7) } == [1])
    ProjectsDifferentialTests.compare(facts, store, "an estimate")
  }

  @Test("the events from which somebody was erased give the same rows")
  func rewritten() throws {
    var world = ProjectsWorld(seed: 77)
    let facts = world.facts()
    let whole = try ProjectsDifferentialTests.run(facts, .oneGo)
    var batch = EventBatch(facts[...])
    let keys = ErasureKeys(people: ProjectsWorld.key, identities: HashKey(k0: 1, k1: 2))
    #expect(batch.erase(Array("u3".utf8), keys: keys).changedEvents > 0)
    let form = batch.encoded()
    let read = try EventBatch(payload: form.payload, identities: form.identities)
    var projection = ProjectsWorld.projection()
    let store = ProjectsStore(projection.tables)
    _ = try ProjectionsTests.run([read], &projection, store, .oneGo)
    #expect(store.tables == whole.store.tables)
  }
}
