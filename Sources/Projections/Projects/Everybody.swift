import Events

/// Contributions into `project_days` (with its people), and what rules remember of everybody.
struct Everybody {
  let days: RowCache<ProjectDayLayout>
  let people: PeopleTable<ProjectDayLayout>
  let memory: RowCache<EverybodyLayout>

  init(names: Names) {
    days = RowCache(ProjectDayLayout())
    people = PeopleTable(of: days)
    memory = RowCache(EverybodyLayout(names: names))
  }

  func count(_ project: Contribution) {
    days.update(ProjectDayLayout.key(project.time.day)) { row in
      row.projects += project.sign
      row.successes += project.successes
      row.failures += project.failures
      row.people.move(project)
      row.position = project.position
    }
  }

  func change(_ outcome: OutcomeChange) {
    days.update(ProjectDayLayout.key(outcome.time.day)) { row in
      row.successes += outcome.successes
      row.failures += outcome.failures
      row.position = outcome.position
    }
  }
}
