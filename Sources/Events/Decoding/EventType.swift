/// What happened. A type that is not listed is journaled as `.other` and folded by nobody.
package enum EventType: UInt8, CaseIterable, Sendable {
  case other = 0
  case wizardStepCompleted = 1
  case stackSelected = 2
  case projectGenerated = 3
  case projectOpened = 4
  case feedbackSubmitted = 5
  case teamCreated = 6
  case teamMemberAdded = 7
  case teamMemberRemoved = 8
  case orgSettingsChanged = 9
  case projectVisibilityChanged = 10
  case predictionComputed = 11
  case modelRouted = 12
  case cacheHit = 13
  case cacheMiss = 14
  case errorOccurred = 15
  /// The erasure of a person, which Pleat itself appends: no producer can send it.
  case personErased = 16

  /// What producers send, by name.
  package static let sent = allCases.filter { $0 != .other && $0 != .personErased }

  /// The `type` member of the envelope; nil for `.other`, whose name the event carries.
  package var name: StaticString? {
    switch self {
    case .other: nil
    case .wizardStepCompleted: "wizard_step_completed"
    case .stackSelected: "stack_selected"
    case .projectGenerated: "project_generated"
    case .projectOpened: "project_opened"
    case .feedbackSubmitted: "feedback_submitted"
    case .teamCreated: "team_created"
    case .teamMemberAdded: "team_member_added"
    case .teamMemberRemoved: "team_member_removed"
    case .orgSettingsChanged: "org_settings_changed"
    case .projectVisibilityChanged: "project_visibility_changed"
    case .predictionComputed: "prediction_computed"
    case .modelRouted: "model_routed"
    case .cacheHit: "cache_hit"
    case .cacheMiss: "cache_miss"
    case .errorOccurred: "error_occurred"
    case .personErased: "person_erased"
    }
  }
}
