extension EventBatch {
  /// How far a batch was filled, to go back to.
  package struct Mark: Sendable {
    fileprivate var strings: Int
    fileprivate var texts: Int
    fileprivate var technologies: Int
    fileprivate var events: Int
  }

  package var mark: Mark {
    Mark(strings: strings.count, texts: texts.count, technologies: technologies.count, events: events.count)
  }

  /// Takes back everything decoded since the mark: the batch is as it was then. Bounded by what came since.
  package mutating func rollBack(to mark: Mark) {
    while events.count > mark.events {
      switch events.removeLast().type {
      case .other: break
      case .wizardStepCompleted: wizardStepsCompleted.removeLast()
      case .stackSelected: stacksSelected.removeLast()
      case .projectGenerated: projectsGenerated.removeLast()
      case .projectOpened: projectsOpened.removeLast()
      case .feedbackSubmitted: feedbackSubmitted.removeLast()
      case .teamCreated: teamsCreated.removeLast()
      case .teamMemberAdded, .teamMemberRemoved: membershipChanges.removeLast()
      case .orgSettingsChanged: orgSettingsChanges.removeLast()
      case .projectVisibilityChanged: visibilityChanges.removeLast()
      case .predictionComputed: predictionsComputed.removeLast()
      case .modelRouted: modelsRouted.removeLast()
      case .cacheHit, .cacheMiss: cacheLookups.removeLast()
      case .errorOccurred: errorsOccurred.removeLast()
      case .personErased: peopleErased.removeLast()
      }
    }
    texts.removeLast(texts.count - mark.texts)
    technologies.removeLast(technologies.count - mark.technologies)
    strings.truncate(to: mark.strings)
  }
}
