import Events

/// `success_rate_changed`: the success rate of the current window differs from the one announced last, for everybody, each
/// technology, each team.
struct SuccessRateRule {
  let names: Names
  let everybody: RowCache<EverybodyLayout>
  let technologies: RowCache<TechnologyLayout>
  let teams: RowCache<TeamLayout>

  static let type: StaticString = "success_rate_changed"
  /// Fewer say nothing, neither now nor as what was announced.
  static let leastOutcomes: Int64 = 30

  /// Teams with outcomes enough that changed since the position `$3`, in key order: their memory, and the outcomes of the
  /// current window; `$2` is today.
  static let teamQuery = """
    SELECT t.team_id, t.announced_successes, t.announced_outcomes, w.successes, w.outcomes
    FROM pleat.team_stats_current AS t
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(a.successes), 0)::bigint AS successes,
        coalesce(sum(a.successes + a.failures), 0)::bigint AS outcomes
      FROM pleat.team_activity_current AS a
      WHERE a.generation = $1 AND a.team_id = t.team_id AND a.day > $2::date - 30 AND a.day <= $2::date
    ) AS w
    WHERE t.generation = $1 AND t.watched AND t.position >= $3 AND w.outcomes >= 30
    ORDER BY t.team_id
    """

  enum Scope: String {
    case everybody, technology, team
  }

  /// What is to be remembered, if anything, and whether it is announced or only the baseline.
  static func judge(_ rate: Rate, _ announced: Rate?) -> (remembers: Bool, says: Bool) {
    if rate.outcomes < leastOutcomes { return (false, false) }
    guard let announced else { return (true, false) }
    let differs = announced.outcomes >= leastOutcomes && rate.differs(from: announced)
    return (differs, differs)
  }

  func judge(_ windows: EverybodyWindows, at turn: Turn) -> DerivedEvent? {
    if !windows.people.isEnough { return nil }
    let verdict = Self.judge(windows.rate, windows.announcedRate)
    if verdict.remembers {
      everybody.update(RowKey(names.intern(Self.type.description))) { row in
        row.announcedRate = windows.rate
        row.position = turn.position
      }
    }
    return verdict.says ? event(.everybody, nil, windows.rate, windows.announcedRate, turn) : nil
  }

  func judge(_ windows: TechnologyWindows, at turn: Turn) -> DerivedEvent? {
    let verdict = Self.judge(windows.rate, windows.announcedRate)
    if verdict.remembers {
      technologies.update(RowKey(names.intern(windows.technology))) { row in
        row.announcedRate = windows.rate
        row.position = turn.position
      }
    }
    return verdict.says ? event(.technology, windows.technology, windows.rate, windows.announcedRate, turn) : nil
  }

  /// Looks at every team that changed at or after the position `since`.
  func judgeTeams(since: Int64, at turn: Turn, _ store: any RowStream) throws -> [DerivedEvent] {
    var events: [DerivedEvent] = []
    try store.rows(Self.teamQuery, [.date(turn.watermark.day), .bigint(since)]) { row in
      guard let team = row.text() else { return }
      let announced = row.rate()
      let rate = Rate(successes: row.count(), outcomes: row.count())
      let verdict = Self.judge(rate, announced)
      if verdict.remembers {
        teams.update(RowKey(names.intern(team))) { row in
          row.announcedRate = rate
          row.rateChanged = true
          row.position = turn.position
        }
      }
      if verdict.says { events.append(event(.team, team, rate, announced, turn)) }
    }
    return events
  }

  private func event(_ scope: Scope, _ name: String?, _ rate: Rate, _ previous: Rate?, _ turn: Turn) -> DerivedEvent {
    var event = DerivedEventBuilder(
      Self.type, on: scope == .team ? .teams : .events, from: ProjectsProjection.name,
      about: ([scope.rawValue] + [name].compactMap { $0 }).joined(separator: "/"), at: turn)
    event.add("scope", scope.rawValue)
    event.add("subject", name)
    event.add("success_rate", rate.value)
    event.add("success_rate_low", rate.low)
    event.add("success_rate_high", rate.high)
    event.add("previous_success_rate", previous?.value)
    return event.finish(sampleSize: rate.outcomes)
  }
}
