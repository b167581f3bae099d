/// Takes a person out of the events of one batch: see `EventBatch.erase`.
struct BatchEraser {
  private(set) var batch: EventBatch
  private(set) var findings = ErasureFindings()
  private let id: [UInt8]
  private let keys: ErasureKeys
  /// By symbol: whether the string holds the id, and is none that an erasure has put there.
  private var holds: [Bool]
  private let anyText: Bool
  private let hash: UInt64

  init(id: [UInt8], keys: ErasureKeys, batch: EventBatch) {
    (self.id, self.keys, self.batch) = (id, keys, batch)
    hash = keys.hash(of: id)
    holds = (0..<batch.strings.count).map { index in
      let symbol = Symbol(index: UInt32(index))
      if batch.erasedPeople.contains(symbol) || batch.erasedIdentities.contains(symbol) { return false }
      return batch.strings.withBytes(symbol) { EscapedText.contains(id, in: $0) }
    }
    anyText = EscapedText.holds(id, in: batch.texts)
  }

  /// Whether the id occurs anywhere.
  var occurs: Bool { anyText || holds.contains(true) }

  private func holds(_ symbol: Symbol) -> Bool {
    // What erasing itself has put in is behind the symbols that were there.
    !symbol.isNone && Int(symbol.index) < holds.count && holds[Int(symbol.index)]
  }

  private func isID(_ symbol: Symbol) -> Bool {
    holds(symbol) && batch.strings.withBytes(symbol) { $0.elementsEqual(id) }
  }

  private func holds(_ text: Text) -> Bool {
    guard anyText, !text.isNone, text.count > 0 else { return false }
    return batch.texts.withUnsafeBufferPointer {
      EscapedText.holds(id, in: UnsafeBufferPointer(rebasing: $0[Int(text.offset)..<Int(text.offset + text.count)]))
    }
  }

  mutating func erase(_ index: Int) {
    let event = batch.events[index]
    if event.type == .personErased { return }
    let person = batch.person(of: event)
    let session = self.session(of: event)
    var stays: [(member: String, symbol: Symbol)] = []
    eachKey(of: event) { member, symbol in
      if holds(symbol) { stays.append((member, symbol)) }
    }
    // Another's id that holds this one is another's.
    if holds(person), !isID(person) { stays.append(("user_id", person)) }
    let hasIdentity = !event.id.isNone && (holds(event.id) || holds(event.source) && event.envelope != .bare)
    let texts = texts(of: event)
    guard isID(person) || holds(session) || hasIdentity || !stays.isEmpty || texts.contains(where: { holds($0) }) else {
      return
    }
    findings.events += 1
    for (member, symbol) in stays { findings.add(.init(member: member, value: batch.strings.string(symbol))) }

    var isChanged = texts.contains { !$0.isNone }
    dropTexts(of: index)
    if isID(person) {
      setPerson(of: event, batch.internErased(hash))
      isChanged = true
    }
    if holds(session) {
      let hash = batch.strings.withBytes(session) { sipHash24(keys.people, $0) }
      setSession(of: event, batch.internErased(hash))
      isChanged = true
    }
    if hasIdentity {
      eraseIdentity(of: index)
      isChanged = true
    }
    if isChanged { findings.changedEvents += 1 }
  }

  /// Of a batch of which nothing else is known. Returns whether anything changed.
  mutating func eraseIdentities() -> Bool {
    var isChanged = false
    for index in batch.events.indices {
      let event = batch.events[index]
      guard !event.id.isNone, holds(event.id) || holds(event.source) else { continue }
      eraseIdentity(of: index)
      isChanged = true
    }
    return isChanged
  }

  private mutating func eraseIdentity(of index: Int) {
    let event = batch.events[index]
    let message =
      batch.strings.withBytes(event.source) { Array($0) } + [0] + batch.strings.withBytes(event.id) { Array($0) }
    let digest = message.withUnsafeBufferPointer { sipHash24Wide(keys.identities, $0) }.bytes
    let symbol = digest.withUnsafeBufferPointer { batch.strings.intern($0) }
    batch.erasedIdentities.insert(symbol)
    batch.events[index].id = symbol
    if holds(event.source) { batch.events[index].source = symbol }
  }

  // MARK: - Members

  private func session(of event: Event) -> Symbol {
    switch event.type {
    case .wizardStepCompleted: batch.wizardStepsCompleted[Int(event.row)].sessionID
    case .stackSelected: batch.stacksSelected[Int(event.row)].sessionID
    default: .none
    }
  }

  private mutating func setSession(of event: Event, _ symbol: Symbol) {
    switch event.type {
    case .wizardStepCompleted: batch.wizardStepsCompleted[Int(event.row)].sessionID = symbol
    case .stackSelected: batch.stacksSelected[Int(event.row)].sessionID = symbol
    default: preconditionFailure("an event of this type has no session")
    }
  }

