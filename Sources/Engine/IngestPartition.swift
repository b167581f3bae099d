import Events

/// One partition as ingest reads it: what is committed, what is read beyond that, and what is needed to judge the next record.
final class IngestPartition {
  let partition: TopicPartition
  let resource: String
  let term: Int
  let handle: Int
  /// As the database has it.
  var cursor: PartitionCursor
  /// The next offset to read.
  var nextOffset: Int64

  var window = DuplicateWindow()
  var badRecords: BadRecordWindow

  /// Whose events are erased as they are read, and before which offsets.
  var erasures: [(hash: UInt64, end: Int64)] = []

  /// Read and not yet sent.
  var batch = EventBatch()
  var duplicates: Int64 = 0
  var deadLetters: Int64 = 0
  var leastTime = Timestamp(microseconds: .max)
  var greatestTime = Timestamp(microseconds: .min)

  /// The last journaled record's timestamp, key and value: its fingerprint is made when a flush needs it.
  private var lastOffset: Int64 = -1
  private var lastTimestamp: Int64 = -1
  private var lastKey: [UInt8]?
  private var lastValue: [UInt8]?

  /// Set after any error of the partition: fingerprints are checked before the next append.
  var mustCheck = false
  var checkAt: Int64 = 0
  /// The next offset was not there.
  var isOutOfRange = false
  /// Too many bad records: nothing more is read, and the next flush stores it.
  var isPausing = false

  init(_ partition: TopicPartition, resource: String, term: Int, handle: Int, cursor: PartitionCursor) {
    (self.partition, self.resource, self.term, self.handle) = (partition, resource, term, handle)
    self.cursor = cursor
    nextOffset = cursor.nextOffset
    badRecords = BadRecordWindow(stored: cursor.badRecords)
  }

  /// Whether a flush would change anything.
  var isDirty: Bool { nextOffset != cursor.nextOffset || isPausing }

  func noteEvent(_ record: SourceRecord, time: Timestamp) {
    if time < leastTime { leastTime = time }
    if time > greatestTime { greatestTime = time }
    lastOffset = record.content.offset
    lastTimestamp = record.timestampMilliseconds
    Self.copy(record.key, to: &lastKey)
    Self.copy(record.content.value, to: &lastValue)
  }

  /// Reuses the array's memory.
  private static func copy(_ bytes: UnsafeRawBufferPointer?, to array: inout [UInt8]?) {
    guard let bytes else {
      array = nil
      return
    }
    if array == nil { array = [] }
    array!.removeAll(keepingCapacity: true)
    array!.append(contentsOf: bytes)
  }

  /// Takes what was read since the last flush, as its segment (if it holds events) and the cursor's move.
  func takeFlush(endOffset: Int64?) -> (move: CursorMove, segment: SegmentDraft?, batch: EventBatch) {
    var segment: SegmentDraft?
    let events = batch
    if events.count > 0 {
      let encoded = events.encoded()
      segment = SegmentDraft(
        partition: partition, incarnation: cursor.incarnation, count: Int32(events.count),
        firstOffset: cursor.nextOffset,
        nextOffset: nextOffset, leastTime: leastTime, greatestTime: greatestTime, payload: encoded.payload,
        payloadDigest: SHA256.digest(of: encoded.payload), identities: encoded.identities,
        identitiesDigest: SHA256.digest(of: encoded.identities))
      cursor.journaled = RecordFingerprint(
        offset: lastOffset,
        digest: recordDigest(timestampMilliseconds: lastTimestamp, key: lastKey, value: lastValue))
    }
    if isPausing {
      cursor.state = .paused
      cursor.reason =
        "\(badRecords.bad) of the last \(BadRecordWindow.size) records are bad: somebody sends the wrong thing. "
        + "See `pleat deadletters list`; `pleat resume \(partition.topic) \(partition.partition)` goes on"
    }
    let move = CursorMove(
      partition: partition, epoch: cursor.epoch, from: cursor.nextOffset, to: nextOffset, endOffset: endOffset,
      duplicates: duplicates, deadLetters: deadLetters, state: cursor.state, reason: cursor.reason,
      journaled: cursor.journaled, badRecords: badRecords.stored)
    cursor.nextOffset = nextOffset
    batch = EventBatch(withRoomOf: events)
    duplicates = 0
    deadLetters = 0
    leastTime = Timestamp(microseconds: .max)
    greatestTime = Timestamp(microseconds: .min)
    return (move, segment, events)
  }
}
