import Events
package import Projections

/// A topic that the relay writes to.
package enum RelayTopic: Hashable, Sendable {
  case output(OutputTopic)
  case cursor
}

/// A record of an output topic or of the cursor topic; its memory is valid during the call.
package struct RelayRecord {
  package var offset: Int64
  package var key: UnsafeRawBufferPointer?
  package var value: UnsafeRawBufferPointer?
  package init(offset: Int64, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) {
    (self.offset, self.key, self.value) = (offset, key, value)
  }
}

/// What `LogPublisher` needs of a broker. `.inDoubt` of any call means that what was under way may have happened; the producer
/// is of no use after that, until the next `connect`.
package protocol OutputLog: AnyObject {
  /// Throws away the producer there was, connects anew, and tells whether the broker has transactions. An output topic that does
  /// not exist is an alarm.
  func connect() throws(PublishError) -> Bool
  /// Fences every earlier producer of this installation, and ends the transaction that it left open.
  func initializeTransactions() throws(PublishError)
  func beginTransaction() throws(PublishError)
  /// Puts a record into the transaction, or (without transactions) into the producer's queue. The cursor topic has one partition,
  /// elsewhere the key decides.
  func send(to topic: RelayTopic, key: String, value: String) throws(PublishError)
  /// Sends what is in the transaction, and ends it.
  func commitTransaction() throws(PublishError)
  /// Without transactions: waits until everything sent is delivered.
  func flush() throws(PublishError)
  /// Ends the producer; `connect` makes another one.
  func close()

  /// Whether the cursor topic exists; one that would lose the cursor (not compacted, several partitions) is an alarm.
  func hasCursorTopic() throws(PublishError) -> Bool
  /// Returns false if it was there already.
  func createCursorTopic() throws(PublishError) -> Bool
  /// How many partitions a topic has; none is an alarm.
  func partitionCount(of topic: RelayTopic) throws(PublishError) -> Int32
  /// Lowest offset and high watermark, as a `read_uncommitted` client is told them now.
  func bounds(of topic: RelayTopic, partition: Int32) throws(PublishError) -> (low: Int64, high: Int64)
  /// Reads what is committed from `low` on, until an EOF at or past `high` or until `body` returns false. Waits (within a limit)
  /// for an open transaction that hides what stands behind it.
  func readCommitted(
    _ topic: RelayTopic, partition: Int32, from low: Int64, to high: Int64, _ body: (RelayRecord) -> Bool
  ) throws(PublishError)
}
