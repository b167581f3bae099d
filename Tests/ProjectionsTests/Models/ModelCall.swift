import Randomness

@testable import Events

/// A call as a test writes it; without a model, an event of another type.
struct ModelCall {
  var model: String?
  var task = "task"
  var complexity = TaskComplexity.simple
  var time: Int64 = 0
  var response: Int64 = 0
  var tokens: Int64 = 0
  var cost: Int64 = 0
  var quality: Int32?
  var fallback: Bool?

  /// As the events name the complexity.
  var level: String { ["simple", "medium", "complex", "very_high"][Int(complexity.rawValue)] }

  /// Of a small world, so that rows meet.
  static func random(_ random: inout SeededRandom) -> ModelCall {
    ModelCall(
      model: random.chance(10) ? nil : "model \(random.below(3))", task: ["a", "b", "é"][random.below(3)],
      complexity: [.simple, .medium, .complex, .veryHigh][random.below(4)],
      time: Int64(random.below(60)) * Timestamp.microsecondsPerHour,
      response: Int64.random(in: 0...5_000_000, using: &random) >> Int64(random.below(22)),
      tokens: Int64(random.below(10_000)), cost: Int64(random.below(1_000_000_000)),
      quality: random.chance(50) ? Int32(random.below(1_000_001)) : nil,
      fallback: random.chance(50) ? random.chance(50) : nil)
  }
}

extension EventBatch {
  init(calls: some Collection<ModelCall>) {
    self.init()
    for (offset, call) in calls.enumerated() {
      events.append(
        Event(
          type: call.model == nil ? .other : .modelRouted, envelope: .bare, row: UInt32(modelsRouted.count),
          typeName: .none, source: strings.intern("bare"), id: .none, time: Timestamp(microseconds: call.time),
          offset: Int64(offset), attributes: .none, unknown: .none))
      guard let model = call.model else { continue }
      modelsRouted.append(
        ModelRouted(
          model: strings.intern(model), taskType: strings.intern(call.task), complexity: call.complexity,
          strategy: .cost, responseTimeMicroseconds: call.response, tokensUsed: call.tokens, costNanodollars: call.cost,
          qualityMillionths: call.quality, fallback: call.fallback, userID: .none, teamID: .none, projectID: .none))
    }
  }
}
