import Events

/// Contributions and team events into `team_stats`, `team_activity` and `team_technologies`.
struct Teams {
  let stacks: StackTable
  let stats: RowCache<TeamLayout>
  let activity: RowCache<TeamDayLayout>
  let technologies: RowCache<TeamTechnologiesLayout>

  init(names: Names, stacks: StackTable) {
    self.stacks = stacks
    stats = RowCache(TeamLayout(names: names))
    activity = RowCache(TeamDayLayout(names: names))
    technologies = RowCache(TeamTechnologiesLayout(names: names))
  }

  /// A project of the team came to be, whatever its sharing.
  func meet(_ team: NameID, at moment: Moment) {
    stats.update(RowKey(team)) { row in
      row.activity.include(moment.time)
      row.position = moment.position
    }
  }

  /// An event that carries the team's id and belongs to no project. One of nobody (a model's call without a user) counts in no
  /// number of its day, and so makes no row of it.
  func act(_ team: NameID, person: UInt64?, wizardSteps: Int64 = 0, at moment: Moment) {
    stats.update(RowKey(team)) { row in
      row.wizardSteps += wizardSteps
      row.activity.include(moment.time)
      row.position = moment.position
    }
    guard let person else { return }
    activity.update(RowKey(team, day: moment.time.day)) { row in
      row.events += 1
      row.wizardSteps += wizardSteps
      row.people.add(person, at: moment.position)
      row.position = moment.position
    }
  }

  func name(_ team: NameID, _ name: NameID, at moment: Moment) {
    stats.update(RowKey(team)) { row in
      if moment > row.nameMoment { (row.name, row.nameMoment) = (name, moment) }
      row.position = moment.position
    }
  }

  func changeMembers(_ team: NameID, by change: Int64, at position: Int64) {
    stats.update(RowKey(team)) { row in
      row.members += change
      row.position = position
    }
  }

  func open(_ team: NameID, on day: Int32, times: Int64, at position: Int64) {
    stats.update(RowKey(team)) { row in
      row.projectsOpened += times
      row.position = position
    }
    activity.update(RowKey(team, day: day)) { row in
      row.events += times
      row.projectsOpened += times
      row.position = position
    }
  }

  func count(_ project: Contribution, openings: Openings) {
    let team = project.team
    stats.update(RowKey(team)) { row in
      row.projectsGenerated += project.sign
      row.count(successes: project.successes, failures: project.failures)
      if let complexity = project.complexityMillionths {
        row.complexitySumMillionths += project.sign * Int64(complexity)
        row.complexityCount += project.sign
      }
      row.position = project.position
    }
    activity.update(RowKey(team, day: project.time.day)) { row in
      row.events += project.sign
      row.projectsGenerated += project.sign
      row.count(successes: project.successes, failures: project.failures)
      row.people.move(project)
      row.position = project.position
    }
    technologies.update(RowKey(team)) { row in
      for technology in stacks.technologies(of: project.stack) {
        row.add(
          technology, usageCount: project.sign, successes: project.successes, failures: project.failures)
      }
      row.position = project.position
    }
    openings.eachDay { open(team, on: $0.day, times: project.sign * $0.count, at: project.position) }
  }

  func change(_ outcome: OutcomeChange) {
    stats.update(RowKey(outcome.team)) { row in
      row.count(successes: outcome.successes, failures: outcome.failures)
      row.position = outcome.position
    }
    activity.update(RowKey(outcome.team, day: outcome.time.day)) { row in
      row.count(successes: outcome.successes, failures: outcome.failures)
      row.position = outcome.position
    }
    technologies.update(RowKey(outcome.team)) { row in
      for technology in stacks.technologies(of: outcome.stack) {
        row.add(technology, successes: outcome.successes, failures: outcome.failures)
      }
      row.position = outcome.position
    }
  }
}
