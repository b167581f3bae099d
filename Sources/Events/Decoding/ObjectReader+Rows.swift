// Each type's members of `data`, in the order of the contract's table: the first that breaks a rule is the one reported.

extension ObjectReader {
  /// Appends the event's data to the array of its type, and returns where. `entries` are the members of a technology.
  func row(of type: EventType, entries: MemberSet, _ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    switch type {
    case .other, .personErased: return 0
    case .wizardStepCompleted: return try wizardStepCompleted(&batch)
    case .stackSelected: return try stackSelected(entries, &batch)
    case .projectGenerated: return try projectGenerated(entries, &batch)
    case .projectOpened: return try projectOpened(&batch)
    case .feedbackSubmitted: return try feedbackSubmitted(&batch)
    case .teamCreated: return try teamCreated(&batch)
    case .teamMemberAdded: return try membershipChange(isAddition: true, &batch)
    case .teamMemberRemoved: return try membershipChange(isAddition: false, &batch)
    case .orgSettingsChanged: return try orgSettingsChange(&batch)
    case .projectVisibilityChanged: return try visibilityChange(&batch)
    case .predictionComputed: return try predictionComputed(&batch)
    case .modelRouted: return try modelRouted(&batch)
    case .cacheHit, .cacheMiss: return try cacheLookup(&batch)
    case .errorOccurred: return try errorOccurred(&batch)
    }
  }

  @inline(__always)
  private func append<Row>(_ row: Row, to rows: inout [Row]) -> UInt32 {
    rows.append(row)
    return UInt32(truncatingIfNeeded: rows.count - 1)
  }

  private func wizardStepCompleted(_ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let userID = try identifier(.userID, &batch)
    let sessionID = try identifier(.sessionID, &batch)
    let step = UInt8(try integer(.step, in: Limits.steps))
    let stepName = try optionalName(.stepName, &batch)
    let duration = try optionalDuration(.durationMs)
    let teamID = try optionalIdentifier(.teamID, &batch)
    let projectID = try optionalIdentifier(.projectID, &batch)
    return append(
      WizardStepCompleted(
        userID: userID, sessionID: sessionID, step: step, stepName: stepName, durationMicroseconds: duration,
        teamID: teamID, projectID: projectID),
      to: &batch.wizardStepsCompleted)
  }

  private func stackSelected(_ entries: MemberSet, _ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let userID = try identifier(.userID, &batch)
    let sessionID = try optionalIdentifier(.sessionID, &batch)
    let technologies = try technologies(entries, &batch)
    let projectType = try optionalName(.projectType, &batch)
    let teamID = try optionalIdentifier(.teamID, &batch)
    return append(
      StackSelected(
        userID: userID, sessionID: sessionID, technologies: technologies, projectType: projectType, teamID: teamID),
      to: &batch.stacksSelected)
  }

  private func projectGenerated(_ entries: MemberSet, _ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let projectID = try identifier(.projectID, &batch)
    let userID = try identifier(.userID, &batch)
    let technologies = try technologies(entries, &batch)
    let projectType = try name(.projectType, &batch)
    let teamID = try optionalIdentifier(.teamID, &batch)
    let orgID = try optionalIdentifier(.orgID, &batch)
    let complexity = try optionalFraction(.complexity)
    let templateID = try optionalIdentifier(.templateID, &batch)
    let visibility: Sharing? = try optionalChoice(.visibility)
    return append(
      ProjectGenerated(
        projectID: projectID, userID: userID, technologies: technologies, projectType: projectType, teamID: teamID,
        orgID: orgID, complexityMillionths: complexity, templateID: templateID, visibility: visibility),
      to: &batch.projectsGenerated)
  }

  private func projectOpened(_ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let projectID = try identifier(.projectID, &batch)
    let userID = try identifier(.userID, &batch)
    return append(ProjectOpened(projectID: projectID, userID: userID), to: &batch.projectsOpened)
  }

  private func feedbackSubmitted(_ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let projectID = try identifier(.projectID, &batch)
    let userID = try identifier(.userID, &batch)
    let success = try boolean(.success)
    let rating = try optionalInteger(.rating, in: Limits.ratings)
    let comment = try optionalText(.comment, &batch)
    return append(
      FeedbackSubmitted(
        projectID: projectID, userID: userID, success: success, rating: rating.map { UInt8($0) }, comment: comment),
      to: &batch.feedbackSubmitted)
  }

