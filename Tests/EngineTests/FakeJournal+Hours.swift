@testable import Engine
@testable import Events

extension FakeJournal {
  /// Some segments from the one on that holds the next position.
  func stored(after position: Int64) -> [StoredSegment] {
    segments.filter { $0.firstPosition + Int64($0.draft.count) > position + 1 }.prefix(3).map {
      StoredSegment(
        firstPosition: $0.firstPosition, count: $0.draft.count, partition: $0.draft.partition,
        payload: $0.draft.payload, identities: $0.draft.identities, previousChain: nil, chain: $0.chain)
    }
  }

  /// A segment of events at these hours; a negative hour is an event that fans out, at that hour.
  func appendHours(_ hours: [Int]) throws {
    var batch = EventBatch()
    let source = batch.strings.intern("s")
    for hour in hours {
      let fansOut = hour < 0
      if fansOut {
        batch.orgSettingsChanges.append(
          OrgSettingsChange(orgID: source, learningEnabled: true, dataSharingLevel: nil))
      }
      batch.events.append(
        Event(
          type: fansOut ? .orgSettingsChanged : .other, envelope: .bare,
          row: fansOut ? UInt32(batch.orgSettingsChanges.count - 1) : 0, typeName: fansOut ? .none : source,
          source: source,
          id: .none, time: Timestamp(microseconds: Int64(abs(hour)) * Timestamp.microsecondsPerHour + 1),
          offset: position + Int64(batch.events.count), attributes: .none, unknown: .none))
    }
    let encoded = batch.encoded()
    let partition = TopicPartition("t", 0)
    let from = cursors[partition]?.nextOffset ?? 0
    if cursors[partition] == nil {
      cursors[partition] = PartitionCursor(
        partition: partition, epoch: 1, incarnation: 0, nextOffset: 0, state: .running, reason: nil, clusterID: nil,
        journaled: nil, checked: nil, badRecords: [])
    }
    var flush = JournalFlush()
    flush.moves = [
      CursorMove(
        partition: partition, epoch: 1, from: from, to: from + Int64(hours.count), endOffset: nil, duplicates: 0,
        deadLetters: 0, state: .running, reason: nil, journaled: nil, badRecords: [])
    ]
    flush.segments = [
      SegmentDraft(
        partition: partition, incarnation: 0, count: Int32(hours.count), firstOffset: from,
        nextOffset: from + Int64(hours.count), leastTime: batch.events[0].time, greatestTime: batch.events[0].time,
        payload: encoded.payload, payloadDigest: SHA256.digest(of: encoded.payload), identities: encoded.identities,
        identitiesDigest: SHA256.digest(of: encoded.identities))
    ]
    _ = try append(flush)
  }
}
