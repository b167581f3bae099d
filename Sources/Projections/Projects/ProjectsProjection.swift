package import Events

/// The ledger of projects, and what joins on it: technologies, stack combinations, pairs, domains, teams, everybody; and what was
/// predicted of the projects.
///
/// The ledger turns events into contributions (a project enters, leaves, or changes its outcome) by the narrowest of its
/// visibility and its organisation's settings; small folds turn contributions into rows.
package struct ProjectsProjection: Projection {
  package static let name = "projects"
  package static let version = 1

  let names = Names()
  let stackTable: StackTable
  let ledger: RowCache<ProjectLayout>
  let organisations: RowCache<OrganisationLayout>
  let memberships: RowCache<MembershipLayout>
  let technologies: Technologies
  let stacks: Stacks
  let pairs: Pairs
  let domains: Domains
  let everybody: Everybody
  let teams: Teams
  let calibration: Calibration

  var batchNames: BatchNames
  /// Projects whose row was not in memory when it was wanted: which organisation they need is known once it is.
  private var unresolved: [RowKey] = []
  /// A list's technologies and their categories.
  var listed: [NameID] = []
  var categories: [NameID] = []
  /// Of the event that fans out; nil while none is under way.
  var fanOutPlace: FanOutPlace?
  /// The last limit that `evict` was given; nil before.
  private(set) var limitBytes: Int?
  /// The category `language`, as `wantRows` found it.
  private(set) var language = NameID.none
  /// The last turn of the hour at which this value ran the rules; nil before the first.
  var lastTurn: Turn?

  package init(catalog: TechnologyCatalog, key: HashKey) {
    stackTable = StackTable(names)
    ledger = RowCache(ProjectLayout(names: names, stacks: stackTable))
    organisations = RowCache(OrganisationLayout(names: names))
    memberships = RowCache(MembershipLayout(names: names))
    technologies = Technologies(names: names, stacks: stackTable)
    stacks = Stacks(names: names, stacks: stackTable)
    pairs = Pairs(names: names, stacks: stackTable)
    domains = Domains(names: names, stacks: stackTable)
    everybody = Everybody(names: names)
    teams = Teams(names: names, stacks: stackTable)
    calibration = Calibration(names: names)
    batchNames = BatchNames(names: names, catalog: catalog, key: key)
  }

  package var tables: [any Table] {
    [
      ledger, organisations, memberships,
      technologies.technologies, technologies.people, technologies.usage,
      everybody.people, everybody.days, everybody.memory,
      stacks.people, stacks.combinations, stacks.days,
      pairs.people, pairs.pairs,
      domains.people, domains.domains, domains.stackPeople, domains.stacks,
      teams.stats, teams.activity, teams.technologies,
      calibration.deciles,
    ]
  }

  package var tablesOfRules: [any Table] {
    [
      technologies.technologies, technologies.people, technologies.usage,
      everybody.people, everybody.days, everybody.memory,
      stacks.combinations, stacks.days,
      pairs.pairs,
      teams.stats, teams.activity,
    ]
  }

  /// Of a technology, the category.
  package var tablesOfFolding: [any Table] { [ledger, organisations, memberships, technologies.technologies] }

  package var pageQueries: [PageQuery] {
    [PageQuery(sql: ProjectLayout.ofOrganisation, table: "projects", column: "org_id", limit: ProjectLayout.pageRows)]
  }

  private var caches: [any EvictableTable] {
    [
      ledger, organisations, memberships, technologies.technologies, technologies.usage, everybody.days,
      everybody.memory, stacks.combinations, stacks.days, pairs.pairs, domains.domains, domains.stacks, teams.stats,
      teams.activity, teams.technologies, calibration.deciles,
    ]
  }

  // MARK: - Memory

  package var nameBytes: Int { names.byteCount + stackTable.byteCount }

  /// A quarter of the memory is for names.
  @discardableResult
  package mutating func evict(keeping bytes: Int) -> Bool {
    limitBytes = bytes
    let dropsAll = nameBytes > bytes / 4
    if dropsAll {
      for cache in caches { cache.removeAll() }
      stackTable.removeAll()
      names.removeAll()
    }
    Projections.evict(caches, keeping: bytes / 4 * 3)
    return dropsAll
  }

  package mutating func wantRows(for events: Range<Int>, of batch: EventBatch, round: Int) -> Bool {
    if round > 0 { return wantOrganisations() }
    batchNames.reset(for: batch)
    language = names.intern("language")
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
        // Their categories say how many are languages.
        batchNames.eachNewTechnology(project.technologies, batch) { technology in
          if technologies.technologies.want(RowKey(technology)) == nil { wants = true }
        }
      case .predictionComputed:
        let key = batchNames.project(batch.predictionsComputed[row].projectID, batch)
        if ledger.want(key) == nil { wants = true }
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
      case .orgSettingsChanged:
        let change = batch.orgSettingsChanges[row]
        if change.isOfSharing, organisations.want(RowKey(batchNames.name(change.orgID, batch))) == nil { wants = true }
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
}
