extension EventBatch {
  /// The batch behind its binary form. The bytes need not be trusted: whatever they are, this returns or throws.
  package init(payload: [UInt8], identities: [UInt8]) throws(BatchFormError) {
    self = try ColumnReader.open(payload, magic: BatchForm.payloadMagic) { reader throws(BatchFormError) in
      try EventBatch(reader: &reader)
    }
    try IdentityColumn.decode(identities, into: &self)
  }

  private init(reader: inout ColumnReader) throws(BatchFormError) {
    self.init()
    // A batch of one type may take a byte for all its types: the count alone bounds it.
    let count = try reader.count(upTo: BatchForm.maximumEvents)
    events = Array(repeating: .blank, count: count)
    try reader.small(&events) { (event, value) throws(BatchFormError) in event.type = try known(value) }
    try reader.small(&events) { (event, value) throws(BatchFormError) in event.envelope = try known(value) }
    try reader.differences(&events, step: 0) { $0.time = Timestamp(microseconds: $1) }
    for event in events where !BatchForm.times.contains(event.time.microseconds) { throw .malformed("a time") }
    makeRows()
    reader.beginDomain()
    try reader.symbols(&events) { $0.typeName = $1 }
    for event in events where event.typeName.isNone != (event.type != .other) {
      throw .malformed("the type's name")
    }
    try decodePeople(&reader)
    try decodeProjects(&reader)
    try decodeTeams(&reader)
    try decodeTechnologies(&reader)
    try decodeNames(&reader)
    try decodeIntegers(&reader)
    try decodeSmall(&reader)
    try decodeTexts(&reader)
    texts = reader.texts
    (strings, erasedPeople) = (reader.table, reader.erasedPeople)
  }

  /// Rows for the events, blank but for what an absent column leaves as it is.
  private mutating func makeRows() {
    var counts = RowCounts()
    for i in events.indices where events[i].type != .other { events[i].row = counts.next(events[i].type) }
    wizardStepsCompleted = Array(repeating: .blank, count: counts[.wizardStepCompleted])
    stacksSelected = Array(repeating: .blank, count: counts[.stackSelected])
    projectsGenerated = Array(repeating: .blank, count: counts[.projectGenerated])
    projectsOpened = Array(repeating: .blank, count: counts[.projectOpened])
    feedbackSubmitted = Array(repeating: .blank, count: counts[.feedbackSubmitted])
    teamsCreated = Array(repeating: .blank, count: counts[.teamCreated])
    membershipChanges = Array(repeating: .blank, count: counts[.teamMemberAdded])
    orgSettingsChanges = Array(repeating: .blank, count: counts[.orgSettingsChanged])
    visibilityChanges = Array(repeating: .blank, count: counts[.projectVisibilityChanged])
    predictionsComputed = Array(repeating: .blank, count: counts[.predictionComputed])
    modelsRouted = Array(repeating: .blank, count: counts[.modelRouted])
    cacheLookups = Array(repeating: .blank, count: counts[.cacheHit])
    errorsOccurred = Array(repeating: .blank, count: counts[.errorOccurred])
    peopleErased = Array(repeating: .blank, count: counts[.personErased])
  }

  private mutating func decodePeople(_ reader: inout ColumnReader) throws(BatchFormError) {
    reader.beginDomain()
    try reader.requiredSymbols(&wizardStepsCompleted) { $0.userID = $1 }
    try reader.requiredSymbols(&stacksSelected) { $0.userID = $1 }
    try reader.requiredSymbols(&projectsGenerated) { $0.userID = $1 }
    try reader.requiredSymbols(&projectsOpened) { $0.userID = $1 }
    try reader.requiredSymbols(&feedbackSubmitted) { $0.userID = $1 }
    try reader.requiredSymbols(&teamsCreated) { $0.userID = $1 }
    try reader.requiredSymbols(&membershipChanges) { $0.userID = $1 }
    try reader.symbols(&modelsRouted) { $0.userID = $1 }
    try reader.symbols(&errorsOccurred) { $0.userID = $1 }
    try reader.requiredSymbols(&peopleErased) { $0.person = $1 }
    for row in peopleErased where !reader.erasedPeople.contains(row.person) { throw .malformed("an erased person") }
    reader.beginDomain()
    try reader.requiredSymbols(&wizardStepsCompleted) { $0.sessionID = $1 }
    try reader.symbols(&stacksSelected) { $0.sessionID = $1 }
  }

