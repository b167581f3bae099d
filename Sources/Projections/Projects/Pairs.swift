import Events

/// Contributions into `technology_pairs` (with its people): one for each two technologies of a project.
struct Pairs {
  let stacks: StackTable
  let pairs: RowCache<PairLayout>
  let people: PeopleTable<PairLayout>

  init(names: Names, stacks: StackTable) {
    self.stacks = stacks
    pairs = RowCache(PairLayout(names: names))
    people = PeopleTable(of: pairs)
  }

  /// Changes the row of every pair of a stack.
  @inline(__always)
  private func update(_ stack: StackID, _ change: (inout PairRow) -> Void) {
    // In the order of their bytes, so the lesser of two comes first.
    let technologies = stacks.technologies(of: stack)
    for a in technologies.indices {
      for b in a + 1..<technologies.endIndex { pairs.update(RowKey(technologies[a], technologies[b]), change) }
    }
  }

  func count(_ project: Contribution) {
    update(project.stack) { row in
      row.together += project.sign
      if project.sign < 0 { row.isLess = true }
      row.successes += project.successes
      row.failures += project.failures
      row.people.move(project)
      row.position = project.position
    }
  }

  func change(_ outcome: OutcomeChange) {
    update(outcome.stack) { row in
      row.successes += outcome.successes
      row.failures += outcome.failures
      row.position = outcome.position
    }
  }
}

extension People {
  /// Lets a project's person in or out.
  @inline(__always)
  mutating func move(_ project: Contribution) {
    if project.sign > 0 {
      add(project.person, at: project.position)
    } else {
      remove(project.person, at: project.position)
    }
  }
}