  private func teamCreated(_ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let teamID = try identifier(.teamID, &batch)
    let name = try name(.name, &batch)
    let orgID = try optionalIdentifier(.orgID, &batch)
    let userID = try identifier(.userID, &batch)
    return append(TeamCreated(teamID: teamID, name: name, orgID: orgID, userID: userID), to: &batch.teamsCreated)
  }

  private func membershipChange(isAddition: Bool, _ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let teamID = try identifier(.teamID, &batch)
    let userID = try identifier(.userID, &batch)
    let role: TeamRole? = isAddition ? try choice(.role) : nil
    return append(MembershipChange(teamID: teamID, userID: userID, role: role), to: &batch.membershipChanges)
  }

  private func orgSettingsChange(_ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let orgID = try identifier(.orgID, &batch)
    let learningEnabled = try optionalBoolean(.learningEnabled)
    let level: Sharing? = try optionalChoice(.dataSharingLevel)
    return append(
      OrgSettingsChange(orgID: orgID, learningEnabled: learningEnabled, dataSharingLevel: level),
      to: &batch.orgSettingsChanges)
  }

  private func visibilityChange(_ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let projectID = try identifier(.projectID, &batch)
    let visibility: Sharing = try choice(.visibility)
    return append(VisibilityChange(projectID: projectID, visibility: visibility), to: &batch.visibilityChanges)
  }

  private func predictionComputed(_ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let projectID = try identifier(.projectID, &batch)
    let modelVersion = try name(.modelVersion, &batch)
    let probability = try fraction(.probability)
    let latency = try optionalDuration(.latencyMs)
    return append(
      PredictionComputed(
        projectID: projectID, modelVersion: modelVersion, probabilityMillionths: probability,
        latencyMicroseconds: latency),
      to: &batch.predictionsComputed)
  }

  private func modelRouted(_ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let model = try name(.model, &batch)
    let taskType = try name(.taskType, &batch)
    let complexity: TaskComplexity = try choice(.complexity)
    let strategy: RoutingStrategy = try choice(.strategy)
    let responseTime = try duration(.responseTimeMs)
    let tokensUsed = try integer(.tokensUsed, in: Limits.tokens)
    let cost = try money(.costUSD)
    let quality = try optionalFraction(.qualityScore)
    let fallback = try optionalBoolean(.fallback)
    let userID = try optionalIdentifier(.userID, &batch)
    let teamID = try optionalIdentifier(.teamID, &batch)
    let projectID = try optionalIdentifier(.projectID, &batch)
    return append(
      ModelRouted(
        model: model, taskType: taskType, complexity: complexity, strategy: strategy,
        responseTimeMicroseconds: responseTime, tokensUsed: tokensUsed, costNanodollars: cost,
        qualityMillionths: quality, fallback: fallback, userID: userID, teamID: teamID, projectID: projectID),
      to: &batch.modelsRouted)
  }

  private func cacheLookup(_ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let cache = try name(.cache, &batch)
    let model = try optionalName(.model, &batch)
    let tokensSaved = try optionalInteger(.tokensSaved, in: Limits.tokens)
    let costSaved = try optionalMoney(.costSavedUSD)
    let projectID = try optionalIdentifier(.projectID, &batch)
    return append(
      CacheLookup(
        cache: cache, model: model, tokensSaved: tokensSaved, costSavedNanodollars: costSaved, projectID: projectID),
      to: &batch.cacheLookups)
  }

  private func errorOccurred(_ batch: inout EventBatch) throws(Refusal) -> UInt32 {
    let component = try name(.component, &batch)
    let severity: ErrorSeverity = try choice(.severity)
    let code = try optionalName(.code, &batch)
    let message = try optionalText(.message, &batch)
    let projectID = try optionalIdentifier(.projectID, &batch)
    let userID = try optionalIdentifier(.userID, &batch)
    return append(
      ErrorOccurred(
        component: component, severity: severity, code: code, message: message, projectID: projectID, userID: userID),
      to: &batch.errorsOccurred)
  }
}
