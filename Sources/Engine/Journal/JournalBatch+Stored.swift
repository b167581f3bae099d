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
      firstPosition: segment.firstPosition, previousChain: segment.previousChain, chain: segment.chain,
      partition: segment.partition, events: events, byteCount: events.byteCount)
  }

  /// Whether it holds the event behind the position.
  package func follows(_ position: Int64) -> Bool { firstPosition <= position + 1 && position < lastPosition }

  /// Whether it continues what was folded up to the place: the same positions may hold other events, where the database went back
  /// and what is in memory was journaled before that.
  func continues(_ place: ProjectionPlace) -> Bool {
    if place.position >= firstPosition { return place.chain == chain }
    return place.position == 0 || previousChain == nil || place.chain == previousChain
  }

  package func doesNotFollow(_ position: Int64) -> StoreError {
    .refused(
      firstPosition > position + 1
        ? "the journal has no event at position \(position + 1): its next segment begins at \(firstPosition)"
        : "the journal's segment at \(firstPosition) ends at \(lastPosition), before position \(position + 1)")
  }
}
