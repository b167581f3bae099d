package import Events

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
  /// The topic did not exist; `createCursorTopic` makes it.
  case topicMissing
}

/// The output topics. `open` fences every predecessor (`init_transactions`); any error ends the producer, and `open` begins anew.
package protocol Publisher: AnyObject {
  /// False on the embedded broker, which acknowledges transactions without having any: delivery is then at least once.
  var isTransactional: Bool { get }
  func open() throws(PublishError)
  /// The newest cursor records, `read_committed`, up to an EOF at or past the high watermark that a `read_uncommitted` client
  /// reported after `open`. Only where `isTransactional`.
  func readCursor() throws(PublishError) -> PublishedCursor
  func createCursorTopic() throws(PublishError)
  /// Every id on the output topics whose `as_of` is at or after `from`, and the greatest `as_of`; to the high watermark.
  func readBack(from: Timestamp) throws(PublishError) -> (ids: Set<String>, greatest: Timestamp?)
  /// One Kafka transaction: the entries, and a cursor record for each place.
  func publish(_ entries: [OutboxEntry], places: [String: RelayPlace]) throws(PublishError)
  func close()
}
