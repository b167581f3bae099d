import Events

/// What a project brings into the rows it counts in, or takes out of them.
struct Contribution {
  var time: Timestamp
  var team: NameID
  /// The domain.
  var type: NameID
  var stack: StackID
  /// nil once the person was erased: the project counts on, without people.
  var person: UInt64?
  var complexityMillionths: Int32?
  var languages: Int64
  var outcome: Bool?
  /// 1: it enters, −1: it leaves.
  var sign: Int64
  /// Of the event that makes it so.
  var position: Int64

  init(_ project: ProjectRow, sign: Int64, position: Int64) {
    (time, team, type, stack) = (project.time, project.team, project.type, project.stack)
    (person, complexityMillionths) = (project.person, project.complexityMillionths)
    (languages, outcome) = (Int64(project.languages), project.outcome)
    (self.sign, self.position) = (sign, position)
  }

  var successes: Int64 { outcome == true ? sign : 0 }
  var failures: Int64 { outcome == false ? sign : 0 }
}

/// How a counting project's outcome changed: what to add to successes and failures.
struct OutcomeChange {
  var time: Timestamp
  var team: NameID
  var type: NameID
  var stack: StackID
  var successes: Int64
  var failures: Int64
  var position: Int64

  /// nil if nothing changes.
  init?(of project: ProjectRow, from old: Bool?, to new: Bool, position: Int64) {
    if old == new { return nil }
    (time, team, type, stack) = (project.time, project.team, project.type, project.stack)
    self.position = position
    successes = (new ? 1 : 0) - (old == true ? 1 : 0)
    failures = (new ? 0 : 1) - (old == false ? 1 : 0)
  }
}
