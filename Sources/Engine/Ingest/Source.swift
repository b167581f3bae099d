/// What came of a poll.
package struct Polled: Hashable, Sendable {
  /// How many events were handed over.
  package var events: Int
  /// Whether nothing more had arrived.
  package var isDry: Bool
  package init(events: Int, isDry: Bool) { (self.events, self.isDry) = (events, isDry) }
}

/// The input topics, `read_committed`, partitions assigned by hand; no call waits for a broker. One thread uses it, but for `wake`.
package protocol Source: AnyObject {
  /// Called (from any thread) when `poll` may have something.
  var wake: (@Sendable () -> Void)? { get set }
  /// Starts to deliver a partition at an offset; events carry the handle. A partition that is there already starts anew, under
  /// the new handle.
  func add(_ partition: TopicPartition, from offset: Int64, handle: Int) throws(SourceError)
  /// Ends what `add` began: no event of the partition comes after this.
  func remove(_ partition: TopicPartition) throws(SourceError)
  /// Goes on over new connections: what it was made from (certificates, addresses) may be others by now. Whatever is read when
  /// they are made fails, so that it is checked.
  func renew()
  /// Hands over what has arrived, without waiting: at most `limit` events (more where many partitions fail at once), and no
  /// further record once there were so many bytes of values, keys and headers.
  func poll(limit: Int, bytes: Int, _ body: (SourceEvent) -> Void) throws(SourceError) -> Polled
  /// The high watermark as the last fetch reported it, without asking; nil if unknown.
  func cachedEnd(_ partition: TopicPartition) -> Int64?
  /// Ends the client; nothing else is called after this.
  func close()
}

extension Source {
  /// However many bytes that is; returns how many events.
  package func poll(limit: Int, _ body: (SourceEvent) -> Void) throws(SourceError) -> Int {
    try poll(limit: limit, bytes: .max, body).events
  }
}
