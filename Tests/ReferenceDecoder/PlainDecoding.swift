package import Events

/// 2026-11-21T12:00:00Z.
package let clock = Timestamp(microseconds: 1_795_262_400_000_000)
package let identityKey = HashKey(k0: 0x0706_0504_0302_0100, k1: 0x0F0E_0D0C_0B0A_0908)

/// Decodes bytes as if they came from Kafka.
package func decode(
  _ value: [UInt8]?, headers: [(String, [UInt8]?)] = [], offset: Int64 = 0, with decoder: EventDecoder,
  into batch: inout EventBatch
) -> Result<DecodedEvent, Refusal> {
  decode(value, rawHeaders: headers.map { (Array($0.0.utf8), $0.1) }, offset: offset, with: decoder, into: &batch)
}

/// The same, with names of headers that may be any bytes.
package func decode(
  _ value: [UInt8]?, rawHeaders headers: [([UInt8], [UInt8]?)], offset: Int64 = 0, with decoder: EventDecoder,
  into batch: inout EventBatch
) -> Result<DecodedEvent, Refusal> {
  var memory = value ?? []
  // Headers behind the value, each a range of the one memory.
  var ranges: [(name: Range<Int>, value: Range<Int>?)] = []
  func add(_ bytes: [UInt8]) -> Range<Int> {
    memory += bytes
    return (memory.count - bytes.count)..<memory.count
  }
  for (name, bytes) in headers { ranges.append((add(name), bytes.map(add))) }
  let valueCount = value.map(\.count)
  return memory.withUnsafeBytes { all in
    let content = RecordContent(
      value: valueCount.map { UnsafeRawBufferPointer(rebasing: all[..<$0]) },
      headers: ranges.map { range in
        (
          UnsafeRawBufferPointer(rebasing: all[range.name]),
          range.value.map { UnsafeRawBufferPointer(rebasing: all[$0]) }
        )
      }, offset: offset)
    do throws(Refusal) { return .success(try decoder.decode(content, now: clock, into: &batch)) } catch {
      return .failure(error)
    }
  }
}

/// Decodes one event into a batch of its own.
package func decodePlain(_ value: [UInt8]?, headers: [(String, [UInt8]?)] = []) -> Result<PlainEvent, Refusal> {
  var batch = EventBatch()
  let result = decode(value, headers: headers, with: EventDecoder(identityKey: identityKey), into: &batch)
  return result.map { _ in batch.plainEvent(at: 0) }
}

extension EventBatch {
  private func text(_ symbol: Symbol) -> [UInt8]? { symbol.isNone ? nil : strings.withBytes(symbol) { Array($0) } }

  private func text(_ text: Text) -> [UInt8]? {
    text.isNone ? nil : Array(texts[Int(text.offset)..<Int(text.offset + text.count)])
  }

  /// Every count that decoding changes.
  package var extent: [Int] {
    [
      strings.count, strings.byteCount, texts.count, events.count, wizardStepsCompleted.count, stacksSelected.count,
      projectsGenerated.count, projectsOpened.count, feedbackSubmitted.count, teamsCreated.count,
      membershipChanges.count,
      orgSettingsChanges.count, visibilityChanges.count, predictionsComputed.count, modelsRouted.count,
      cacheLookups.count,
      errorsOccurred.count, technologies.count,
    ]
  }

  package func plainEvent(at index: Int) -> PlainEvent {
    let event = events[index]
    return PlainEvent(
      envelope: event.envelope,
      type: event.type.name?.description ?? String(decoding: text(event.typeName)!, as: UTF8.self),
      source: text(event.source)!, id: text(event.id), microseconds: event.time.microseconds,
      attributes: text(event.attributes), unknown: text(event.unknown), data: data(event).compactMapValues { $0 })
  }

