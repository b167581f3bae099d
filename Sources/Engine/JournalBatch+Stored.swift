import Events

extension JournalBatch {
  /// A segment as the journal holds it, unpacked.
  package convenience init(_ segment: StoredSegment) throws(StoreError) {
    let events: EventBatch
    do {
      events = try EventBatch(payload: segment.payload, identities: segment.identities)
    } catch {
      throw .refused("the segment at \(segment.firstPosition) cannot be read: \(error)")
    }
    guard events.count == Int(segment.count) else {
      throw .refused("the segment at \(segment.firstPosition) holds \(events.count) events, not \(segment.count)")
    }
    self.init(
      firstPosition: segment.firstPosition, chain: segment.chain, partition: segment.partition, events: events,
      byteCount: events.byteCount)
  }
}
