package import Events

extension ProjectsProjection {
  package mutating func fold(_ events: Range<Int>, of batch: EventBatch, firstPosition: Int64) {
    for index in events {
      let event = batch.events[index]
      let moment = Moment(time: event.time, position: firstPosition + Int64(index))
      let row = Int(event.row)
      switch event.type {
      case .projectGenerated: generate(batch.projectsGenerated[row], batch, moment)
      case .projectOpened: open(batch.projectsOpened[row], batch, moment)
      case .feedbackSubmitted: submit(batch.feedbackSubmitted[row], batch, moment)
      case .projectVisibilityChanged: change(batch.visibilityChanges[row], batch, moment)
      case .stackSelected: select(batch.stacksSelected[row], batch, moment)
      case .wizardStepCompleted:
        let step = batch.wizardStepsCompleted[row]
        if !step.teamID.isNone {
          teams.act(
            batchNames.name(step.teamID, batch), person: batchNames.person(step.userID, batch), wizardSteps: 1,
            at: moment)
        }
      case .modelRouted:
        let model = batch.modelsRouted[row]
        if !model.teamID.isNone {
          let person = model.userID.isNone ? nil : batchNames.person(model.userID, batch)
          teams.act(batchNames.name(model.teamID, batch), person: person, at: moment)
        }
      case .teamCreated:
        let team = batch.teamsCreated[row]
        let id = batchNames.name(team.teamID, batch)
        change(id, batchNames.person(team.userID, batch), to: .admin, moment)
        teams.name(id, batchNames.name(team.name, batch), at: moment)
      case .teamMemberAdded, .teamMemberRemoved:
        let member = batch.membershipChanges[row]
        change(
          batchNames.name(member.teamID, batch), batchNames.person(member.userID, batch), to: member.role, moment)
      case .predictionComputed: predict(batch.predictionsComputed[row], batch, moment)
      case .orgSettingsChanged: settle(batch.orgSettingsChanges[row], batch, moment)
      case .personErased: preconditionFailure("an event that fans out is folded by fanOut")
      case .other, .cacheHit, .cacheMiss, .errorOccurred:
        break
      }
    }
  }

  private mutating func generate(_ event: ProjectGenerated, _ batch: EventBatch, _ moment: Moment) {
    let index = ledger.known(batchNames.project(event.projectID, batch))
    if ledger[index].isGenerated { return }
    batchNames.technologies(event.technologies, batch, &listed, &categories)
    var languages: Int16 = 0
    for (technology, category) in zip(listed, categories)
    where technologies.category(of: technology, meeting: category, at: moment.position) == language {
      languages += 1
    }
    var project = ledger[index]
    project.isGenerated = true
    project.time = moment.time
    project.team = batchNames.name(event.teamID, batch)
    project.org = batchNames.name(event.orgID, batch)
    project.type = batchNames.name(event.projectType, batch)
    project.person = batchNames.person(event.userID, batch)
    project.stack = stackTable.intern(listed)
    project.complexityMillionths = event.complexityMillionths
    project.languages = languages
    if moment > project.visibilityMoment {
      (project.visibility, project.visibilityMoment) = (event.visibility ?? .public, moment)
    }
    project.position = moment.position
    ledger[index] = project
    ledger.markDirty(index)
    if !project.team.isNone { teams.meet(project.team, at: moment) }
    project.predictions.eachNewest { calibration.count($0, project.outcome, sign: 1, at: moment.position) }
    move(project, from: .none, to: min(project.visibility, limit(of: project.org)), moment.position)
  }

  private mutating func open(_ event: ProjectOpened, _ batch: EventBatch, _ moment: Moment) {
    let index = ledger.known(batchNames.project(event.projectID, batch))
    ledger[index].openings.add(moment.time.day)
    ledger[index].position = moment.position
    ledger.markDirty(index)
    let team = ledger[index].team
    if !team.isNone, sharing(of: index) >= .team {
      teams.open(team, on: moment.time.day, times: 1, at: moment.position)
    }
  }

