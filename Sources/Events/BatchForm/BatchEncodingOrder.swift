/// How many rows of each array a walk over the events has met.
struct RowCounts {
  private var counts = [UInt32](repeating: 0, count: EventType.allCases.count)

  /// The number of the next row for an event of this type; types that share an array share the count.
  @inline(__always)
  mutating func next(_ type: EventType) -> UInt32 {
    let array = Self.array(of: type)
    defer { counts[array] += 1 }
    return counts[array]
  }

  /// Rows met in the array that this type uses.
  subscript(_ type: EventType) -> Int { Int(counts[Self.array(of: type)]) }

  @inline(__always)
  private static func array(of type: EventType) -> Int {
    switch type {
    case .teamMemberRemoved: Int(EventType.teamMemberAdded.rawValue)
    case .cacheMiss: Int(EventType.cacheHit.rawValue)
    default: Int(type.rawValue)
    }
  }
}

extension EventBatch {
  /// Whether each array has the rows of its events in their order, and nothing else: as decoders leave it.
  var hasRowsInEventOrder: Bool {
    var counts = RowCounts()
    for event in events where event.type != .other && event.row != counts.next(event.type) { return false }
    return counts[.wizardStepCompleted] == wizardStepsCompleted.count && counts[.stackSelected] == stacksSelected.count
      && counts[.projectGenerated] == projectsGenerated.count && counts[.projectOpened] == projectsOpened.count
      && counts[.feedbackSubmitted] == feedbackSubmitted.count && counts[.teamCreated] == teamsCreated.count
      && counts[.teamMemberAdded] == membershipChanges.count && counts[.orgSettingsChanged] == orgSettingsChanges.count
      && counts[.projectVisibilityChanged] == visibilityChanges.count
      && counts[.predictionComputed] == predictionsComputed.count && counts[.modelRouted] == modelsRouted.count
      && counts[.cacheHit] == cacheLookups.count && counts[.errorOccurred] == errorsOccurred.count
      && counts[.personErased] == peopleErased.count
  }

  /// The same batch with each array in the order of its events, and without rows that no event has.
  func withRowsInEventOrder() -> EventBatch {
    var ordered = self
    var counts = RowCounts()
    for i in ordered.events.indices { ordered.events[i].row = counts.next(ordered.events[i].type) }
    func rows<Row>(_ rows: [Row], _ types: EventType...) -> [Row] {
      events.filter { types.contains($0.type) }.map { rows[Int($0.row)] }
    }
    ordered.wizardStepsCompleted = rows(wizardStepsCompleted, .wizardStepCompleted)
    ordered.stacksSelected = rows(stacksSelected, .stackSelected)
    ordered.projectsGenerated = rows(projectsGenerated, .projectGenerated)
    ordered.projectsOpened = rows(projectsOpened, .projectOpened)
    ordered.feedbackSubmitted = rows(feedbackSubmitted, .feedbackSubmitted)
    ordered.teamsCreated = rows(teamsCreated, .teamCreated)
    ordered.membershipChanges = rows(membershipChanges, .teamMemberAdded, .teamMemberRemoved)
    ordered.orgSettingsChanges = rows(orgSettingsChanges, .orgSettingsChanged)
    ordered.visibilityChanges = rows(visibilityChanges, .projectVisibilityChanged)
    ordered.predictionsComputed = rows(predictionsComputed, .predictionComputed)
    ordered.modelsRouted = rows(modelsRouted, .modelRouted)
    ordered.cacheLookups = rows(cacheLookups, .cacheHit, .cacheMiss)
    ordered.errorsOccurred = rows(errorsOccurred, .errorOccurred)
    ordered.peopleErased = rows(peopleErased, .personErased)
    return ordered
  }
}