  private mutating func decodeProjects(_ reader: inout ColumnReader) throws(BatchFormError) {
    reader.beginDomain()
    try reader.requiredSymbols(&projectsGenerated) { $0.projectID = $1 }
    try reader.symbols(&wizardStepsCompleted) { $0.projectID = $1 }
    try reader.requiredSymbols(&projectsOpened) { $0.projectID = $1 }
    try reader.requiredSymbols(&feedbackSubmitted) { $0.projectID = $1 }
    try reader.requiredSymbols(&visibilityChanges) { $0.projectID = $1 }
    try reader.requiredSymbols(&predictionsComputed) { $0.projectID = $1 }
    try reader.symbols(&modelsRouted) { $0.projectID = $1 }
    try reader.symbols(&cacheLookups) { $0.projectID = $1 }
    try reader.symbols(&errorsOccurred) { $0.projectID = $1 }
  }

  private mutating func decodeTeams(_ reader: inout ColumnReader) throws(BatchFormError) {
    reader.beginDomain()
    try reader.requiredSymbols(&teamsCreated) { $0.teamID = $1 }
    try reader.requiredSymbols(&membershipChanges) { $0.teamID = $1 }
    try reader.symbols(&wizardStepsCompleted) { $0.teamID = $1 }
    try reader.symbols(&stacksSelected) { $0.teamID = $1 }
    try reader.symbols(&projectsGenerated) { $0.teamID = $1 }
    try reader.symbols(&modelsRouted) { $0.teamID = $1 }
    reader.beginDomain()
    try reader.symbols(&teamsCreated) { $0.orgID = $1 }
    try reader.symbols(&projectsGenerated) { $0.orgID = $1 }
    try reader.requiredSymbols(&orgSettingsChanges) { $0.orgID = $1 }
    reader.beginDomain()
    try reader.requiredSymbols(&teamsCreated) { $0.name = $1 }
  }

  private mutating func decodeTechnologies(_ reader: inout ColumnReader) throws(BatchFormError) {
    var total: UInt32 = 0
    func range(_ count: Int64?) throws(BatchFormError) -> Range<UInt32> {
      guard let count, count >= 0 else { throw .malformed("a count of technologies") }
      guard count <= BatchForm.maximumMentions - Int(total) else { throw .tooLarge }
      defer { total += UInt32(count) }
      return total..<total + UInt32(count)
    }
    try reader.integers(&stacksSelected) { (row, count) throws(BatchFormError) in row.technologies = try range(count) }
    try reader.integers(&projectsGenerated) { (row, count) throws(BatchFormError) in
      row.technologies = try range(count)
    }
    // Names are a column of at least a byte each.
    guard total <= reader.remaining else { throw .truncated }
    technologies = Array(repeating: .blank, count: Int(total))
    reader.beginDomain()
    try reader.requiredSymbols(&technologies) { $0.name = $1 }
    reader.beginDomain()
    try reader.symbols(&technologies) { $0.category = $1 }
    try reader.small(&technologies) { (row, value) throws(BatchFormError) in row.isObject = try flag(value) }
    try reader.texts(&technologies) { $0.unknown = $1 }
  }

  private mutating func decodeNames(_ reader: inout ColumnReader) throws(BatchFormError) {
    reader.beginDomain()
    try reader.symbols(&wizardStepsCompleted) { $0.stepName = $1 }
    reader.beginDomain()
    try reader.symbols(&stacksSelected) { $0.projectType = $1 }
    try reader.requiredSymbols(&projectsGenerated) { $0.projectType = $1 }
    reader.beginDomain()
    try reader.symbols(&projectsGenerated) { $0.templateID = $1 }
    reader.beginDomain()
    try reader.requiredSymbols(&predictionsComputed) { $0.modelVersion = $1 }
    reader.beginDomain()
    try reader.requiredSymbols(&modelsRouted) { $0.model = $1 }
    try reader.symbols(&cacheLookups) { $0.model = $1 }
    reader.beginDomain()
    try reader.requiredSymbols(&modelsRouted) { $0.taskType = $1 }
    reader.beginDomain()
    try reader.requiredSymbols(&cacheLookups) { $0.cache = $1 }
    reader.beginDomain()
    try reader.requiredSymbols(&errorsOccurred) { $0.component = $1 }
    reader.beginDomain()
    try reader.symbols(&errorsOccurred) { $0.code = $1 }
  }

