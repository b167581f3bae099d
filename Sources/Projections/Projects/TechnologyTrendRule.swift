import Events

/// `technology_trend_changed`: a technology's direction differs from the last one seen.
struct TechnologyTrendRule {
  let names: Names
  let technologies: RowCache<TechnologyLayout>

  static let leastPeople: Int64 = 10

  /// Every technology that somebody used in the current window, in key order: its memory, its usage in both windows, its people.
  /// `$2` is today. Where one exact day alone has people enough, the union of the days is not looked at.
  static let query = """
    SELECT t.technology, t.announced_direction, w.usage_count, w.previous_usage_count, w.most_people, w.taken_out,
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
    FROM pleat.technologies_current AS t
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(u.projects) FILTER (WHERE u.day > $2::date - 30), 0)::bigint AS usage_count,
        coalesce(sum(u.projects) FILTER (WHERE u.day <= $2::date - 30), 0)::bigint AS previous_usage_count,
        coalesce(max(u.people) FILTER (WHERE u.day > $2::date - 30), 0) AS most_people,
        coalesce(sum(u.people_taken_out) FILTER (WHERE u.day > $2::date - 30), 0)::bigint AS taken_out
      FROM pleat.technology_usage_current AS u
      WHERE u.generation = $1 AND u.technology = t.technology AND u.day > $2::date - 60 AND u.day <= $2::date
    ) AS w
    WHERE t.generation = $1 AND w.most_people > 0
    ORDER BY t.technology
    """

  func run(at turn: Turn, _ whole: TrendWindows.Whole, _ store: any RowStream) throws -> [DerivedEvent] {
    var events: [DerivedEvent] = []
    try store.rows(Self.query, [.date(turn.watermark.day)]) { row in
      guard let technology = row.text() else { return }
      let seen = row.smallint().flatMap(TrendDirection.init(rawValue:))
      let trend = Trend(
        usage: row.bigint() ?? 0, whole: whole.current, previousUsage: row.bigint() ?? 0, previousWhole: whole.previous)
      let (mostPeople, takenOut) = (row.bigint() ?? 0, row.bigint() ?? 0)
      // Only a day that is an estimate counts who was taken out.
      let people =
        row.bigints().map {
          PeopleSketch.count(ofUnion: $0.map(hash(stored:)), hasEstimate: takenOut > 0) - takenOut
        } ?? mostPeople
      if people < Self.leastPeople { return }
      let direction = trend.direction
      if direction == seen { return }
      technologies.update(RowKey(names.intern(technology))) { row in
        row.announcedDirection = direction
        row.isAnnounced = true
        row.position = turn.position
      }
      if seen != nil || direction == .up {
        events.append(event(technology, trend, seen, turn))
      }
    }
    return events
  }

  private func event(_ technology: String, _ trend: Trend, _ seen: TrendDirection?, _ turn: Turn) -> DerivedEvent {
    var event = DerivedEventBuilder(
      "technology_trend_changed", on: .events, from: ProjectsProjection.name, about: "technology/" + technology,
      at: turn)
    event.add("technology", technology)
    event.add("trend_direction", trend.direction.name.description)
    event.add("previous_direction", seen?.name.description)
    event.add("trend_percentage", trend.percentage)
    return event.finish(sampleSize: trend.usage)
  }
}
