import Events
import Testing

@testable import Projections

@Suite("The rule of success rates")
struct SuccessRateRuleTests {
  struct Case: Sendable {
    var rate: (Int64, Int64)
    var announced: (Int64, Int64)?
    var remembers: Bool
    var says: Bool
  }

  @Test(
    "the first rate with 30 outcomes is the baseline; one that differs enough is announced",
    arguments: [
      Case(rate: (29, 29), announced: nil, remembers: false, says: false),
      Case(rate: (0, 30), announced: nil, remembers: true, says: false),
      Case(rate: (30, 30), announced: (0, 30), remembers: true, says: true),
      Case(rate: (0, 29), announced: (30, 30), remembers: false, says: false),
      Case(rate: (30, 30), announced: (0, 29), remembers: false, says: false),
      // 0.05 exactly, of so many that z is no matter.
      Case(rate: (55_000, 100_000), announced: (50_000, 100_000), remembers: true, says: true),
      Case(rate: (45_000, 100_000), announced: (50_000, 100_000), remembers: true, says: true),
      Case(rate: (54_999, 100_000), announced: (50_000, 100_000), remembers: false, says: false),
      // 0.2, of so few that it may be chance: z is 2.571 at 57 of 80.
      Case(rate: (57, 80), announced: (41, 80), remembers: true, says: true),
      Case(rate: (56, 80), announced: (41, 80), remembers: false, says: false),
      Case(rate: (30, 30), announced: (30, 30), remembers: false, says: false),
    ])
  func verdicts(each: Case) {
    let verdict = SuccessRateRule.judge(
      Rate(successes: each.rate.0, outcomes: each.rate.1),
      each.announced.map { Rate(successes: $0.0, outcomes: $0.1) })
    #expect(verdict.remembers == each.remembers)
    #expect(verdict.says == each.says)
  }

  private func rule() -> SuccessRateRule {
    let names = Names()
    return SuccessRateRule(
      names: names, everybody: RowCache(EverybodyLayout(names: names)),
      technologies: RowCache(TechnologyLayout(names: names)), teams: RowCache(TeamLayout(names: names)))
  }

  private static let turn = ProjectsRulesTests.turn
  private static let (rate, announced) = (Rate(successes: 30, outcomes: 40), Rate(successes: 10, outcomes: 40))

  private func data(_ scope: String) -> String {
    #""data":{\#(scope),"success_rate":0.75,"success_rate_low":0.5980603857923198,"#
      + #""success_rate_high":0.858128813609037,"previous_success_rate":0.25,"position":77,"#
      + #""as_of":"2026-10-13T00:00:00Z","sample_size":40}}"#
  }

  @Test("everybody's rate is announced from 10 people on, and remembered")
  func everybody() throws {
    for (people, says) in [(10, true), (9, false)] as [(Int64, Bool)] {
      let rule = rule()
      let windows = try ProjectsRulesTests.everybody(rate: Self.rate, announced: Self.announced, people: people)
      let event = rule.judge(windows, at: Self.turn)
      #expect(event?.subject == (says ? "everybody" : nil))
      #expect(event?.topic == (says ? .events : nil))
      #expect(rule.everybody.dirtyCount == (says ? 1 : 0))
      if let event {
        #expect(event.json.hasSuffix(data(#""scope":"everybody","subject":null"#)), "\(event.json)")
        #expect(
          event.id == UUIDv5.string(of: #"["success_rate_changed","everybody","2026-10-13T00:00:00Z",null]"#))
      }
    }
  }

  @Test("a technology's rate is announced, and remembered in its row")
  func technology() throws {
    let rule = rule()
    let row = StoredRow.make {
      $0.text("T")
      $0.smallint(0)
      $0.rate(Self.announced)
      $0.bigint(50)
      $0.bigint(50)
      $0.rate(Self.rate)
      $0.bigint(10)
      $0.bigint(0)
      $0.null()
    }
    var events: [DerivedEvent?] = []
    try TechnologyWindows.each(at: Self.turn, ProjectsRulesTests.Answers([row])) {
      events.append(rule.judge($0, at: Self.turn))
    }
    let event = try #require(events.first ?? nil)
    #expect(event.subject == "technology/T" && event.topic == .events)
    #expect(event.json.hasSuffix(data(#""scope":"technology","subject":"T""#)), "\(event.json)")
    rule.technologies.update(RowKey(rule.names.intern("T"))) {
      $0.merge(onto: TechnologyRow(category: .none, position: 5))
      #expect($0.announcedRate == Self.rate && $0.position == 77)
    }
  }

  @Test("a team's rate is announced on the team topic, whatever its people")
  func teams() throws {
    let rule = rule()
    let rows = [("a", Self.announced), ("b", nil), ("c", Self.rate)].map { team, announced in
      StoredRow.make {
        $0.text(team)
        $0.rate(announced)
        $0.rate(Self.rate)
      }
    }
    let events = try rule.judgeTeams(since: 0, at: Self.turn, ProjectsRulesTests.Answers(rows))
    #expect(events.map(\.subject) == ["team/a"] && events.map(\.topic) == [.teams])
    #expect(events[0].json.hasSuffix(data(#""scope":"team","subject":"a""#)), "\(events[0].json)")
    #expect(rule.teams.dirtyCount == 2)
    var stored = TeamRow(isPartial: false)
    stored.announcedRate = Self.announced
    rule.teams.update(RowKey(rule.names.intern("b"))) {
      $0.merge(onto: stored)
      #expect($0.announcedRate == Self.rate && $0.position == 77)
    }
  }
}
