import Events
import Testing

@testable import Projections

@Suite("The rule of new patterns")
struct NewPatternRuleTests {
  @Test(
    "a pattern is together 20 times, with a lift of 2, and by no chance",
    arguments: [
      (Association(together: 20, a: 20, b: 20, projects: 40), true),
      (Association(together: 19, a: 19, b: 19, projects: 400), false),
      (Association(together: 50, a: 100, b: 100, projects: 400), true),
      (Association(together: 50, a: 100, b: 100, projects: 399), false),
      // The lift is 2.5, and yet g is 10.26 at 20 of 40 and 40 of 200.
      (Association(together: 20, a: 20, b: 1000, projects: 2000), true),
      (Association(together: 20, a: 20, b: 20, projects: 20), false),
    ] as [(Association, Bool)])
  func patterns(each: Association, isPattern: Bool) {
    #expect(each.isPattern == isPattern, "lift \(each.lift ?? -1), g \(each.g)")
  }

  @Test("g is 2·Σ o·ln(o/e) over the four cells, where an empty cell adds nothing")
  func g() {
    // Of the conformance set "rules": R1 and R2.
    let always = Association(together: 95, a: 95, b: 95, projects: 2857)
    #expect(abs(always.g - 833.4990820964674) < 1e-9)
    #expect(abs((always.lift ?? 0) - 30.073684210526316) < 1e-12)
    let independent = Association(together: 25, a: 50, b: 50, projects: 100)
    #expect(abs(independent.g) < 1e-12)
  }

  @Test("each pair is announced once, in the order of the subjects")
  func events() throws {
    let names = Names()
    let cache = RowCache(PairLayout(names: names))
    let rows = [("A", "B"), ("A\"", "B"), ("C", "D")].map { a, b in
      StoredRow.make {
        $0.text(a)
        $0.text(b)
        $0.bigint(a == "C" ? 19 : 20)
        $0.bigint(12)
        $0.bigint(40)
        $0.bigint(50)
      }
    }
    let turn = ProjectsRulesTests.turn
    let events = try NewPatternRule(names: names, pairs: cache).run(
      at: turn, projects: 1000, ProjectsRulesTests.Answers(rows))
    #expect(events.map(\.subject) == [#"pair/["A","B"]"#, #"pair/["A\"","B"]"#])
    #expect(
      events[0].json.hasSuffix(
        #""data":{"technologies":["A","B"],"lift":10,"people":12,"position":77,"as_of":"2026-10-13T00:00:00Z","#
          + #""sample_size":20}}"#), "\(events[0].json)")
    #expect(cache.dirtyCount == 2)
    cache.update(RowKey(names.intern("A"), names.intern("B"))) {
      $0.merge(onto: PairRow(isPartial: false))
      #expect($0.isAnnounced && $0.position == 77)
    }
  }
}
