import Events

/// Contributions into `technologies` and `technology_usage` (with its people).
struct Technologies {
  let stacks: StackTable
  let technologies: RowCache<TechnologyLayout>
  let usage: RowCache<TechnologyUsageLayout>
  let people: PeopleTable<TechnologyUsageLayout>

  init(names: Names, stacks: StackTable) {
    self.stacks = stacks
    technologies = RowCache(TechnologyLayout(names: names))
    usage = RowCache(TechnologyUsageLayout(names: names))
    people = PeopleTable(of: usage)
  }

  /// A technology occurs in a project of any sharing, or in a selection: its first event decides its category.
  @inline(__always)
  func meet(_ technology: NameID, category: NameID, at position: Int64) {
    technologies.touch(RowKey(technology)) { row in
      if row.origin != 0 { return false }
      (row.category, row.origin) = (category, position)
      return true
    }
  }

  /// The same of a technology whose row is known; returns its category for good, `.none` where its first event had none.
  @inline(__always)
  func category(of technology: NameID, meeting category: NameID, at position: Int64) -> NameID {
    let index = technologies.known(RowKey(technology))
    if technologies[index].origin == 0 {
      (technologies[index].category, technologies[index].origin) = (category, position)
      technologies.markDirty(index)
    }
    return technologies[index].category
  }

  func count(_ project: Contribution) {
    let day = project.time.day
    for technology in stacks.technologies(of: project.stack) {
      technologies.update(RowKey(technology)) { row in
        row.projects += project.sign
        if project.sign > 0 { row.seen.include(project.time) }
        row.position = project.position
      }
      usage.update(RowKey(technology, day: day)) { row in
        row.projects += project.sign
        row.successes += project.successes
        row.failures += project.failures
        row.people.move(project)
        row.position = project.position
      }
    }
  }

  func change(_ outcome: OutcomeChange) {
    let day = outcome.time.day
    for technology in stacks.technologies(of: outcome.stack) {
      usage.update(RowKey(technology, day: day)) { row in
        row.successes += outcome.successes
        row.failures += outcome.failures
        row.position = outcome.position
      }
    }
  }

  /// A selection of this technology.
  func select(_ technology: NameID, on day: Int32, at position: Int64) {
    technologies.update(RowKey(technology)) { row in
      row.selections += 1
      row.position = position
    }
    usage.update(RowKey(technology, day: day)) { row in
      row.selections += 1
      row.position = position
    }
  }
}
