package import Events
package import Projections

/// How far the relay has come in a projection's outbox.
package struct RelayPlace: Hashable, Sendable {
  /// A place of the journal, and the chain value there.
  package struct Passed: Hashable, Sendable {
    package var position: Int64
    package var chain: [UInt8]
    package init(position: Int64, chain: [UInt8]) { (self.position, self.chain) = (position, chain) }
  }

  package var position: Int64
  package var ordinal: Int32
  /// The chain value at `position`, as the outbox entry has it.
  package var chain: [UInt8]
  /// Set while ids are read back after the database went back: the greatest `as_of` found then.
  package var checkedUntil: Timestamp?
  /// Where the fold stood when that was passed, until something behind it is relayed: a database that goes back to before it lacks
  /// it, also where nothing was relayed in between.
  package var passed: Passed?
  package init(
    position: Int64, ordinal: Int32, chain: [UInt8], checkedUntil: Timestamp? = nil, passed: Passed? = nil
  ) {
    (self.position, self.ordinal, self.chain) = (position, ordinal, chain)
    (self.checkedUntil, self.passed) = (checkedUntil, passed)
  }
  package static let beginning = RelayPlace(position: 0, ordinal: -1, chain: [])
}

/// A derived event to be published: at its position ordinals count from 0, `chain` is the chain value of the segment that holds
/// it, and `json` the CloudEvent byte for byte.
package struct OutboxEntry: Sendable {
  package var position: Int64
  package var ordinal: Int32
  package var chain: [UInt8]
  package var topic: OutputTopic
  package var subject: String
  package var id: String
  package var asOf: Timestamp
  package var json: String
  package init(
    position: Int64, ordinal: Int32, chain: [UInt8], topic: OutputTopic, subject: String, id: String, asOf: Timestamp,
    json: String
  ) {
    (self.position, self.ordinal, self.chain) = (position, ordinal, chain)
    (self.topic, self.subject, self.id, self.asOf, self.json) = (topic, subject, id, asOf, json)
  }
}

package struct RelayCursor: Sendable {
  package var epoch: Int64
  /// PostgreSQL's lagging copy, by projection.
  package var places: [String: RelayPlace]
  /// Nothing at or before this position is published; nil while ingest has not reached the ends that held at the first start.
  package var publishAfter: Int64?
  package init(epoch: Int64, places: [String: RelayPlace], publishAfter: Int64?) {
    (self.epoch, self.places, self.publishAfter) = (epoch, places, publishAfter)
  }
}

/// The outbox, on a connection of its own.
package protocol OutboxStore: AnyObject {
  /// The relay's cursor, its epoch raised, if the instance holds the lease `relay`.
  func takeOver(instance: InstanceID) throws(StoreError) -> RelayCursor
  /// `publishAfter` as it stands now.
  func publishAfter() throws(StoreError) -> Int64?
  /// Entries behind a place, in order (position, ordinal), at most `limit`.
  func entries(_ projection: String, after place: RelayPlace, limit: Int) throws(StoreError) -> [OutboxEntry]
  /// Whether the journal has this chain value at this position (an empty value: yes).
  func journalHas(chain: [UInt8], at position: Int64) throws(StoreError) -> Bool
  /// How far each projection's live generation is folded.
  func foldedPlaces() throws(StoreError) -> [String: ProjectionPlace]
  /// Moves the copy, by compare-and-swap on the epoch.
  func move(epoch: Int64, places: [String: RelayPlace], state: String, delivery: String) throws(StoreError)
  /// For `status`: the relay stands still, and why.
  func fail(epoch: Int64, delivery: String, reason: String) throws(StoreError)
  func reset()
}
