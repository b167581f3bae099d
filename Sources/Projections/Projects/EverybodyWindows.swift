import Events

/// All projects that count for everybody: over all time, in the current window (the 30 days that end today) and in the previous
/// one (the 30 before); of the current window outcomes and people too.
struct EverybodyWindows {
  var projects: Int64
  var current: Int64
  var previous: Int64
  var rate: Rate
  /// What `success_rate_changed` remembers.
  var announcedRate: Rate?
  var people: WindowPeople

  /// One row; `$2` is today.
  static let query = """
    SELECT w.projects, w.current_projects, w.previous_projects, w.successes, w.outcomes, e.announced_successes,
      e.announced_outcomes, w.most_people, w.taken_out,
      CASE WHEN w.most_people < 10 OR w.taken_out > 0 THEN (
        SELECT array_agg(s.hash ORDER BY s.hash)
        FROM (
          SELECT DISTINCT h.hash
          FROM pleat.project_people_current AS p, unnest(p.hashes) AS h (hash)
          WHERE p.generation = $1 AND p.day > $2::date - 30 AND p.day <= $2::date
          ORDER BY h.hash
          LIMIT 257
        ) AS s
      ) END
    FROM (
      SELECT coalesce(sum(d.projects), 0)::bigint AS projects,
        coalesce(sum(d.projects) FILTER (WHERE d.day > $2::date - 30 AND d.day <= $2::date), 0)::bigint
          AS current_projects,
        coalesce(sum(d.projects) FILTER (WHERE d.day > $2::date - 60 AND d.day <= $2::date - 30), 0)::bigint
          AS previous_projects,
        coalesce(sum(d.successes) FILTER (WHERE d.day > $2::date - 30 AND d.day <= $2::date), 0)::bigint AS successes,
        coalesce(sum(d.successes + d.failures) FILTER (WHERE d.day > $2::date - 30 AND d.day <= $2::date), 0)::bigint
          AS outcomes,
        coalesce(max(d.people) FILTER (WHERE d.day > $2::date - 30 AND d.day <= $2::date), 0) AS most_people,
        coalesce(sum(d.people_taken_out) FILTER (WHERE d.day > $2::date - 30 AND d.day <= $2::date), 0)::bigint
          AS taken_out
      FROM pleat.project_days_current AS d
      WHERE d.generation = $1
    ) AS w
    LEFT JOIN pleat.everybody_current AS e ON e.generation = $1 AND e.rule = 'success_rate_changed'
    """

  private init(_ row: inout RowReader) {
    projects = row.count()
    current = row.count()
    previous = row.count()
    rate = Rate(successes: row.count(), outcomes: row.count())
    announcedRate = row.rate()
    people = WindowPeople(&row)
  }

  static func read(at turn: Turn, _ store: any RowStream) throws -> EverybodyWindows {
    var windows: EverybodyWindows?
    try store.rows(query, [.date(turn.watermark.day)]) { windows = EverybodyWindows(&$0) }
    guard let windows else { preconditionFailure("an aggregate without a row") }
    return windows
  }

  /// The trend of a thing with this usage.
  func trend(usage: Int64, previousUsage: Int64) -> Trend {
    Trend(usage: usage, whole: current, previousUsage: previousUsage, previousWhole: previous)
  }
}
