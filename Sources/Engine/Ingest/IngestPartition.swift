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

  /// The last journaled record: its fingerprint is made when a flush needs it.
  private var lastOffset: Int64 = -1
  private var lastTimestamp: Int64 = -1
  private var lastKey = RecordBytes()
  private var lastValue = RecordBytes()
  /// The source's memory behind it, until it is copied.
  private var held: (key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?)?

  /// What its broker is asked for the next check.
  var inquiry: PartitionInquiry?
  var checkAt: Int64 = 0
  /// No check has found a record, and none was asked for since the first was journaled.
  private var awaitsFirstRecord = true
  /// The next offset was not there.
  var isOutOfRange = false
  /// It failed, or its broker did not answer: the source has stopped it, and nothing of it is journaled before it is checked.
  private(set) var hasFailed = false
  /// When it is added to the source again, after a failure that a check has found nothing behind.
  var resumeAt: Int64?
  private var failures = 0
  private var failedOffset: Int64 = -1
  private var failureText = ""
  /// The source has said since the last check that it is at the end of what it may hand over.
  private var hasReachedEnd = false
  /// Where an open transaction hides what follows: something was there a check ago, and the source says that this is the end.
  private var hiddenFrom: Int64 = -1
  /// What the last check found: where reading stood, where the partition ended, and how often the source had been empty.
  private var seen: (offset: Int64, high: Int64, empties: Int)?
  /// Checks one after the other that found it stalled.
  private(set) var stalls = 0
  /// Too many bad records: nothing more is read, and the next flush stores it.
  var isPausing = false

  init(_ partition: TopicPartition, resource: String, term: Int, handle: Int, cursor: PartitionCursor) {
    (self.partition, self.resource, self.term, self.handle) = (partition, resource, term, handle)
    self.cursor = cursor
    nextOffset = cursor.nextOffset
    badRecords = BadRecordWindow(stored: cursor.badRecords)
  }

  /// Something was journaled: where no check has found a record yet, one is due, so that from now on there is something to tell the topic
  /// by besides the newest record, which may be of another one already.
  func noteJournaled() {
    guard awaitsFirstRecord, cursor.journaled != nil else { return }
    awaitsFirstRecord = false
    if cursor.checked == nil { (inquiry, checkAt) = (nil, 0) }
  }

  func noteFailure(_ text: String) {
    (failureText, hiddenFrom) = (text, -1)
    failures = nextOffset > failedOffset ? 1 : failures + 1
    failedOffset = nextOffset
    checkAt = 0
    hold()
  }

  /// The source is at the end of what it may hand over: nothing stands there that could not be read, whatever failed before.
  func noteEnd() { (hasReachedEnd, failedOffset) = (true, -1) }

  /// What its row says while it does not get past one place.
  var obstacle: String? {
    if hiddenFrom == nextOffset {
      return
        "a producer's transaction has been open at offset \(nextOffset) for more than a minute, and what follows is not shown before it "
        + "ends; `kafka-transactions.sh find-hanging` says whose it is, where nobody is going to end it"
    }
    guard failures >= IngestSettings.failuresUntilShown, nextOffset == failedOffset else { return nil }
    return
      "what stands at offset \(nextOffset) cannot be read, and is tried again: \(failureText); "
      + "`pleat skip \(partition.topic) \(partition.partition) --to OFFSET --reason TEXT` goes on behind it"
  }

  /// Whether nothing came since the last check, though there was something to read then, and the source had nothing else to hand
  /// over meanwhile. Takes note of this check.
  func isStalled(high: Int64, empties: Int) -> Bool {
    defer { (seen, hasReachedEnd) = ((nextOffset, high, empties), false) }
    // Nothing is asked for.
    if hasFailed || resumeAt != nil { return false }
    guard let seen, nextOffset == seen.offset, seen.high > nextOffset else {
      stalls = 0
      return false
    }
    if hasReachedEnd { hiddenFrom = nextOffset }
    guard empties > seen.empties, !hasReachedEnd else {
      stalls = 0
      return false
    }
    stalls += 1
    // Who was asked anew has not said the end again: it is something else.
    if stalls > 1 { hiddenFrom = -1 }
    return true
  }

  /// The source has stopped it until it is checked; what was asked before says nothing.
  func hold() { (hasFailed, inquiry, resumeAt) = (true, nil, nil) }

  /// It is what it was: the source is asked again, after the first failure since a record at once.
  func noteChecked(_ now: Instant) {
    checkAt = now.monotonicNanoseconds + IngestSettings.checkNanoseconds
    guard hasFailed else { return }
    hasFailed = false
    let wait = failures <= 1 ? 0 : IngestSettings.retryNanoseconds << min(failures - 1, 5)
    resumeAt = now.monotonicNanoseconds + wait
  }

  /// Whether a flush may and would change anything.
  var isDirty: Bool { !hasFailed && (nextOffset != cursor.nextOffset || isPausing) }

  /// True where it begins to point to the source's memory, so that `keepLastRecord` must come before that is given back.
  func noteEvent(_ record: SourceRecord, time: Timestamp) -> Bool {
    if time < leastTime { leastTime = time }
    if time > greatestTime { greatestTime = time }
    lastOffset = record.content.offset
    lastTimestamp = record.timestampMilliseconds
    defer { held = (record.key, record.content.value) }
    return held == nil
  }

  func keepLastRecord() {
    guard let held else { return }
    lastKey.copy(held.key)
    lastValue.copy(held.value)
    self.held = nil
  }

  /// Takes what was read since the last flush, as its segment (if it holds events) and the cursor's move.
  func takeFlush(endOffset: Int64?) -> (move: CursorMove, segment: ReadSegment?) {
    var segment: ReadSegment?
    if batch.count > 0 {
      precondition(held == nil, "the source has not said that the last record is given back")
      segment = ReadSegment(
        partition: partition, incarnation: cursor.incarnation, firstOffset: cursor.nextOffset, nextOffset: nextOffset,
        leastTime: leastTime, greatestTime: greatestTime, events: batch)
      cursor.journaled = RecordFingerprint(
        offset: lastOffset,
        digest: recordDigest(timestampMilliseconds: lastTimestamp, key: lastKey.array, value: lastValue.array))
    }
    if isPausing {
      cursor.state = .paused
      cursor.reason =
        "\(badRecords.bad) of the last \(BadRecordWindow.size) records are bad: somebody sends the wrong thing. "
        + "See `pleat deadletters list`; `pleat resume \(partition.topic) \(partition.partition)` goes on"
    } else {
      cursor.reason = obstacle
    }
    let move = CursorMove(
      partition: partition, epoch: cursor.epoch, from: cursor.nextOffset, to: nextOffset, endOffset: endOffset,
      duplicates: duplicates, deadLetters: deadLetters, state: cursor.state, reason: cursor.reason,
      journaled: cursor.journaled, badRecords: badRecords.stored)
    cursor.nextOffset = nextOffset
    batch = EventBatch(withRoomOf: batch)
    duplicates = 0
    deadLetters = 0
    leastTime = Timestamp(microseconds: .max)
    greatestTime = Timestamp(microseconds: .min)
    return (move, segment)
  }
}

/// A copy of a record's key or value, in memory that is used again.
private struct RecordBytes {
  private var buffer = ByteBuffer()
  private var isThere = false

  mutating func copy(_ source: UnsafeRawBufferPointer?) {
    buffer.truncate(to: 0)
    isThere = source != nil
    if let source { buffer.append(source) }
  }

  var array: [UInt8]? { isThere ? buffer.array : nil }
}