  private func data(_ event: Event) -> [String: PlainValue?] {
    func string(_ symbol: Symbol) -> PlainValue? { text(symbol).map { .text($0) } }
    func free(_ reference: Text) -> PlainValue? { text(reference).map { .text($0) } }
    func integer<T: BinaryInteger>(_ value: T?) -> PlainValue? { value.map { .integer(Int64($0)) } }
    func boolean(_ value: Bool?) -> PlainValue? { value.map { .boolean($0) } }
    func mentions(_ range: Range<UInt32>) -> PlainValue {
      .technologies(
        technologies[Int(range.lowerBound)..<Int(range.upperBound)].map {
          PlainTechnology(
            name: text($0.name)!, category: text($0.category), unknown: text($0.unknown), isObject: $0.isObject)
        })
    }
    let row = Int(event.row)
    switch event.type {
    case .other, .personErased: return [:]
    case .wizardStepCompleted:
      let it = wizardStepsCompleted[row]
      return [
        "user_id": string(it.userID), "session_id": string(it.sessionID), "step": integer(it.step),
        "step_name": string(it.stepName), "duration_ms": integer(it.durationMicroseconds), "team_id": string(it.teamID),
        "project_id": string(it.projectID),
      ]
    case .stackSelected:
      let it = stacksSelected[row]
      return [
        "user_id": string(it.userID), "session_id": string(it.sessionID), "technologies": mentions(it.technologies),
        "project_type": string(it.projectType), "team_id": string(it.teamID),
      ]
    case .projectGenerated:
      let it = projectsGenerated[row]
      return [
        "project_id": string(it.projectID), "user_id": string(it.userID), "technologies": mentions(it.technologies),
        "project_type": string(it.projectType), "team_id": string(it.teamID), "org_id": string(it.orgID),
        "complexity": integer(it.complexityMillionths), "template_id": string(it.templateID),
        "visibility": integer(it.visibility?.rawValue),
      ]
    case .projectOpened:
      let it = projectsOpened[row]
      return ["project_id": string(it.projectID), "user_id": string(it.userID)]
    case .feedbackSubmitted:
      let it = feedbackSubmitted[row]
      return [
        "project_id": string(it.projectID), "user_id": string(it.userID), "success": boolean(it.success),
        "rating": integer(it.rating), "comment": free(it.comment),
      ]
    case .teamCreated:
      let it = teamsCreated[row]
      return [
        "team_id": string(it.teamID), "name": string(it.name), "org_id": string(it.orgID), "user_id": string(it.userID),
      ]
    case .teamMemberAdded, .teamMemberRemoved:
      let it = membershipChanges[row]
      return ["team_id": string(it.teamID), "user_id": string(it.userID), "role": integer(it.role?.rawValue)]
    case .orgSettingsChanged:
      let it = orgSettingsChanges[row]
      return [
        "org_id": string(it.orgID), "learning_enabled": boolean(it.learningEnabled),
        "data_sharing_level": integer(it.dataSharingLevel?.rawValue),
      ]
    case .projectVisibilityChanged:
      let it = visibilityChanges[row]
      return ["project_id": string(it.projectID), "visibility": integer(it.visibility.rawValue)]
    case .predictionComputed:
      let it = predictionsComputed[row]
      return [
        "project_id": string(it.projectID), "model_version": string(it.modelVersion),
        "probability": integer(it.probabilityMillionths), "latency_ms": integer(it.latencyMicroseconds),
      ]
    case .modelRouted:
      let it = modelsRouted[row]
      return [
        "model": string(it.model), "task_type": string(it.taskType), "complexity": integer(it.complexity.rawValue),
        "strategy": integer(it.strategy.rawValue), "response_time_ms": integer(it.responseTimeMicroseconds),
        "tokens_used": integer(it.tokensUsed), "cost_usd": integer(it.costNanodollars),
        "quality_score": integer(it.qualityMillionths), "fallback": boolean(it.fallback), "user_id": string(it.userID),
        "team_id": string(it.teamID), "project_id": string(it.projectID),
      ]
    case .cacheHit, .cacheMiss:
      let it = cacheLookups[row]
      return [
        "cache": string(it.cache), "model": string(it.model), "tokens_saved": integer(it.tokensSaved),
        "cost_saved_usd": integer(it.costSavedNanodollars), "project_id": string(it.projectID),
      ]
    case .errorOccurred:
      let it = errorsOccurred[row]
      return [
        "component": string(it.component), "severity": integer(it.severity.rawValue), "code": string(it.code),
        "message": free(it.message), "project_id": string(it.projectID), "user_id": string(it.userID),
      ]
    }
  }
}
