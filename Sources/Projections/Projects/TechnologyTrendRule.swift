import Events

/// `technology_trend_changed`: a technology's direction differs from the last one seen.
struct TechnologyTrendRule {
  let names: Names
  let technologies: RowCache<TechnologyLayout>

  func judge(_ windows: TechnologyWindows, _ everybody: EverybodyWindows, at turn: Turn) -> DerivedEvent? {
    let trend = everybody.trend(usage: windows.usage, previousUsage: windows.previousUsage)
    let (direction, seen) = (trend.direction, windows.announcedDirection)
    if direction == seen { return nil }
    technologies.update(RowKey(names.intern(windows.technology))) { row in
      row.announcedDirection = direction
      row.isAnnounced = true
      row.position = turn.position
    }
    return seen != nil || direction == .up ? event(windows.technology, trend, seen, turn) : nil
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
