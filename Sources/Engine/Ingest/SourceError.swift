/// Why the brokers did not give, or tell, what they were asked for.
package enum SourceError: Error, Sendable {
  /// The broker is away, or answers with an error that passes: try again. The text is for people.
  case unavailable(String)
  /// The topic does not exist.
  case unknownTopic(String)
  /// The brokers answer, and tell nothing of this topic. The text is for people.
  case refusedTopic(String, String)

  /// For people.
  package var text: String {
    switch self {
    case .unavailable(let text), .refusedTopic(_, let text): text
    case .unknownTopic(let topic): "the topic \(topic) does not exist; create it, or change kafka.topics"
    }
  }
}
