// Rows before their columns are read. A column that is absent leaves what stands here.

extension Event {
  static let blank = Event(
    type: .other, envelope: .structured, row: 0, typeName: .none, source: .none, id: .none,
    time: Timestamp(microseconds: 0), offset: 0, attributes: .none, unknown: .none)
}

extension TechnologyMention {
  static let blank = TechnologyMention(name: .none, category: .none, unknown: .none, isObject: false)
}

extension WizardStepCompleted {
  static let blank = WizardStepCompleted(
    userID: .none, sessionID: .none, step: 0, stepName: .none, durationMicroseconds: nil, teamID: .none,
    projectID: .none)
}

extension StackSelected {
  static let blank = StackSelected(
    userID: .none, sessionID: .none, technologies: 0..<0, projectType: .none, teamID: .none)
}

extension ProjectGenerated {
  static let blank = ProjectGenerated(
    projectID: .none, userID: .none, technologies: 0..<0, projectType: .none, teamID: .none, orgID: .none,
    complexityMillionths: nil, templateID: .none, visibility: nil)
}

extension ProjectOpened {
  static let blank = ProjectOpened(projectID: .none, userID: .none)
}

extension FeedbackSubmitted {
  static let blank = FeedbackSubmitted(projectID: .none, userID: .none, success: false, rating: nil, comment: .none)
}

extension TeamCreated {
  static let blank = TeamCreated(teamID: .none, name: .none, orgID: .none, userID: .none)
}

extension MembershipChange {
  static let blank = MembershipChange(teamID: .none, userID: .none, role: nil)
}

extension OrgSettingsChange {
  static let blank = OrgSettingsChange(orgID: .none, learningEnabled: nil, dataSharingLevel: nil)
}

extension VisibilityChange {
  static let blank = VisibilityChange(projectID: .none, visibility: .none)
}

extension PredictionComputed {
  static let blank = PredictionComputed(
    projectID: .none, modelVersion: .none, probabilityMillionths: 0, latencyMicroseconds: nil)
}

extension ModelRouted {
  static let blank = ModelRouted(
    model: .none, taskType: .none, complexity: .simple, strategy: .cost, responseTimeMicroseconds: 0, tokensUsed: 0,
    costNanodollars: 0, qualityMillionths: nil, fallback: nil, userID: .none, teamID: .none, projectID: .none)
}

extension CacheLookup {
  static let blank = CacheLookup(
    cache: .none, model: .none, tokensSaved: nil, costSavedNanodollars: nil, projectID: .none)
}

extension PersonErased {
  static let blank = PersonErased(person: .none)
}

extension ErrorOccurred {
  static let blank = ErrorOccurred(
    component: .none, severity: .info, code: .none, message: .none, projectID: .none, userID: .none)
}
