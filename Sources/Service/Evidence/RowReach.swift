import Engine
import Events
import Projections

/// Which events of the journal may reach one row of a view: those that name it, all of the projects that count in it, and what decides
/// about these.
///
/// A fold of these events alone, each at its position and in their order, comes to the same row as a fold of all. Projects and
/// organisations are known by a hash of their ids: one that is taken for another adds an event that changes nothing.
struct RowReach {
  enum Subject: Hashable {
    /// Projects that list all of these technologies, and, for one alone, its selections.
    case technologies([String])
    /// Projects with exactly these.
    case stack([String])
    case domain(String)
    case team(String)
    /// Projects that have a prediction of this version of a model.
    case predictions(String)
    case model(String)
    case wizardStep(String)
    case cache(String)
    case component(String)
  }

  /// More projects than this are not kept in memory: whoever asks then folds everything.
  static let projectLimit = 2_000_000

  private let subject: Subject
  private let catalog: TechnologyCatalog
  private let wanted: Set<UInt64>
  private let step: UInt8?
  private var projects: Set<UInt64> = []
  private var organisations: Set<UInt64> = []
  /// Technologies of the projects of a domain that the catalog does not know: their first mention by anybody says whether they are
  /// languages.
  private var strangers: Set<UInt64> = []

  init(_ subject: Subject, catalog: TechnologyCatalog) {
    (self.subject, self.catalog) = (subject, catalog)
    let names: [String]
    switch subject {
    case .technologies(let all), .stack(let all): names = all
    case .domain(let name), .team(let name), .predictions(let name), .model(let name), .cache(let name),
      .component(let name):
      names = [name]
    case .wizardStep: names = []
    }
    wanted = Set(names.map { Self.hash($0) })
    if case .wizardStep(let text) = subject { step = UInt8(text) } else { step = nil }
  }

  /// Whether `learn` has to see the whole journal first.
  var hasProjects: Bool {
    switch subject {
    case .technologies, .stack, .domain, .team, .predictions: true
    case .model, .wizardStep, .cache, .component: false
    }
  }

  var isTooLarge: Bool { projects.count > Self.projectLimit }

  // MARK: Names

  private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 { sipHash24(HashKey(k0: 0, k1: 0), bytes) }

  private static func hash(_ text: String) -> UInt64 {
    var text = text
    return text.withUTF8 { hash($0) }
  }

  private static func hash(_ symbol: Symbol, _ batch: EventBatch) -> UInt64 {
    batch.strings.withBytes(symbol) { hash($0) }
  }

  private func isWanted(_ symbol: Symbol, _ batch: EventBatch) -> Bool {
    !symbol.isNone && wanted.contains(Self.hash(symbol, batch))
  }

  /// The technology of a name in a batch, and whether the catalog knows it; each name is looked up once.
  private struct Technologies {
    private let catalog: TechnologyCatalog
    private var known: [(hash: UInt64, isStranger: Bool)?]

    init(_ catalog: TechnologyCatalog, _ batch: EventBatch) {
      self.catalog = catalog
      known = Array(repeating: nil, count: batch.strings.count)
    }

    mutating func look(_ symbol: Symbol, _ batch: EventBatch) -> (hash: UInt64, isStranger: Bool) {
      if let found = known[Int(symbol.index)] { return found }
      let found: (hash: UInt64, isStranger: Bool)
      if let entry = batch.strings.withBytes(symbol, catalog.entry(for:)) {
        found = (RowReach.hash(entry.name), false)
      } else {
        found = (RowReach.hash(symbol, batch), true)
      }
      known[Int(symbol.index)] = found
      return found
    }

    /// How many of the wanted ones a list names, and whether it names others.
    mutating func meet(_ mentions: Range<UInt32>, _ wanted: Set<UInt64>, _ batch: EventBatch) -> (
      count: Int, others: Bool
    ) {
      var others = false
      // A name may come twice.
      var seen: [UInt64] = []
      for mention in mentions {
        let hash = look(batch.technologies[Int(mention)].name, batch).hash
        guard wanted.contains(hash) else {
          others = true
          continue
        }
        if !seen.contains(hash) { seen.append(hash) }
      }
      return (seen.count, others)
    }

    mutating func strangers(_ mentions: Range<UInt32>, _ batch: EventBatch) -> Set<UInt64> {
      Set(mentions.map { look(batch.technologies[Int($0)].name, batch) }.filter(\.isStranger).map(\.hash))
    }
  }

  // MARK: Which projects

