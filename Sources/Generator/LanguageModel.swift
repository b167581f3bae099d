/// A language model behind the router: how fast, how dear, how good, and how that changes in the course of the span.
struct LanguageModel {
  enum Tier: Int {
    case small = 0
    case middle, large
  }

  var name: StaticString
  var tier: Tier
  /// Before the first token.
  var baseMilliseconds: Double
  var millisecondsPerToken: Double
  var nanodollarsPerToken: Double
  /// For a medium task, 0–1.
  var quality: Double
  /// The part of the span from which on it is there.
  var launched: Double
  var retired: Double
  var changes: [Change]

  /// From a part of the span on, by these factors.
  struct Change {
    var from: Double
    var latency = 1.0
    var price = 1.0
    var quality = 1.0
  }

  private init(
    _ name: StaticString, _ tier: Tier, base: Double, perToken: Double, price: Double, quality: Double,
    launched: Double = 0, retired: Double = 2, changes: [Change] = []
  ) {
    (self.name, self.tier, baseMilliseconds, millisecondsPerToken) = (name, tier, base, perToken)
    (nanodollarsPerToken, self.quality) = (price, quality)
    (self.launched, self.retired, self.changes) = (launched, retired, changes)
  }

  static let all: [LanguageModel] = [
    LanguageModel("claude-3-haiku", .small, base: 240, perToken: 0.5, price: 600, quality: 0.70),
    LanguageModel(
      "gpt-4o-mini", .small, base: 260, perToken: 0.6, price: 350, quality: 0.71,
      changes: [Change(from: 0.5, latency: 1.7)]),
    LanguageModel("gemini-1.5-flash", .small, base: 220, perToken: 0.4, price: 250, quality: 0.68),
    LanguageModel("llama-3-8b", .small, base: 180, perToken: 0.5, price: 90, quality: 0.58, retired: 0.75),
    LanguageModel("claude-3-sonnet", .middle, base: 420, perToken: 1.0, price: 7_000, quality: 0.82, retired: 0.6),
    LanguageModel("claude-3-5-sonnet", .middle, base: 380, perToken: 0.9, price: 7_000, quality: 0.90, launched: 0.4),
    LanguageModel(
      "gemini-1.5-pro", .middle, base: 460, perToken: 1.1, price: 5_500, quality: 0.81,
      changes: [Change(from: 0.65, price: 0.5)]),
    LanguageModel("mistral-large", .middle, base: 400, perToken: 1.0, price: 5_000, quality: 0.78),
    LanguageModel("llama-3-70b", .middle, base: 350, perToken: 0.9, price: 900, quality: 0.76),
    LanguageModel("claude-3-opus", .large, base: 800, perToken: 2.4, price: 38_000, quality: 0.91),
    LanguageModel(
      "gpt-4-turbo", .large, base: 700, perToken: 1.9, price: 18_000, quality: 0.88,
      changes: [Change(from: 0.72, quality: 0.8)]),
    LanguageModel("gpt-4o", .large, base: 420, perToken: 0.9, price: 9_000, quality: 0.89, launched: 0.15),
  ]

  static let taskTypes: [StaticString] = [
    "stack_recommendation", "code_generation", "explanation", "review", "summarization",
  ]
  static let complexities: [StaticString] = ["simple", "medium", "complex", "very_high"]
  static let strategies: [StaticString] = ["cost", "balanced", "performance"]
  /// Median tokens of a call, by task type.
  static let medianTokens: [Double] = [900, 2600, 700, 1400, 800]
  /// How much of the tokens is waited for, by task type: what is written, not what is read.
  static let writtenShare: [Double] = [0.5, 0.8, 0.7, 0.4, 0.25]
  /// What a task's nature takes from the quality, by task type.
  static let difficulty: [Double] = [0.02, 0.06, 0.0, 0.04, -0.03]

  func isThere(at progress: Double) -> Bool { launched <= progress && progress < retired }

  func factors(at progress: Double) -> Change {
    changes.last { $0.from <= progress } ?? Change(from: 0)
  }
}
