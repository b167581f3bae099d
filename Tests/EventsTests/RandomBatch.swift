import Randomness

@testable import Events

/// Batches of every type of event with every member there and absent, strings of every form, extremes among the numbers.
struct RandomBatch {
  private var random: SeededRandom
  private(set) var batch = EventBatch()

  static func make(events: Int, seed: UInt64) -> EventBatch {
    var maker = RandomBatch(random: SeededRandom(seed: seed))
    for i in 0..<events { maker.appendEvent(offset: Int64(i) * 2 + 5) }
    return maker.batch
  }

  private init(random: SeededRandom) { self.random = random }

  private mutating func string() -> String {
    let n = random.below(40)
    switch random.below(10) {
    case 0: return uuid()
    case 1: return uuid().uppercased()
    case 2: return "user-\(100 + n)"
    case 3: return "u-00\(100 + n)"
    case 4: return "team \(n)"
    case 5: return "\(1_000_000_000_000_000_000 as UInt64 + UInt64(n))"
    case 6: return String(repeating: "9", count: 15 + n % 10)
    case 7: return "größe-\(n)-😀"
    case 8: return String(repeating: "x", count: 250 + n) + "123"
    default: return "plain" + String(repeating: "!", count: n)
    }
  }

  private mutating func uuid() -> String {
    let digits = random.bytes(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }.joined(separator: "-")
  }

  /// Sometimes one that was there before.
  private mutating func symbol() -> Symbol {
    if batch.strings.count > 0, random.below(3) == 0 {
      return Symbol(index: UInt32(random.below(batch.strings.count)))
    }
    return batch.strings.intern(string())
  }

  private mutating func optionalSymbol() -> Symbol { random.below(2) == 0 ? .none : symbol() }

  /// A person: now and then one who was erased.
  private mutating func person() -> Symbol {
    random.below(12) == 0 ? erasedPerson() : symbol()
  }

  private mutating func erasedPerson() -> Symbol {
    let hash = random.bytes(7) + [0xFF]
    let symbol = hash.withUnsafeBufferPointer { batch.strings.intern($0) }
    batch.erasedPeople.insert(symbol)
    return symbol
  }

