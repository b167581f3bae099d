import Events

/// What a flush takes of one partition, before it is encoded: that is work for another thread than the one that reads.
struct ReadSegment: Sendable {
  var partition: TopicPartition
  var incarnation: Int32
  var firstOffset: Int64
  var nextOffset: Int64
  var leastTime: Timestamp
  var greatestTime: Timestamp
  /// At least one.
  var events: EventBatch

  func encoded() -> SegmentDraft {
    let form = events.encoded()
    return SegmentDraft(
      partition: partition, incarnation: incarnation, count: Int32(events.count), firstOffset: firstOffset,
      nextOffset: nextOffset, leastTime: leastTime, greatestTime: greatestTime, payload: form.payload,
      payloadDigest: SHA256.digest(of: form.payload), identities: form.identities,
      identitiesDigest: SHA256.digest(of: form.identities))
  }
}
