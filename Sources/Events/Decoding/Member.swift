/// The member names the decoder knows, of envelopes, `data`, and entries of `technologies`, numbered for the JSON reader.
enum Member: UInt8, CaseIterable {
  case specversion = 1
  case id, source, type, time, timestamp, data
  case userID, sessionID, projectID, teamID, orgID, templateID
  case step, stepName, durationMs
  case technologies, category, name, projectType, complexity, visibility
  case success, rating, comment
  case role, learningEnabled, dataSharingLevel
  case modelVersion, probability, latencyMs
  case model, taskType, strategy, responseTimeMs, tokensUsed, costUSD, qualityScore, fallback
  case cache, tokensSaved, costSavedUSD
  case component, severity, code, message

  var text: StaticString {
    switch self {
    case .specversion: "specversion"
    case .id: "id"
    case .source: "source"
    case .type: "type"
    case .time: "time"
    case .timestamp: "timestamp"
    case .data: "data"
    case .userID: "user_id"
    case .sessionID: "session_id"
    case .projectID: "project_id"
    case .teamID: "team_id"
    case .orgID: "org_id"
    case .templateID: "template_id"
    case .step: "step"
    case .stepName: "step_name"
    case .durationMs: "duration_ms"
    case .technologies: "technologies"
    case .category: "category"
    case .name: "name"
    case .projectType: "project_type"
    case .complexity: "complexity"
    case .visibility: "visibility"
    case .success: "success"
    case .rating: "rating"
    case .comment: "comment"
    case .role: "role"
    case .learningEnabled: "learning_enabled"
    case .dataSharingLevel: "data_sharing_level"
    case .modelVersion: "model_version"
    case .probability: "probability"
    case .latencyMs: "latency_ms"
    case .model: "model"
    case .taskType: "task_type"
    case .strategy: "strategy"
    case .responseTimeMs: "response_time_ms"
    case .tokensUsed: "tokens_used"
    case .costUSD: "cost_usd"
    case .qualityScore: "quality_score"
    case .fallback: "fallback"
    case .cache: "cache"
    case .tokensSaved: "tokens_saved"
    case .costSavedUSD: "cost_saved_usd"
    case .component: "component"
    case .severity: "severity"
    case .code: "code"
    case .message: "message"
    }
  }
}

/// Some of the known member names, a bit each.
struct MemberSet: ExpressibleByArrayLiteral {
  private(set) var bits: UInt64 = 0
  init() {}
  init(arrayLiteral elements: Member...) { for element in elements { insert(element) } }

  @inline(__always)
  static func bit(_ number: UInt8) -> UInt64 { 1 << UInt64(number & 63) }

  @inline(__always)
  mutating func insert(_ member: Member) { bits |= Self.bit(member.rawValue) }
  @inline(__always)
  mutating func insert(number: UInt8) { bits |= Self.bit(number) }
  @inline(__always)
  func contains(_ member: Member) -> Bool { bits & Self.bit(member.rawValue) != 0 }
  /// Number 0 stands for every name that is not known: only a reader's set of what it has seen holds it.
  @inline(__always)
  func contains(number: UInt8) -> Bool { bits & Self.bit(number) != 0 }
  @inline(__always)
  func isSubset(of other: Self) -> Bool { bits & ~other.bits == 0 }
}

/// The sets that decoding asks for with every event, made once.
struct KnownMembers {
  let envelope: MemberSet = [.specversion, .id, .source, .type, .time, .timestamp, .data]
  let structuredEnvelope: MemberSet = [.specversion, .id, .source, .type, .time, .data]
  let bareEnvelope: MemberSet = [.specversion, .type, .timestamp, .id, .data]
  let technology: MemberSet = [.name, .category]
  /// Of `data`, and many of them: looked up ahead.
  let identifiers: MemberSet = [.userID, .sessionID, .projectID, .teamID, .orgID, .templateID]
  private let ofType = EventType.allCases.map(\.members)

  /// Those of `data`.
  @inline(__always)
  func of(_ type: EventType) -> MemberSet { ofType[Int(type.rawValue)] }
}

extension EventType {
  /// The members of `data` that the type has; every other one is kept as JSON text.
  fileprivate var members: MemberSet {
    switch self {
    case .other, .personErased: []
    case .wizardStepCompleted: [.userID, .sessionID, .step, .stepName, .durationMs, .teamID, .projectID]
    case .stackSelected: [.userID, .sessionID, .technologies, .projectType, .teamID]
    case .projectGenerated:
      [
        .projectID, .userID, .technologies, .projectType, .teamID, .orgID, .complexity, .templateID, .visibility,
      ]
    case .projectOpened: [.projectID, .userID]
    case .feedbackSubmitted: [.projectID, .userID, .success, .rating, .comment]
    case .teamCreated: [.teamID, .name, .orgID, .userID]
    case .teamMemberAdded: [.teamID, .userID, .role]
    case .teamMemberRemoved: [.teamID, .userID]
    case .orgSettingsChanged: [.orgID, .learningEnabled, .dataSharingLevel]
    case .projectVisibilityChanged: [.projectID, .visibility]
    case .predictionComputed: [.projectID, .modelVersion, .probability, .latencyMs]
    case .modelRouted:
      [
        .model, .taskType, .complexity, .strategy, .responseTimeMs, .tokensUsed, .costUSD, .qualityScore, .fallback,
        .userID, .teamID, .projectID,
      ]
    case .cacheHit, .cacheMiss: [.cache, .model, .tokensSaved, .costSavedUSD, .projectID]
    case .errorOccurred: [.component, .severity, .code, .message, .projectID, .userID]
    }
  }
}
