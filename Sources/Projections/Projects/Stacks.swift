import Events

/// Contributions into `stack_combinations` (with its people) and `stack_days`.
struct Stacks {
  let combinations: RowCache<StackLayout>
  let days: RowCache<StackDayLayout>
  let people: PeopleTable<StackLayout>

  init(names: Names, stacks: StackTable) {
    combinations = RowCache(StackLayout(names: names, stacks: stacks))
    days = RowCache(StackDayLayout(stacks: stacks))
    people = PeopleTable(of: combinations)
  }

  func count(_ project: Contribution) {
    combinations.update(StackLayout.key(project.stack)) { row in
      row.usageCount += project.sign
      row.successes += project.successes
      row.failures += project.failures
      if let complexity = project.complexityMillionths {
        row.complexitySumMillionths += project.sign * Int64(complexity)
        row.complexityCount += project.sign
      }
      if project.sign > 0 { row.seen.include(project.time) }
      row.people.move(project)
      row.position = project.position
    }
    days.update(StackDayLayout.key(project.stack, day: project.time.day)) { row in
      row.usageCount += project.sign
      row.position = project.position
    }
  }

  func change(_ outcome: OutcomeChange) {
    combinations.update(StackLayout.key(outcome.stack)) { row in
      row.successes += outcome.successes
      row.failures += outcome.failures
      row.position = outcome.position
    }
  }
}
