package import Events

/// Why an output topic, or the cursor topic, did not do what it was asked. The texts are for people.
package enum PublishError: Error, Sendable {
  /// Whatever was under way may have happened: throw the producer away and start over.
  case inDoubt(String)
  /// A configuration that cannot work (the cursor topic is not compacted, an output topic does not exist): an alarm.
  case alarm(String)
  package var message: String {
    switch self {
    case .inDoubt(let text), .alarm(let text): text
    }
  }
}

/// What the cursor topic said.
package enum PublishedCursor: Sendable {
  case places([String: RelayPlace])
  /// A broker says that the topic does not exist; `createCursorTopic` makes it.
  case topicMissing
}

/// Every id on the output topics whose `as_of` is at or after a moment, and the greatest `as_of`, as they are read back.
package struct ReadBack: Sendable {
  struct Stretch: Sendable {
    var topic: RelayTopic
    var partition: Int32
    var next: Int64
    var end: Int64
  }

  package let from: Timestamp
  package var ids: Set<String> = []
  package var greatest: Timestamp?
  /// nil before the first piece.
  var left: [Stretch]?

  package init(from: Timestamp) { self.from = from }
}

/// The output topics. `open` fences every predecessor (`init_transactions`); any error ends the producer, and `open` begins anew.
package protocol Publisher: AnyObject {
  /// False on the embedded broker, which acknowledges transactions without having any: delivery is then at least once.
  var isTransactional: Bool { get }
  /// Makes a producer in the place of the one there was.
  func open() throws(PublishError)
  /// The newest cursor records, `read_committed`, up to an EOF at or past the high watermark that a `read_uncommitted` client
  /// reported after `open`. Only where `isTransactional`.
  func readCursor() throws(PublishError) -> PublishedCursor
  /// Returns false if it was there already: then it may hold something.
  func createCursorTopic() throws(PublishError) -> Bool
  /// Reads the next piece of the output topics back; returns whether all is read, up to the high watermarks of the first piece.
  func readBack(_ state: inout ReadBack) throws(PublishError) -> Bool
  /// One Kafka transaction: the entries, and a cursor record for each place.
  func publish(_ entries: [OutboxEntry], places: [String: RelayPlace]) throws(PublishError)
  /// Ends the producer; `open` makes another one.
  func close()
}
