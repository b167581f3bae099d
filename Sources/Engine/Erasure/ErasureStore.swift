package import Events

/// A partition that ingest has not read to where it ended when an erasure was asked for.
package struct ErasureLag: Hashable, Sendable {
  package var partition: TopicPartition
  package var offset: Int64
  package var end: Int64
  package init(partition: TopicPartition, offset: Int64, end: Int64) {
    (self.partition, self.offset, self.end) = (partition, offset, end)
  }
}

/// What takes `busySeconds` is also told by it who searches: above 0 somebody who knows the id.
package enum BusySeconds {
  /// The id was found meanwhile: who else is at it stays so.
  package static let unchanged: Int32 = 0
  /// Somebody who has the hash alone: `lost` once who knows the id was at it.
  package static let byHashAlone: Int32 = -1
}

/// Erasures in the database, on a connection of its own. Writing is `lost` where the erasure is not open any more, or where a
/// segment is not what was read: begin again from what is stored.
package protocol ErasureStore: AnyObject {
  /// Those without their event.
  func open() throws(StoreError) -> [OpenErasure]
  /// Which of these ids the database knows, open or not.
  func known(_ ids: [String]) throws(StoreError) -> Set<String>
  /// Begins an erasure, or extends the open one of the same person, whose id it returns. Raises every partition's epoch if
  /// anything is new.
  /// - Parameter busySeconds: for how long nobody else is to append its event; 0 where whoever begins it does not know the id. The
  ///   first who does begins the search anew.
  func begin(_ record: ErasureRecord, busySeconds: Int32) throws(StoreError) -> String
  /// Segments with events behind a position, in order: at most `limit`, and those beyond the first only up to so many bytes.
  func segments(after position: Int64, limit: Int, bytes: Int) throws(StoreError) -> [ErasableSegment]
  /// Puts segments back, each in the place of the one with that payload digest, and notes how far the journal is searched.
  /// - Parameter busySeconds: for how long nobody else is to append the event, or one of `BusySeconds`.
  func rewrite(
    _ erasure: String, searchedTo position: Int64, busySeconds: Int32,
    _ segments: [(old: ErasableSegment, payload: [UInt8], identities: [UInt8])]) throws(StoreError)
  /// Dead letters behind an id, in order; at most `limit`.
  func letters(after id: Int64, limit: Int) throws(StoreError) -> [ErasableLetter]
  /// Takes value and headers out of letters, key and path where it is said so, and notes how far they are searched.
  /// - Parameter busySeconds: as for `rewrite`.
  func eraseLetters(
    _ erasure: String, searchedTo id: Int64, busySeconds: Int32, _ letters: [ErasedLetter]) throws(StoreError)
  /// What retention has kept of segments behind a position, in order; at most `limit`.
  func keptIdentities(after position: Int64, limit: Int) throws(StoreError)
    -> [(firstPosition: Int64, identities: [UInt8])]
  /// Puts identities in the place of those that `keptIdentities` handed over.
  func eraseKept(
    _ erasure: String, busySeconds: Int32, _ identities: [(firstPosition: Int64, identities: [UInt8])]
  ) throws(StoreError)
  /// Hands over what an erasure has rewritten, with the digests as they are now.
  func rewritten(_ erasure: String) throws(StoreError)
    -> [(firstPosition: Int64, payloadDigest: [UInt8], identitiesDigest: [UInt8])]
  /// Partitions that are not read to where they ended when the erasure was asked for.
  func lags(_ erasure: String) throws(StoreError) -> [ErasureLag]
  /// Open erasures without lags.
  func reached() throws(StoreError) -> Set<String>
  /// Something is read of a person whom a skip made an erasure begin again: without it no event follows.
  func noteMet(_ erasure: String) throws(StoreError)
  /// The position of the last event, and the greatest event time.
  func head() throws(StoreError) -> (position: Int64, greatestTime: Timestamp?)
  /// Appends the event, which ends the erasure; `lost` while it is not done, and where something else is rewritten by now than what
  /// it lists, of which `listed` is the digest (`ErasedSegment.digest`). Returns the position.
  func append(
    _ erasure: String, isRequester: Bool, listed: [UInt8], time: Timestamp, payload: [UInt8], identities: [UInt8]
  ) throws(StoreError) -> Int64
  /// Drops the connection; the next call makes a new one.
  func reset()
}

extension ErasureStore {
  /// Appends the event of an erasure that is done.
  package func appendEvent(of erasure: OpenErasure, isRequester: Bool) throws(StoreError) -> Int64 {
    let time = try head().greatestTime ?? Timestamp(microseconds: 0)
    let segments = try rewritten(erasure.id).map {
      ErasedSegment(
        firstPosition: $0.firstPosition, payloadDigest: $0.payloadDigest, identitiesDigest: $0.identitiesDigest)
    }
    let batch = EventBatch.erasure(
      of: erasure.hash, at: time, offset: erasure.number, segments: ErasedSegment.list(segments))
    let form = batch.encoded()
    return try append(
      erasure.id, isRequester: isRequester, listed: ErasedSegment.digest(segments), time: time, payload: form.payload,
      identities: form.identities)
  }
}
