import Events

extension EventBatch {
  /// Every event in words, symbols and texts resolved: two batches mean the same if their descriptions are the same, however
  /// their strings are numbered and their rows stand. Made by reflection, so that no member can be forgotten.
  var eventDescriptions: [String] { events.map { describe($0) } }

  private func describe(_ event: Event) -> String {
    var parts = Mirror(reflecting: event).children.filter { $0.label != "row" }.map {
      "\($0.label!)=\(describe($0.value))"
    }
    if let row = row(of: event) {
      parts += Mirror(reflecting: row).children.map { "\($0.label!)=\(describe($0.value))" }
    }
    return parts.joined(separator: " ")
  }

  private func describe(_ value: Any) -> String {
    switch value {
    case let symbol as Symbol: describe(symbol)
    case let text as Text:
      text.isNone
        ? "–" : "“\(String(decoding: texts[Int(text.offset)..<Int(text.offset + text.count)], as: UTF8.self))”"
    case let range as Range<UInt32>:
      "["
        + technologies[Int(range.lowerBound)..<Int(range.upperBound)].map { mention in
          Mirror(reflecting: mention).children.map { "\($0.label!)=\(describe($0.value))" }.joined(separator: " ")
        }.joined(separator: "; ") + "]"
    default: "\(value)"
    }
  }

  private func describe(_ symbol: Symbol) -> String {
    if symbol.isNone { return "–" }
    let bytes = strings.withBytes(symbol) { Array($0) }
    if erasedPeople.contains(symbol) { return "person\(bytes)" }
    if erasedIdentities.contains(symbol) { return "identity\(bytes)" }
    return "‘\(String(decoding: bytes, as: UTF8.self))’"
  }

  private func row(of event: Event) -> Any? {
    let row = Int(event.row)
    return switch event.type {
    case .other: nil
    case .wizardStepCompleted: wizardStepsCompleted[row]
    case .stackSelected: stacksSelected[row]
    case .projectGenerated: projectsGenerated[row]
    case .projectOpened: projectsOpened[row]
    case .feedbackSubmitted: feedbackSubmitted[row]
    case .teamCreated: teamsCreated[row]
    case .teamMemberAdded, .teamMemberRemoved: membershipChanges[row]
    case .orgSettingsChanged: orgSettingsChanges[row]
    case .projectVisibilityChanged: visibilityChanges[row]
    case .predictionComputed: predictionsComputed[row]
    case .modelRouted: modelsRouted[row]
    case .cacheHit, .cacheMiss: cacheLookups[row]
    case .errorOccurred: errorsOccurred[row]
    case .personErased: peopleErased[row]
    }
  }
}
