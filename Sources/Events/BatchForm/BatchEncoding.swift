extension EventBatch {
  /// The batch in its binary form (see `BatchForm`), compressed: `payload` with all but the events' offsets, sources and ids,
  /// which are the `identities`. Both together are the batch again; each alone has the count of events.
  ///
  /// The bytes follow from the events and their order alone: however the strings are numbered and the rows stand in their
  /// arrays, the same events give the same bytes.
  ///
  /// - Precondition: at most 2^20 events, 2^28 bytes of strings and texts.
  package func encoded() -> (payload: [UInt8], identities: [UInt8]) {
    precondition(count <= BatchForm.maximumEvents, "a batch holds \(BatchForm.maximumEvents) events at most")
    precondition(strings.byteCount <= BatchForm.maximumBytes, "a batch holds \(BatchForm.maximumBytes) bytes at most")
    let batch = hasRowsInEventOrder ? self : withRowsInEventOrder()
    return batch.strings.withStorage { storage in
      (batch.encodedPayload(storage), IdentityColumn.encode(batch, storage))
    }
  }

  private func encodedPayload(_ storage: SymbolTable.Storage) -> [UInt8] {
    var writer = ColumnWriter(storage, of: self)
    writer.count(count)
    writer.small(events) { $0.type.rawValue }
    writer.small(events) { $0.envelope.rawValue }
    writer.differences(events, step: 0) { $0.time.microseconds }
    writer.beginDomain()
    writer.symbols(events) { $0.typeName }
    encodePeople(&writer)
    encodeProjects(&writer)
    encodeTeams(&writer)
    encodeTechnologies(&writer)
    encodeNames(&writer)
    encodeIntegers(&writer)
    encodeSmall(&writer)
    encodeTexts(&writer)
    return writer.finish(magic: BatchForm.payloadMagic)
  }

  private func encodePeople(_ writer: inout ColumnWriter) {
    writer.beginDomain()
    writer.requiredSymbols(wizardStepsCompleted) { $0.userID }
    writer.requiredSymbols(stacksSelected) { $0.userID }
    writer.requiredSymbols(projectsGenerated) { $0.userID }
    writer.requiredSymbols(projectsOpened) { $0.userID }
    writer.requiredSymbols(feedbackSubmitted) { $0.userID }
    writer.requiredSymbols(teamsCreated) { $0.userID }
    writer.requiredSymbols(membershipChanges) { $0.userID }
    writer.symbols(modelsRouted) { $0.userID }
    writer.symbols(errorsOccurred) { $0.userID }
    writer.requiredSymbols(peopleErased) { $0.person }
    writer.beginDomain()
    writer.requiredSymbols(wizardStepsCompleted) { $0.sessionID }
    writer.symbols(stacksSelected) { $0.sessionID }
  }

  private func encodeProjects(_ writer: inout ColumnWriter) {
    writer.beginDomain()
    writer.requiredSymbols(projectsGenerated) { $0.projectID }
    writer.symbols(wizardStepsCompleted) { $0.projectID }
    writer.requiredSymbols(projectsOpened) { $0.projectID }
    writer.requiredSymbols(feedbackSubmitted) { $0.projectID }
    writer.requiredSymbols(visibilityChanges) { $0.projectID }
    writer.requiredSymbols(predictionsComputed) { $0.projectID }
    writer.symbols(modelsRouted) { $0.projectID }
    writer.symbols(cacheLookups) { $0.projectID }
    writer.symbols(errorsOccurred) { $0.projectID }
  }

  private func encodeTeams(_ writer: inout ColumnWriter) {
    writer.beginDomain()
    writer.requiredSymbols(teamsCreated) { $0.teamID }
    writer.requiredSymbols(membershipChanges) { $0.teamID }
    writer.symbols(wizardStepsCompleted) { $0.teamID }
    writer.symbols(stacksSelected) { $0.teamID }
    writer.symbols(projectsGenerated) { $0.teamID }
    writer.symbols(modelsRouted) { $0.teamID }
    writer.beginDomain()
    writer.symbols(teamsCreated) { $0.orgID }
    writer.symbols(projectsGenerated) { $0.orgID }
    writer.requiredSymbols(orgSettingsChanges) { $0.orgID }
    writer.beginDomain()
    writer.requiredSymbols(teamsCreated) { $0.name }
  }

  private func encodeTechnologies(_ writer: inout ColumnWriter) {
    writer.integers(stacksSelected) { Int64($0.technologies.count) }
    writer.integers(projectsGenerated) { Int64($0.technologies.count) }
    var mentions: [TechnologyMention] = []
    mentions.reserveCapacity(technologies.count)
    for row in stacksSelected { mentions.append(contentsOf: technologies[row.technologies.asIndices]) }
    for row in projectsGenerated { mentions.append(contentsOf: technologies[row.technologies.asIndices]) }
    precondition(
      mentions.count <= BatchForm.maximumMentions, "a batch holds \(BatchForm.maximumMentions) mentions at most")
    writer.beginDomain()
    writer.requiredSymbols(mentions) { $0.name }
    writer.beginDomain()
    writer.symbols(mentions) { $0.category }
    writer.small(mentions) { $0.isObject ? 1 : 0 }
    writer.texts(mentions) { $0.unknown }
  }

  /// What takes few values: a domain each, so that the numbers are small.
  private func encodeNames(_ writer: inout ColumnWriter) {
    writer.beginDomain()
    writer.symbols(wizardStepsCompleted) { $0.stepName }
    writer.beginDomain()
    writer.symbols(stacksSelected) { $0.projectType }
    writer.requiredSymbols(projectsGenerated) { $0.projectType }
    writer.beginDomain()
    writer.symbols(projectsGenerated) { $0.templateID }
    writer.beginDomain()
    writer.requiredSymbols(predictionsComputed) { $0.modelVersion }
    writer.beginDomain()
    writer.requiredSymbols(modelsRouted) { $0.model }
    writer.symbols(cacheLookups) { $0.model }
    writer.beginDomain()
    writer.requiredSymbols(modelsRouted) { $0.taskType }
    writer.beginDomain()
    writer.requiredSymbols(cacheLookups) { $0.cache }
    writer.beginDomain()
    writer.requiredSymbols(errorsOccurred) { $0.component }
    writer.beginDomain()
    writer.symbols(errorsOccurred) { $0.code }
  }

  private func encodeIntegers(_ writer: inout ColumnWriter) {
    writer.integers(wizardStepsCompleted) { $0.durationMicroseconds }
    writer.integers(predictionsComputed) { $0.latencyMicroseconds }
    writer.integers(modelsRouted) { $0.responseTimeMicroseconds }
    writer.integers(modelsRouted) { $0.tokensUsed }
    writer.integers(cacheLookups) { $0.tokensSaved }
    writer.integers(modelsRouted) { $0.costNanodollars }
    writer.integers(cacheLookups) { $0.costSavedNanodollars }
    writer.integers(projectsGenerated) { $0.complexityMillionths.map(Int64.init) }
    writer.integers(predictionsComputed) { Int64($0.probabilityMillionths) }
    writer.integers(modelsRouted) { $0.qualityMillionths.map(Int64.init) }
    writer.integers(feedbackSubmitted) { $0.rating.map(Int64.init) }
  }

  private func encodeSmall(_ writer: inout ColumnWriter) {
    writer.small(wizardStepsCompleted) { $0.step }
    writer.optionalSmall(projectsGenerated) { $0.visibility?.rawValue }
    writer.small(feedbackSubmitted) { $0.success ? 1 : 0 }
    writer.optionalSmall(membershipChanges) { $0.role?.rawValue }
    writer.optionalSmall(orgSettingsChanges) { $0.learningEnabled.map { $0 ? 1 : 0 } }
    writer.optionalSmall(orgSettingsChanges) { $0.dataSharingLevel?.rawValue }
    writer.small(visibilityChanges) { $0.visibility.rawValue }
    writer.small(modelsRouted) { $0.complexity.rawValue }
    writer.small(modelsRouted) { $0.strategy.rawValue }
    writer.optionalSmall(modelsRouted) { $0.fallback.map { $0 ? 1 : 0 } }
    writer.small(errorsOccurred) { $0.severity.rawValue }
  }

  private func encodeTexts(_ writer: inout ColumnWriter) {
    writer.texts(feedbackSubmitted) { $0.comment }
    writer.texts(errorsOccurred) { $0.message }
    writer.texts(events) { $0.attributes }
    writer.texts(events) { $0.unknown }
  }
}

extension Range<UInt32> {
  /// The same range as indices of an array.
  var asIndices: Range<Int> { Int(lowerBound)..<Int(upperBound) }
}
