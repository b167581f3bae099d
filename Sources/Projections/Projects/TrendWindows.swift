import Events

/// The windows that the rules look at: the 30 days that end today, and the 30 before.
enum TrendWindows {
  /// Projects of the current and of the previous window, of everybody; `$2` is today.
  static let wholeQuery = """
    SELECT coalesce(sum(d.projects) FILTER (WHERE d.day > $2::date - 30), 0)::bigint,
      coalesce(sum(d.projects) FILTER (WHERE d.day <= $2::date - 30), 0)::bigint
    FROM pleat.project_days_current AS d
    WHERE d.generation = $1 AND d.day > $2::date - 60 AND d.day <= $2::date
    """

  struct Whole {
    var current: Int64
    var previous: Int64
  }

  static func whole(at turn: Turn, _ store: any RowStream) throws -> Whole {
    var whole = Whole(current: 0, previous: 0)
    try store.rows(wholeQuery, [.date(turn.watermark.day)]) { row in
      whole = Whole(current: row.bigint() ?? 0, previous: row.bigint() ?? 0)
    }
    return whole
  }
}
