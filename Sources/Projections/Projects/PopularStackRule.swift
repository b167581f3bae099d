import Events

/// `popular_stack_trending`: a combination of at least 2 technologies has direction `up` and is not marked as trending.
struct PopularStackRule {
  let names: Names
  let stacks: StackTable
  let combinations: RowCache<StackLayout>

  static let leastPeople: Int64 = 10
  static let leastSize = 2
  /// Of the watermark, without `up`, after which a mark is lost.
  static let markMicroseconds = 72 * Timestamp.microsecondsPerHour

  /// The combinations that can trend (people enough, 2 technologies) or are marked, in key order; `$2` is today.
  static let query = """
    SELECT c.technologies, c.people - c.people_taken_out, c.trending_seen_at, w.usage_count, w.previous_usage_count
    FROM pleat.stack_combinations_current AS c
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(d.usage_count) FILTER (WHERE d.day > $2::date - 30), 0)::bigint AS usage_count,
        coalesce(sum(d.usage_count) FILTER (WHERE d.day <= $2::date - 30), 0)::bigint AS previous_usage_count
      FROM pleat.stack_days_current AS d
      WHERE d.generation = $1 AND d.stack_id = c.stack_id AND d.day > $2::date - 60 AND d.day <= $2::date
    ) AS w
    WHERE c.generation = $1 AND c.watched
    ORDER BY c.stack_id
    """

  func run(at turn: Turn, _ everybody: EverybodyWindows, _ store: any RowStream) throws -> [DerivedEvent] {
    var events: [DerivedEvent] = []
    try store.rows(Self.query, [.date(turn.watermark.day)]) { row in
      let stack = row.stack(stacks, names)
      let people = row.count()
      let seenAt = row.timestamptz()
      let trend = everybody.trend(usage: row.count(), previousUsage: row.count())
      let isUp = people >= Self.leastPeople && stacks.size(of: stack) >= Self.leastSize && trend.direction == .up
      if isUp {
        mark(stack, turn.watermark, turn)
        if seenAt == nil { events.append(event(stack, trend, turn)) }
      } else if let seenAt, turn.watermark.microseconds - seenAt.microseconds >= Self.markMicroseconds {
        mark(stack, nil, turn)
      }
    }
    return events.sortedBySubject()
  }

  private func mark(_ stack: StackID, _ seenAt: Timestamp?, _ turn: Turn) {
    combinations.update(StackLayout.key(stack)) { row in
      row.trendingSeenAt = seenAt
      row.isMarked = true
      row.position = turn.position
    }
  }

  private func event(_ stack: StackID, _ trend: Trend, _ turn: Turn) -> DerivedEvent {
    let technologies = stacks.json(of: stack)
    var event = DerivedEventBuilder(
      "popular_stack_trending", on: .events, from: ProjectsProjection.name,
      about: "stack/" + String(decoding: technologies, as: UTF8.self), at: turn)
    event.add("technologies", json: technologies)
    event.add("usage_count", trend.usage)
    event.add("previous_usage_count", trend.previousUsage)
    event.add("trend_percentage", trend.percentage)
    return event.finish(sampleSize: trend.usage)
  }
}
