package import Events

package enum OutputTopic: UInt8, Sendable {
  /// `kafka.output_topic`, `analytics.events` by default.
  case events = 0
  /// `kafka.team_topic`: what concerns one team.
  case teams = 1
}

/// An event that follows from the projections: CloudEvents 1.0 JSON, keyed by its subject.
package struct DerivedEvent: Hashable, Sendable {
  package var topic: OutputTopic
  package var subject: String
  /// UUIDv5, the same from a replay.
  package var id: String
  package var asOf: Timestamp
  /// The whole CloudEvent.
  package var json: String
  package init(topic: OutputTopic, subject: String, id: String, asOf: Timestamp, json: String) {
    (self.topic, self.subject, self.id, self.asOf, self.json) = (topic, subject, id, asOf, json)
  }
}