  private mutating func setPerson(of event: Event, _ symbol: Symbol) {
    let row = Int(event.row)
    switch event.type {
    case .wizardStepCompleted: batch.wizardStepsCompleted[row].userID = symbol
    case .stackSelected: batch.stacksSelected[row].userID = symbol
    case .projectGenerated: batch.projectsGenerated[row].userID = symbol
    case .projectOpened: batch.projectsOpened[row].userID = symbol
    case .feedbackSubmitted: batch.feedbackSubmitted[row].userID = symbol
    case .teamCreated: batch.teamsCreated[row].userID = symbol
    case .teamMemberAdded, .teamMemberRemoved: batch.membershipChanges[row].userID = symbol
    case .modelRouted: batch.modelsRouted[row].userID = symbol
    case .errorOccurred: batch.errorsOccurred[row].userID = symbol
    case .other, .orgSettingsChanged, .projectVisibilityChanged, .predictionComputed, .cacheHit, .cacheMiss,
      .personErased:
      preconditionFailure("an event of this type names nobody")
    }
  }

  private func technologies(of event: Event) -> Range<UInt32> {
    switch event.type {
    case .stackSelected: batch.stacksSelected[Int(event.row)].technologies
    case .projectGenerated: batch.projectsGenerated[Int(event.row)].technologies
    default: 0..<0
    }
  }

  /// Comment, message, attributes and unknown members.
  private func texts(of event: Event) -> [Text] {
    var texts = [event.attributes, event.unknown]
    switch event.type {
    case .feedbackSubmitted: texts.append(batch.feedbackSubmitted[Int(event.row)].comment)
    case .errorOccurred: texts.append(batch.errorsOccurred[Int(event.row)].message)
    default: texts += batch.technologies[technologies(of: event).asIndices].map(\.unknown)
    }
    return texts
  }

  private mutating func dropTexts(of index: Int) {
    let event = batch.events[index]
    batch.events[index].attributes = .none
    batch.events[index].unknown = .none
    switch event.type {
    case .feedbackSubmitted: batch.feedbackSubmitted[Int(event.row)].comment = .none
    case .errorOccurred: batch.errorsOccurred[Int(event.row)].message = .none
    default: for mention in technologies(of: event).asIndices { batch.technologies[mention].unknown = .none }
    }
  }

  /// Identifiers and names besides the person's and the session's, which stay whatever they hold.
  private func eachKey(of event: Event, _ body: (String, Symbol) -> Void) {
    let row = Int(event.row)
    body("type", event.typeName)
    switch event.type {
    case .other, .personErased: break
    case .wizardStepCompleted:
      let step = batch.wizardStepsCompleted[row]
      body("step_name", step.stepName)
      body("team_id", step.teamID)
      body("project_id", step.projectID)
    case .stackSelected:
      body("project_type", batch.stacksSelected[row].projectType)
      body("team_id", batch.stacksSelected[row].teamID)
    case .projectGenerated:
      let project = batch.projectsGenerated[row]
      body("project_id", project.projectID)
      body("project_type", project.projectType)
      body("team_id", project.teamID)
      body("org_id", project.orgID)
      body("template_id", project.templateID)
    case .projectOpened: body("project_id", batch.projectsOpened[row].projectID)
    case .feedbackSubmitted: body("project_id", batch.feedbackSubmitted[row].projectID)
    case .teamCreated:
      body("team_id", batch.teamsCreated[row].teamID)
      body("name", batch.teamsCreated[row].name)
      body("org_id", batch.teamsCreated[row].orgID)
    case .teamMemberAdded, .teamMemberRemoved: body("team_id", batch.membershipChanges[row].teamID)
    case .orgSettingsChanged: body("org_id", batch.orgSettingsChanges[row].orgID)
    case .projectVisibilityChanged: body("project_id", batch.visibilityChanges[row].projectID)
    case .predictionComputed:
      body("project_id", batch.predictionsComputed[row].projectID)
      body("model_version", batch.predictionsComputed[row].modelVersion)
    case .modelRouted:
      let model = batch.modelsRouted[row]
      body("model", model.model)
      body("task_type", model.taskType)
      body("team_id", model.teamID)
      body("project_id", model.projectID)
    case .cacheHit, .cacheMiss:
      body("cache", batch.cacheLookups[row].cache)
      body("model", batch.cacheLookups[row].model)
      body("project_id", batch.cacheLookups[row].projectID)
    case .errorOccurred:
      body("component", batch.errorsOccurred[row].component)
      body("code", batch.errorsOccurred[row].code)
      body("project_id", batch.errorsOccurred[row].projectID)
    }
    for mention in batch.technologies[technologies(of: event).asIndices] {
      body("technologies", mention.name)
      body("category", mention.category)
    }
  }
}