  private mutating func decodeIntegers(_ reader: inout ColumnReader) throws(BatchFormError) {
    try reader.integers(&wizardStepsCompleted) { $0.durationMicroseconds = $1 }
    try reader.integers(&predictionsComputed) { $0.latencyMicroseconds = $1 }
    try reader.integers(&modelsRouted) { (row, value) throws(BatchFormError) in
      row.responseTimeMicroseconds = try present(value)
    }
    try reader.integers(&modelsRouted) { (row, value) throws(BatchFormError) in row.tokensUsed = try present(value) }
    try reader.integers(&cacheLookups) { $0.tokensSaved = $1 }
    try reader.integers(&modelsRouted) { (row, value) throws(BatchFormError) in
      row.costNanodollars = try present(value)
    }
    try reader.integers(&cacheLookups) { $0.costSavedNanodollars = $1 }
    try reader.integers(&projectsGenerated) { (row, value) throws(BatchFormError) in
      row.complexityMillionths = try narrow(value)
    }
    try reader.integers(&predictionsComputed) { (row, value) throws(BatchFormError) in
      row.probabilityMillionths = try present(try narrow(value))
    }
    try reader.integers(&modelsRouted) { (row, value) throws(BatchFormError) in
      row.qualityMillionths = try narrow(value)
    }
    try reader.integers(&feedbackSubmitted) { (row, value) throws(BatchFormError) in row.rating = try narrow(value) }
  }

  private mutating func decodeSmall(_ reader: inout ColumnReader) throws(BatchFormError) {
    try reader.small(&wizardStepsCompleted) { $0.step = $1 }
    try reader.optionalSmall(&projectsGenerated) { (row, value) throws(BatchFormError) in
      row.visibility = try value.map(known)
    }
    try reader.small(&feedbackSubmitted) { (row, value) throws(BatchFormError) in row.success = try flag(value) }
    try reader.optionalSmall(&membershipChanges) { (row, value) throws(BatchFormError) in
      row.role = try value.map(known)
    }
    try reader.optionalSmall(&orgSettingsChanges) { (row, value) throws(BatchFormError) in
      row.learningEnabled = try value.map(flag)
    }
    try reader.optionalSmall(&orgSettingsChanges) { (row, value) throws(BatchFormError) in
      row.dataSharingLevel = try value.map(known)
    }
    try reader.small(&visibilityChanges) { (row, value) throws(BatchFormError) in row.visibility = try known(value) }
    try reader.small(&modelsRouted) { (row, value) throws(BatchFormError) in row.complexity = try known(value) }
    try reader.small(&modelsRouted) { (row, value) throws(BatchFormError) in row.strategy = try known(value) }
    try reader.optionalSmall(&modelsRouted) { (row, value) throws(BatchFormError) in
      row.fallback = try value.map(flag)
    }
    try reader.small(&errorsOccurred) { (row, value) throws(BatchFormError) in row.severity = try known(value) }
  }

  private mutating func decodeTexts(_ reader: inout ColumnReader) throws(BatchFormError) {
    try reader.texts(&feedbackSubmitted) { $0.comment = $1 }
    try reader.texts(&errorsOccurred) { $0.message = $1 }
    try reader.texts(&events) { $0.attributes = $1 }
    try reader.texts(&events) { $0.unknown = $1 }
  }
}

@inline(__always)
private func known<Value: RawRepresentable<UInt8>>(_ value: UInt8) throws(BatchFormError) -> Value {
  guard let known = Value(rawValue: value) else { throw .malformed("a value of \(Value.self)") }
  return known
}

@inline(__always)
private func flag(_ value: UInt8) throws(BatchFormError) -> Bool {
  guard value <= 1 else { throw .malformed("a flag") }
  return value == 1
}

@inline(__always)
private func present<Value>(_ value: Value?) throws(BatchFormError) -> Value {
  guard let value else { throw .malformed("a number that is missing") }
  return value
}

@inline(__always)
private func narrow<Value: FixedWidthInteger>(_ value: Int64?) throws(BatchFormError) -> Value? {
  guard let value else { return nil }
  guard let narrow = Value(exactly: value) else { throw .malformed("a number of more than \(Value.bitWidth) bits") }
  return narrow
}
