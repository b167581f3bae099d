import Events

extension ProjectsProjection {
  package mutating func runRules(at turn: Turn, store: any RowStream) throws -> [DerivedEvent] {
    let windows = try EverybodyWindows.read(at: turn, store)
    let trendRule = TechnologyTrendRule(names: names, technologies: technologies.technologies)
    let rateRule = SuccessRateRule(
      names: names, everybody: everybody.memory, technologies: technologies.technologies, teams: teams.stats)
    var trends: [DerivedEvent] = []
    var rates = [rateRule.judge(windows, at: turn)].compactMap { $0 }
    try TechnologyWindows.each(at: turn, store) { technology in
      if let event = trendRule.judge(technology, windows, at: turn) { trends.append(event) }
      if let event = rateRule.judge(technology, at: turn) { rates.append(event) }
    }
    let stacks = try PopularStackRule(names: names, stacks: stackTable, combinations: stacks.combinations)
      .run(at: turn, windows, store)
    rates += try rateRule.judgeTeams(since: changesSince(turn), at: turn, store)
    let patterns = try NewPatternRule(names: names, pairs: pairs.pairs)
      .run(at: turn, projects: windows.projects, store)
    lastTurn = turn
    return trends + stacks + rates + patterns
  }

  /// A row that is as it was at the last turn of the same day comes to what it came to then: nothing more to say.
  private func changesSince(_ turn: Turn) -> Int64 {
    guard let lastTurn, lastTurn.watermark.day == turn.watermark.day else { return 0 }
    return lastTurn.position
  }
}
