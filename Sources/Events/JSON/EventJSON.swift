/// An event of the journal as a line of JSON: `position`, `topic`, `partition`, `offset`, `type`, `source`, `id` (null where
/// there is none), `time`, `data`.
///
/// `data` is what arrived, with the names trimmed and the numbers in the precision that is kept: known members in the
/// contract's order, without those that are absent, then the unknown ones as they were written. Durations are milliseconds,
/// money is a decimal string. Where an erasure has put a hash or digest in an id's place stands an object, which no producer
/// can send: `{"hash":"16 hexadecimal digits"}`, `{"digest":"32 hexadecimal digits"}`.
package enum EventJSON {
  /// Appends the line without its end.
  package static func append(
    _ index: Int, of batch: EventBatch, position: Int64, topic: String, partition: Int32, to json: inout [UInt8]
  ) {
    var line = EventJSONWriter(batch, json: json)
    json = []
    line.open()
    line.member("position", integer: position)
    line.member("topic", string: topic)
    line.member("partition", integer: Int64(partition))
    let event = batch.events[index]
    line.member("offset", integer: event.offset)
    if let name = event.type.name {
      line.member("type", ascii: name)
    } else {
      line.member("type", event.typeName)
    }
    line.member("source", event.source)
    if event.id.isNone { line.null("id") } else { line.member("id", event.id) }
    line.member("time", event.time)
    line.name("data")
    line.open()
    data(of: event, batch, &line)
    line.members(event.unknown)
    line.close()
    line.close()
    json = line.json
  }

  package static func line(
    _ index: Int, of batch: EventBatch, position: Int64, topic: String, partition: Int32
  ) -> String {
    var json: [UInt8] = []
    append(index, of: batch, position: position, topic: topic, partition: partition, to: &json)
    return String(decoding: json, as: UTF8.self)
  }

  private static func data(of event: Event, _ batch: EventBatch, _ line: inout EventJSONWriter) {
    let row = Int(event.row)
    switch event.type {
    case .other: break
    case .wizardStepCompleted: write(batch.wizardStepsCompleted[row], &line)
    case .stackSelected: write(batch.stacksSelected[row], &line)
    case .projectGenerated: write(batch.projectsGenerated[row], &line)
    case .projectOpened: write(batch.projectsOpened[row], &line)
    case .feedbackSubmitted: write(batch.feedbackSubmitted[row], &line)
    case .teamCreated: write(batch.teamsCreated[row], &line)
    case .teamMemberAdded, .teamMemberRemoved: write(batch.membershipChanges[row], &line)
    case .orgSettingsChanged: write(batch.orgSettingsChanges[row], &line)
    case .projectVisibilityChanged: write(batch.visibilityChanges[row], &line)
    case .predictionComputed: write(batch.predictionsComputed[row], &line)
    case .modelRouted: write(batch.modelsRouted[row], &line)
    case .cacheHit, .cacheMiss: write(batch.cacheLookups[row], &line)
    case .errorOccurred: write(batch.errorsOccurred[row], &line)
    case .personErased: line.member("person", batch.peopleErased[row].person)
    }
  }

  private static func write(_ row: WizardStepCompleted, _ line: inout EventJSONWriter) {
    line.member("user_id", row.userID)
    line.member("session_id", row.sessionID)
    line.member("step", integer: Int64(row.step))
    line.member("step_name", row.stepName)
    line.member("duration_ms", row.durationMicroseconds, overTenToThe: 3)
    line.member("team_id", row.teamID)
    line.member("project_id", row.projectID)
  }

  private static func write(_ row: StackSelected, _ line: inout EventJSONWriter) {
    line.member("user_id", row.userID)
    line.member("session_id", row.sessionID)
    line.technologies(row.technologies)
    line.member("project_type", row.projectType)
    line.member("team_id", row.teamID)
  }

  private static func write(_ row: ProjectGenerated, _ line: inout EventJSONWriter) {
    line.member("project_id", row.projectID)
    line.member("user_id", row.userID)
    line.technologies(row.technologies)
    line.member("project_type", row.projectType)
    line.member("team_id", row.teamID)
    line.member("org_id", row.orgID)
    line.member("complexity", row.complexityMillionths.map(Int64.init), overTenToThe: 6)
    line.member("template_id", row.templateID)
    line.member("visibility", ascii: row.visibility?.jsonName)
  }

  private static func write(_ row: ProjectOpened, _ line: inout EventJSONWriter) {
    line.member("project_id", row.projectID)
    line.member("user_id", row.userID)
  }

  private static func write(_ row: FeedbackSubmitted, _ line: inout EventJSONWriter) {
    line.member("project_id", row.projectID)
    line.member("user_id", row.userID)
    line.member("success", row.success)
    line.member("rating", integer: row.rating.map(Int64.init))
    line.member("comment", row.comment)
  }

  private static func write(_ row: TeamCreated, _ line: inout EventJSONWriter) {
    line.member("team_id", row.teamID)
    line.member("name", row.name)
    line.member("org_id", row.orgID)
    line.member("user_id", row.userID)
  }

  private static func write(_ row: MembershipChange, _ line: inout EventJSONWriter) {
    line.member("team_id", row.teamID)
    line.member("user_id", row.userID)
    line.member("role", ascii: row.role?.jsonName)
  }

  private static func write(_ row: OrgSettingsChange, _ line: inout EventJSONWriter) {
    line.member("org_id", row.orgID)
    line.member("learning_enabled", row.learningEnabled)
    line.member("data_sharing_level", ascii: row.dataSharingLevel?.jsonName)
  }

  private static func write(_ row: VisibilityChange, _ line: inout EventJSONWriter) {
    line.member("project_id", row.projectID)
    line.member("visibility", ascii: row.visibility.jsonName)
  }

  private static func write(_ row: PredictionComputed, _ line: inout EventJSONWriter) {
    line.member("project_id", row.projectID)
    line.member("model_version", row.modelVersion)
    line.member("probability", Int64(row.probabilityMillionths), overTenToThe: 6)
    line.member("latency_ms", row.latencyMicroseconds, overTenToThe: 3)
  }

  private static func write(_ row: ModelRouted, _ line: inout EventJSONWriter) {
    line.member("model", row.model)
    line.member("task_type", row.taskType)
    line.member("complexity", ascii: row.complexity.jsonName)
    line.member("strategy", ascii: row.strategy.jsonName)
    line.member("response_time_ms", row.responseTimeMicroseconds, overTenToThe: 3)
    line.member("tokens_used", integer: row.tokensUsed)
    line.member("cost_usd", nanodollars: row.costNanodollars)
    line.member("quality_score", row.qualityMillionths.map(Int64.init), overTenToThe: 6)
    line.member("fallback", row.fallback)
    line.member("user_id", row.userID)
    line.member("team_id", row.teamID)
    line.member("project_id", row.projectID)
  }

  private static func write(_ row: CacheLookup, _ line: inout EventJSONWriter) {
    line.member("cache", row.cache)
    line.member("model", row.model)
    line.member("tokens_saved", integer: row.tokensSaved)
    line.member("cost_saved_usd", nanodollars: row.costSavedNanodollars)
    line.member("project_id", row.projectID)
  }

  private static func write(_ row: ErrorOccurred, _ line: inout EventJSONWriter) {
    line.member("component", row.component)
    line.member("severity", ascii: row.severity.jsonName)
    line.member("code", row.code)
    line.member("message", row.message)
    line.member("project_id", row.projectID)
    line.member("user_id", row.userID)
  }
}

extension Sharing {
  fileprivate var jsonName: StaticString {
    switch self {
    case .none: "none"
    case .team: "team"
    case .org: "org"
    case .public: "public"
    }
  }
}

extension TeamRole {
  fileprivate var jsonName: StaticString {
    switch self {
    case .admin: "admin"
    case .member: "member"
    case .viewer: "viewer"
    }
  }
}

extension TaskComplexity {
  fileprivate var jsonName: StaticString {
    switch self {
    case .simple: "simple"
    case .medium: "medium"
    case .complex: "complex"
    case .veryHigh: "very_high"
    }
  }
}

extension RoutingStrategy {
  fileprivate var jsonName: StaticString {
    switch self {
    case .cost: "cost"
    case .balanced: "balanced"
    case .performance: "performance"
    }
  }
}

extension ErrorSeverity {
  fileprivate var jsonName: StaticString {
    switch self {
    case .info: "info"
    case .warning: "warning"
    case .error: "error"
    case .critical: "critical"
    }
  }
}
