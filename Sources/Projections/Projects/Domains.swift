import Events

/// Contributions into `domains` and `domain_stacks` (both with their people): what is built for which purpose, and with what.
struct Domains {
  let domains: RowCache<DomainLayout>
  let people: PeopleTable<DomainLayout>
  let stacks: RowCache<DomainStackLayout>
  let stackPeople: PeopleTable<DomainStackLayout>

  init(names: Names, stacks table: StackTable) {
    domains = RowCache(DomainLayout(names: names))
    people = PeopleTable(of: domains)
    stacks = RowCache(DomainStackLayout(names: names, stacks: table))
    stackPeople = PeopleTable(of: stacks)
  }

  func count(_ project: Contribution) {
    domains.update(RowKey(project.type)) { row in
      row.projects += project.sign
      row.languagesSum += project.sign * project.languages
      row.successes += project.successes
      row.failures += project.failures
      row.people.move(project)
      row.position = project.position
    }
    stacks.update(DomainStackLayout.key(project.type, project.stack)) { row in
      row.usageCount += project.sign
      row.successes += project.successes
      row.failures += project.failures
      row.people.move(project)
      row.position = project.position
    }
  }

  func change(_ outcome: OutcomeChange) {
    domains.update(RowKey(outcome.type)) { row in
      row.successes += outcome.successes
      row.failures += outcome.failures
      row.position = outcome.position
    }
    stacks.update(DomainStackLayout.key(outcome.type, outcome.stack)) { row in
      row.successes += outcome.successes
      row.failures += outcome.failures
      row.position = outcome.position
    }
  }
}