  private mutating func text() -> Text {
    if random.below(2) == 0 { return .none }
    let bytes = Array(#""unknown":{"n":\#(random.below(1000)),"é":null}"#.utf8.prefix(random.below(60)))
    batch.texts.append(contentsOf: bytes)
    return Text(offset: UInt32(batch.texts.count - bytes.count), count: UInt32(bytes.count))
  }

  private mutating func integer() -> Int64 {
    switch random.below(6) {
    case 0: 0
    case 1: Int64(random.below(1000)) * 1000
    case 2: Int64(random.below(2)) * .max
    case 3: .min + Int64(random.below(2))
    case 4: -Int64(random.below(1_000_000))
    default: Int64(random.below(1_000_000_000))
    }
  }

  private mutating func optional<T>(_ value: T) -> T? { random.below(2) == 0 ? nil : value }

  private mutating func technologies() -> Range<UInt32> {
    let from = UInt32(batch.technologies.count)
    for _ in 0..<random.below(5) {
      let isObject = random.below(3) == 0
      let (name, category, unknown) = (symbol(), optionalSymbol(), text())
      batch.technologies.append(
        TechnologyMention(
          name: name, category: isObject ? category : .none, unknown: isObject ? unknown : .none, isObject: isObject))
    }
    return from..<UInt32(batch.technologies.count)
  }

  private mutating func appendEvent(offset: Int64) {
    let type = EventType(rawValue: UInt8(random.below(EventType.allCases.count)))!
    let row = appendRow(type)
    var id = optionalSymbol()
    if random.below(20) == 0 {
      let digest = random.bytes(15) + [0xFE]
      id = digest.withUnsafeBufferPointer { batch.strings.intern($0) }
      batch.erasedIdentities.insert(id)
    }
    let envelope = Envelope(rawValue: UInt8(random.below(3)))!
    let typeName = type == .other ? symbol() : .none
    let (source, attributes, unknown) = (symbol(), text(), text())
    batch.events.append(
      Event(
        type: type, envelope: envelope, row: UInt32(row), typeName: typeName, source: source, id: id,
        time: Timestamp(microseconds: integer() / 2), offset: random.below(50) == 0 ? integer() : offset,
        attributes: attributes, unknown: unknown))
  }

  private mutating func appendRow(_ type: EventType) -> Int {
    switch type {
    case .other: return 0
    case .wizardStepCompleted:
      let row = WizardStepCompleted(
        userID: person(), sessionID: person(), step: UInt8(random.below(256)), stepName: optionalSymbol(),
        durationMicroseconds: optional(integer()), teamID: optionalSymbol(), projectID: optionalSymbol())
      batch.wizardStepsCompleted.append(row)
      return batch.wizardStepsCompleted.count - 1
    case .stackSelected:
      let row = StackSelected(
        userID: person(), sessionID: optionalSymbol(), technologies: technologies(), projectType: optionalSymbol(),
        teamID: optionalSymbol())
      batch.stacksSelected.append(row)
      return batch.stacksSelected.count - 1
    case .projectGenerated:
      let row = ProjectGenerated(
        projectID: symbol(), userID: person(), technologies: technologies(), projectType: symbol(),
        teamID: optionalSymbol(), orgID: optionalSymbol(),
        complexityMillionths: optional(Int32(random.below(1_000_001))), templateID: optionalSymbol(),
        visibility: optional(Sharing(rawValue: UInt8(random.below(4)))!))
      batch.projectsGenerated.append(row)
      return batch.projectsGenerated.count - 1
    case .projectOpened:
      let row = ProjectOpened(projectID: symbol(), userID: person())
      batch.projectsOpened.append(row)
      return batch.projectsOpened.count - 1
    case .feedbackSubmitted:
      let row = FeedbackSubmitted(
        projectID: symbol(), userID: person(), success: random.below(2) == 0,
        rating: optional(UInt8(random.below(256))), comment: text())
      batch.feedbackSubmitted.append(row)
      return batch.feedbackSubmitted.count - 1
    case .teamCreated:
      let row = TeamCreated(teamID: symbol(), name: symbol(), orgID: optionalSymbol(), userID: person())
      batch.teamsCreated.append(row)
      return batch.teamsCreated.count - 1
    case .teamMemberAdded, .teamMemberRemoved:
      let role = type == .teamMemberAdded ? TeamRole(rawValue: UInt8(random.below(3))) : nil
      let row = MembershipChange(teamID: symbol(), userID: person(), role: role)
      batch.membershipChanges.append(row)
      return batch.membershipChanges.count - 1
    case .orgSettingsChanged:
      let row = OrgSettingsChange(
        orgID: symbol(), learningEnabled: optional(random.below(2) == 0),
        dataSharingLevel: optional(Sharing(rawValue: UInt8(random.below(4)))!))
      batch.orgSettingsChanges.append(row)
      return batch.orgSettingsChanges.count - 1
    case .projectVisibilityChanged:
      let row = VisibilityChange(projectID: symbol(), visibility: Sharing(rawValue: UInt8(random.below(4)))!)
      batch.visibilityChanges.append(row)
      return batch.visibilityChanges.count - 1
    case .predictionComputed:
      let row = PredictionComputed(
        projectID: symbol(), modelVersion: symbol(), probabilityMillionths: Int32(random.below(1_000_001)),
        latencyMicroseconds: optional(integer()))
      batch.predictionsComputed.append(row)
      return batch.predictionsComputed.count - 1
    case .modelRouted:
      let row = ModelRouted(
        model: symbol(), taskType: symbol(), complexity: TaskComplexity(rawValue: UInt8(random.below(4)))!,
        strategy: RoutingStrategy(rawValue: UInt8(random.below(3)))!, responseTimeMicroseconds: integer(),
        tokensUsed: integer(), costNanodollars: integer(),
        qualityMillionths: optional(Int32(truncatingIfNeeded: integer())), fallback: optional(random.below(2) == 0),
        userID: random.below(2) == 0 ? .none : person(), teamID: optionalSymbol(), projectID: optionalSymbol())
      batch.modelsRouted.append(row)
      return batch.modelsRouted.count - 1
    case .cacheHit, .cacheMiss:
      let row = CacheLookup(
        cache: symbol(), model: optionalSymbol(), tokensSaved: optional(integer()),
        costSavedNanodollars: optional(integer()), projectID: optionalSymbol())
      batch.cacheLookups.append(row)
      return batch.cacheLookups.count - 1
    case .errorOccurred:
      let row = ErrorOccurred(
        component: symbol(), severity: ErrorSeverity(rawValue: UInt8(random.below(4)))!, code: optionalSymbol(),
        message: text(), projectID: optionalSymbol(), userID: random.below(2) == 0 ? .none : person())
      batch.errorsOccurred.append(row)
      return batch.errorsOccurred.count - 1
    case .personErased:
      batch.peopleErased.append(PersonErased(person: erasedPerson()))
      return batch.peopleErased.count - 1
    }
  }
}