  mutating func learn(_ batch: EventBatch) {
    if case .predictions = subject {
      for prediction in batch.predictionsComputed where isWanted(prediction.modelVersion, batch) {
        projects.insert(Self.hash(prediction.projectID, batch))
      }
      return
    }
    if batch.projectsGenerated.isEmpty { return }
    var technologies = Technologies(catalog, batch)
    for project in batch.projectsGenerated {
      let counts: Bool
      switch subject {
      case .technologies: counts = technologies.meet(project.technologies, wanted, batch).count == wanted.count
      case .stack:
        let met = technologies.meet(project.technologies, wanted, batch)
        counts = met.count == wanted.count && !met.others
      case .domain: counts = isWanted(project.projectType, batch)
      case .team: counts = isWanted(project.teamID, batch)
      case .predictions, .model, .wizardStep, .cache, .component: counts = false
      }
      if !counts { continue }
      projects.insert(Self.hash(project.projectID, batch))
      if !project.orgID.isNone { organisations.insert(Self.hash(project.orgID, batch)) }
      if case .domain = subject { strangers.formUnion(technologies.strangers(project.technologies, batch)) }
    }
  }

  // MARK: Which events

  /// The indices of the events that may reach the row.
  func events(of batch: EventBatch) -> [Int] {
    var technologies = Technologies(catalog, batch)
    return batch.events.indices.filter { reaches($0, batch, &technologies) }
  }

  private func reaches(_ index: Int, _ batch: EventBatch, _ technologies: inout Technologies) -> Bool {
    let event = batch.events[index]
    let row = Int(event.row)
    func isOfProject(_ symbol: Symbol) -> Bool { hasProjects && projects.contains(Self.hash(symbol, batch)) }
    func isOfTeam(_ symbol: Symbol) -> Bool {
      if case .team = subject { return isWanted(symbol, batch) }
      return false
    }
    switch event.type {
    case .projectGenerated:
      let project = batch.projectsGenerated[row]
      if isOfProject(project.projectID) { return true }
      return !strangers.isEmpty && !technologies.strangers(project.technologies, batch).isDisjoint(with: strangers)
    case .projectOpened: return isOfProject(batch.projectsOpened[row].projectID)
    case .feedbackSubmitted: return isOfProject(batch.feedbackSubmitted[row].projectID)
    case .projectVisibilityChanged: return isOfProject(batch.visibilityChanges[row].projectID)
    case .predictionComputed: return isOfProject(batch.predictionsComputed[row].projectID)
    case .stackSelected:
      let selected = batch.stacksSelected[row]
      switch subject {
      case .technologies where wanted.count == 1:
        return technologies.meet(selected.technologies, wanted, batch).count > 0
      case .domain:
        return !strangers.isEmpty && !technologies.strangers(selected.technologies, batch).isDisjoint(with: strangers)
      default: return isOfTeam(selected.teamID)
      }
    case .orgSettingsChanged:
      return hasProjects && organisations.contains(Self.hash(batch.orgSettingsChanges[row].orgID, batch))
    case .teamCreated: return isOfTeam(batch.teamsCreated[row].teamID)
    case .teamMemberAdded, .teamMemberRemoved: return isOfTeam(batch.membershipChanges[row].teamID)
    case .wizardStepCompleted:
      let completed = batch.wizardStepsCompleted[row]
      return isOfTeam(completed.teamID) || completed.step == step
    case .modelRouted:
      let routed = batch.modelsRouted[row]
      if case .model = subject { return isWanted(routed.model, batch) }
      return isOfTeam(routed.teamID)
    case .cacheHit, .cacheMiss:
      if case .cache = subject { return isWanted(batch.cacheLookups[row].cache, batch) }
      return false
    case .errorOccurred:
      if case .component = subject { return isWanted(batch.errorsOccurred[row].component, batch) }
      return false
    case .personErased: return hasProjects
    case .other: return false
    }
  }
}

extension JournalBatch {
  /// The same positions with these events alone: the others are of no type that a fold knows, and turn nothing.
  func keeping(_ kept: [Int]) -> JournalBatch {
    var events = events
    var next = kept[...]
    for index in events.events.indices {
      if next.first == index {
        next.removeFirst()
        continue
      }
      events.events[index].type = .other
      events.events[index].time = Timestamp(microseconds: 0)
    }
    return JournalBatch(
      firstPosition: firstPosition, previousChain: previousChain, chain: chain, partition: partition, events: events,
      byteCount: byteCount)
  }
}
