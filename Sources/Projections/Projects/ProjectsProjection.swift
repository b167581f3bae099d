package import Events

/// The ledger of projects, and what joins on it: technologies, stack combinations, teams, everybody.
///
/// The ledger turns events into contributions (a project enters, leaves, or changes its outcome) by the narrowest of its
/// visibility and its organisation's settings; small folds turn contributions into rows.
package struct ProjectsProjection: Projection {
  package static let name = "projects"
  package static let version = 1

  let names = Names()
  /// Of the project ids alone, which come and go faster than what they bring along.
  let projectNames = Names()
  let stackTable: StackTable
  let ledger: RowCache<ProjectLayout>
  let organisations: RowCache<OrganisationLayout>
  let memberships: RowCache<MembershipLayout>
  let technologies: Technologies
  let stacks: Stacks
  let everybody = Everybody()
  let teams: Teams

  private var batchNames: BatchNames
  /// Project ids whose row was not in memory when it was wanted: which organisation they need is known once it is.
  private var unresolved: [RowKey] = []
  /// A list's technologies and their categories.
  private var listed: [NameID] = []
  private var categories: [NameID] = []
  /// The last limit that `evict` was given; nil before.
  private var limitBytes: Int?

  package init(catalog: TechnologyCatalog, key: HashKey) {
    stackTable = StackTable(names)
    ledger = RowCache(ProjectLayout(projects: projectNames, names: names, stacks: stackTable))
    organisations = RowCache(OrganisationLayout(names: names))
    memberships = RowCache(MembershipLayout(names: names))
    technologies = Technologies(names: names, stacks: stackTable)
    stacks = Stacks(names: names, stacks: stackTable)
    teams = Teams(names: names, stacks: stackTable)
    batchNames = BatchNames(names: names, projects: projectNames, catalog: catalog, key: key)
  }

  package var tables: [any Table] {
    [
      ledger, organisations, memberships,
      technologies.technologies, technologies.people, technologies.usage,
      everybody.days,
      stacks.people, stacks.combinations, stacks.days,
      teams.stats, teams.activity, teams.technologies,
    ]
  }

  package var tablesOfRules: [any Table] {
    [
      technologies.technologies, technologies.people, technologies.usage, everybody.days,
      stacks.people, stacks.combinations, stacks.days,
    ]
  }

  private var caches: [any EvictableTable] {
    [
      ledger, organisations, memberships, technologies.technologies, technologies.usage, everybody.days,
      stacks.combinations, stacks.days, teams.stats, teams.activity, teams.technologies,
    ]
  }

  // MARK: - Memory

  /// Half of the memory is for rows, a quarter each for project ids and for the other names.
  @discardableResult
  package mutating func evict(keeping bytes: Int) -> Bool {
    limitBytes = bytes
    var dropsAll = true
    if names.byteCount + stackTable.byteCount > bytes / 4 {
      for cache in caches { cache.removeAll() }
      projectNames.removeAll()
      stackTable.removeAll()
      names.removeAll()
    } else if projectNames.byteCount > bytes / 4 {
      ledger.removeAll()
      projectNames.removeAll()
    } else {
      dropsAll = false
    }
    Projections.evict(caches, keeping: bytes / 2)
    return dropsAll
  }

  package mutating func wantRows(for events: Range<Int>, of batch: EventBatch, round: Int) -> Bool {
    if round > 0 { return wantOrganisations() }
    batchNames.reset(for: batch)
    unresolved.removeAll(keepingCapacity: true)
    var wants = false
    for event in batch.events[events] {
      let row = Int(event.row)
      switch event.type {
      case .projectGenerated:
        let project = batch.projectsGenerated[row]
        let org = batchNames.name(project.orgID, batch)
        if !org.isNone, organisations.want(RowKey(org)) == nil { wants = true }
        if wantProject(project.projectID, batch) { wants = true }
      case .projectOpened:
        if wantProject(batch.projectsOpened[row].projectID, batch) { wants = true }
      case .feedbackSubmitted:
        if wantProject(batch.feedbackSubmitted[row].projectID, batch) { wants = true }
      case .projectVisibilityChanged:
        if wantProject(batch.visibilityChanges[row].projectID, batch) { wants = true }
      case .teamCreated:
        let team = batch.teamsCreated[row]
        if memberships.want(membership(team.teamID, team.userID, batch)) == nil { wants = true }
      case .teamMemberAdded, .teamMemberRemoved:
        let change = batch.membershipChanges[row]
        if memberships.want(membership(change.teamID, change.userID, batch)) == nil { wants = true }
      default:
        break
      }
    }
    return wants
  }

  /// Wants a project's row and its organisation's; returns whether any must be loaded.
  private mutating func wantProject(_ id: Symbol, _ batch: EventBatch) -> Bool {
    let key = batchNames.project(id, batch)
    guard let index = ledger.want(key) else {
      unresolved.append(key)
      return true
    }
    let org = ledger[index].org
    return !org.isNone && organisations.want(RowKey(org)) == nil
  }

  private mutating func wantOrganisations() -> Bool {
    var wants = false
    for key in unresolved {
      let org = ledger[ledger.known(key)].org
      if !org.isNone, organisations.want(RowKey(org)) == nil { wants = true }
    }
    unresolved.removeAll(keepingCapacity: true)
    return wants
  }

  private mutating func membership(_ team: Symbol, _ user: Symbol, _ batch: EventBatch) -> RowKey {
    MembershipLayout.key(batchNames.name(team, batch), batchNames.person(user, batch))
  }

  // MARK: - Folding

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
      case .orgSettingsChanged, .personErased:
        precondition(!fansOut(index, of: batch), "an event that fans out is folded by fanOut")
      case .other, .predictionComputed, .cacheHit, .cacheMiss, .errorOccurred:
        break
      }
    }
  }

  private mutating func generate(_ event: ProjectGenerated, _ batch: EventBatch, _ moment: Moment) {
    let index = ledger.known(batchNames.project(event.projectID, batch))
    if ledger[index].isGenerated { return }
    batchNames.technologies(event.technologies, batch, &listed, &categories)
    for (technology, category) in zip(listed, categories) {
      technologies.meet(technology, category: category, at: moment.position)
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
    if moment > project.visibilityMoment {
      (project.visibility, project.visibilityMoment) = (event.visibility ?? .public, moment)
    }
    project.position = moment.position
    ledger[index] = project
    ledger.markDirty(index)
    if !project.team.isNone { teams.meet(project.team, at: moment) }
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
    if moment < ledger[index].outcomeMoment { return }
    let old = ledger[index].outcome
    ledger[index].success = event.success
    ledger[index].outcomeMoment = moment
    ledger[index].position = moment.position
    ledger.markDirty(index)
    if !ledger[index].isGenerated { return }
    guard let outcome = OutcomeChange(of: ledger[index], from: old, to: event.success, position: moment.position) else {
      return
    }
    let sharing = sharing(of: index)
    if sharing >= .team, !outcome.team.isNone { teams.change(outcome) }
    if sharing == .public {
      technologies.change(outcome)
      stacks.change(outcome)
      everybody.change(outcome)
    }
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

  // MARK: - Sharing

  /// The most that an organisation lets its projects share.
  private func limit(of org: NameID) -> Sharing {
    org.isNone ? .public : organisations[organisations.known(RowKey(org))].limit
  }

  /// The narrowest of a project's visibility and its organisation's settings.
  private func sharing(of index: Int) -> Sharing { min(ledger[index].visibility, limit(of: ledger[index].org)) }

  /// Takes a project out of, or into, what everybody and its team count.
  private func move(_ project: ProjectRow, from old: Sharing, to new: Sharing, _ position: Int64) {
    let team = project.team.isNone ? 0 : (new >= .team ? 1 : 0) - (old >= .team ? 1 : 0)
    if team != 0 {
      teams.count(Contribution(project, sign: Int64(team), position: position), openings: project.openings)
    }
    let everybodys = (new == .public ? 1 : 0) - (old == .public ? 1 : 0)
    if everybodys != 0 {
      let contribution = Contribution(project, sign: Int64(everybodys), position: position)
      technologies.count(contribution)
      stacks.count(contribution)
      everybody.count(contribution)
    }
  }

  // MARK: - Organisations

  package func fansOut(_ index: Int, of batch: EventBatch) -> Bool {
    let event = batch.events[index]
    if event.type == .personErased { return true }
    if event.type != .orgSettingsChanged { return false }
    let change = batch.orgSettingsChanges[Int(event.row)]
    return change.learningEnabled != nil || change.dataSharingLevel != nil
  }

  package mutating func fanOut(_ index: Int, of batch: EventBatch, position: Int64, store: any RowStream) throws {
    let event = batch.events[index]
    if event.type == .personErased {
      return try erase(batch.erasedHash(batch.peopleErased[Int(event.row)].person), at: position, store)
    }
    let change = batch.orgSettingsChanges[Int(event.row)]
    let org = batch.strings.string(change.orgID)
    let row = try load(org, store)
    let old = organisations[row].limit
    if !organisations[row].apply(change, at: Moment(time: event.time, position: position)) { return }
    organisations.markDirty(row)
    let new = organisations[row].limit
    if old == new { return }

    var last = ""
    var count = 0
    repeat {
      count = 0
      try store.rows(ProjectLayout.ofOrganisation, [.text(org), .text(last)]) { reader in
        count += 1
        last = reader.text() ?? ""
        let project = ledger.layout.readValues(&reader)
        move(project, from: min(project.visibility, old), to: min(project.visibility, new), position)
      }
      if count == ProjectLayout.pageRows { try flushPage(store) }
    } while count == ProjectLayout.pageRows
  }

  /// Writes what a page of a fan-out changed, and gives memory back.
  mutating func flushPage(_ store: any RowStream) throws {
    try store.flush()
    if let limitBytes { evict(keeping: limitBytes) }
  }

  /// The index of an organisation's row, read now if it is not in memory.
  private func load(_ org: String, _ store: any RowStream) throws -> Int {
    let key = RowKey(names.intern(org))
    if let index = organisations.want(key) { return index }
    _ = organisations.takeWantedKeys()
    try store.rows(OrganisationLayout.one, [.text(org)]) { organisations.absorb(&$0) }
    organisations.settle()
    return organisations.known(key)
  }

  // MARK: - Rules

  package mutating func runRules(at turn: Turn, store: any RowStream) throws -> [DerivedEvent] {
    let whole = try TrendWindows.whole(at: turn, store)
    return try TechnologyTrendRule(names: names, technologies: technologies.technologies).run(at: turn, whole, store)
      + PopularStackRule(names: names, stacks: stackTable, combinations: stacks.combinations).run(
        at: turn, whole, store)
  }
}