  private mutating func submit(_ event: FeedbackSubmitted, _ batch: EventBatch, _ moment: Moment) {
    let index = ledger.known(batchNames.project(event.projectID, batch))
    let isNewest = moment > ledger[index].outcomeMoment
    let isFirst = ledger[index].firstFeedback.map { moment.time < $0 } ?? true
    if !isNewest && !isFirst { return }
    let (old, predictions) = (ledger[index].outcome, ledger[index].predictions)
    if isNewest {
      ledger[index].success = event.success
      ledger[index].outcomeMoment = moment
    }
    if isFirst {
      ledger[index].firstFeedback = moment.time
      ledger[index].predictions.keep(before: moment.time)
    }
    ledger[index].position = moment.position
    ledger.markDirty(index)
    if !ledger[index].isGenerated { return }
    calibration.change(
      from: predictions, old, to: ledger[index].predictions, ledger[index].outcome, at: moment.position)
    if isNewest { count(index, from: old, to: event.success, moment.position) }
  }

  /// A counting project has another outcome.
  private func count(_ index: Int, from old: Bool?, to new: Bool, _ position: Int64) {
    guard let outcome = OutcomeChange(of: ledger[index], from: old, to: new, position: position) else { return }
    let sharing = sharing(of: index)
    if sharing >= .team, !outcome.team.isNone { teams.change(outcome) }
    if sharing == .public {
      technologies.change(outcome)
      stacks.change(outcome)
      pairs.change(outcome)
      domains.change(outcome)
      everybody.change(outcome)
    }
  }

  private mutating func predict(_ event: PredictionComputed, _ batch: EventBatch, _ moment: Moment) {
    let index = ledger.known(batchNames.project(event.projectID, batch))
    if let first = ledger[index].firstFeedback, moment.time >= first { return }
    let prediction = Prediction(
      version: batchNames.name(event.modelVersion, batch), time: moment.time,
      probabilityMillionths: event.probabilityMillionths)
    let old = ledger[index].predictions.newest(of: prediction.version)
    ledger[index].predictions.insert(prediction, names)
    ledger[index].position = moment.position
    ledger.markDirty(index)
    if !ledger[index].isGenerated { return }
    let outcome = ledger[index].outcome
    if let old {
      if prediction.time < old.time { return }
      calibration.count(old, outcome, sign: -1, at: moment.position)
    }
    calibration.count(prediction, outcome, sign: 1, at: moment.position)
  }

  private mutating func change(_ event: VisibilityChange, _ batch: EventBatch, _ moment: Moment) {
    let index = ledger.known(batchNames.project(event.projectID, batch))
    if moment < ledger[index].visibilityMoment { return }
    let old = ledger[index].isGenerated ? sharing(of: index) : .none
    ledger[index].visibility = event.visibility
    ledger[index].visibilityMoment = moment
    ledger[index].position = moment.position
    ledger.markDirty(index)
    if ledger[index].isGenerated { move(ledger[index], from: old, to: sharing(of: index), moment.position) }
  }

  private mutating func select(_ event: StackSelected, _ batch: EventBatch, _ moment: Moment) {
    batchNames.technologies(event.technologies, batch, &listed, &categories)
    for (technology, category) in zip(listed, categories) {
      technologies.meet(technology, category: category, at: moment.position)
      technologies.select(technology, on: moment.time.day, at: moment.position)
    }
    if !event.teamID.isNone {
      teams.act(batchNames.name(event.teamID, batch), person: batchNames.person(event.userID, batch), at: moment)
    }
  }

  private mutating func change(_ team: NameID, _ person: UInt64, to role: TeamRole?, _ moment: Moment) {
    teams.act(team, person: person, at: moment)
    let index = memberships.known(MembershipLayout.key(team, person))
    if moment < memberships[index].moment { return }
    let change = (role == nil ? 0 : 1) - (memberships[index].role == nil ? 0 : 1)
    memberships[index].role = role
    memberships[index].moment = moment
    memberships[index].position = moment.position
    memberships.markDirty(index)
    if change != 0 { teams.changeMembers(team, by: Int64(change), at: moment.position) }
  }
}
