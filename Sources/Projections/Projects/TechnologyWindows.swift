import Events

/// A technology in the current window and the previous one, and what the rules remember of it.
struct TechnologyWindows {
  var technology: String
  var announcedDirection: TrendDirection?
  var announcedRate: Rate?
  var usage: Int64
  var previousUsage: Int64
  /// Of the current window.
  var rate: Rate
  var people: WindowPeople

  /// The technologies that can have people enough in the current window, in key order; `$2` is today.
  ///
  /// 10 people have 10 projects, but for an estimate that projects were taken out of, which forgets nobody. Where one exact day
  /// alone has people enough, the union of the days is not looked at.
  static let query = """
    WITH watched AS (
      SELECT w.technology FROM pleat.technologies_current AS w WHERE w.generation = $1 AND w.watched
      UNION
      SELECT u.technology
      FROM pleat.technology_usage_current AS u
      WHERE u.generation = $1 AND u.people_taken_out > 0 AND u.day > $2::date - 30 AND u.day <= $2::date
    )
    SELECT t.technology, t.announced_direction, t.announced_successes, t.announced_outcomes, w.usage_count,
      w.previous_usage_count, w.successes, w.outcomes, w.most_people, w.taken_out,
      CASE WHEN w.most_people < 10 OR w.taken_out > 0 THEN (
        SELECT array_agg(s.hash ORDER BY s.hash)
        FROM (
          SELECT DISTINCT h.hash
          FROM pleat.technology_people_current AS p, unnest(p.hashes) AS h (hash)
          WHERE p.generation = $1 AND p.technology = t.technology AND p.day > $2::date - 30 AND p.day <= $2::date
          ORDER BY h.hash
          LIMIT 257
        ) AS s
      ) END
    FROM watched
    JOIN pleat.technologies_current AS t ON t.generation = $1 AND t.technology = watched.technology
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(u.projects) FILTER (WHERE u.day > $2::date - 30), 0)::bigint AS usage_count,
        coalesce(sum(u.projects) FILTER (WHERE u.day <= $2::date - 30), 0)::bigint AS previous_usage_count,
        coalesce(sum(u.successes) FILTER (WHERE u.day > $2::date - 30), 0)::bigint AS successes,
        coalesce(sum(u.successes + u.failures) FILTER (WHERE u.day > $2::date - 30), 0)::bigint AS outcomes,
        coalesce(max(u.people) FILTER (WHERE u.day > $2::date - 30), 0) AS most_people,
        coalesce(sum(u.people_taken_out) FILTER (WHERE u.day > $2::date - 30), 0)::bigint AS taken_out
      FROM pleat.technology_usage_current AS u
      WHERE u.generation = $1 AND u.technology = t.technology AND u.day > $2::date - 60 AND u.day <= $2::date
    ) AS w
    WHERE w.usage_count >= 10 OR w.taken_out > 0
    ORDER BY t.technology
    """

  private init(_ row: inout RowReader) {
    technology = row.text() ?? ""
    announcedDirection = row.smallint().flatMap(TrendDirection.init(rawValue:))
    announcedRate = row.rate()
    usage = row.count()
    previousUsage = row.count()
    rate = Rate(successes: row.count(), outcomes: row.count())
    people = WindowPeople(&row)
  }

  /// Hands over those with people enough, in key order.
  static func each(at turn: Turn, _ store: any RowStream, _ body: (TechnologyWindows) -> Void) throws {
    try store.rows(query, [.date(turn.watermark.day)]) { row in
      let windows = TechnologyWindows(&row)
      if windows.people.isEnough { body(windows) }
    }
  }
}
