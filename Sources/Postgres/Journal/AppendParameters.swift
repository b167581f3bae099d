import Engine
import Events
import Projections

/// A flush of ingest as the parameters of `pleat.append`, in its order.
struct AppendParameters {
  private var moveTopics = ArrayBuilder(.text)
  private var movePartitions = ArrayBuilder(.integer)
  private var moveEpochs = ArrayBuilder(.bigint)
  private var moveFrom = ArrayBuilder(.bigint)
  private var moveTo = ArrayBuilder(.bigint)
  private var moveEnds = ArrayBuilder(.bigint)
  private var moveDuplicates = ArrayBuilder(.bigint)
  private var moveDeadLetters = ArrayBuilder(.bigint)
  private var moveStates = ArrayBuilder(.text)
  private var moveReasons = ArrayBuilder(.text)
  private var moveJournaledOffsets = ArrayBuilder(.bigint)
  private var moveJournaledDigests = ArrayBuilder(.bytea)
  private var moveBadRecords = ArrayBuilder(.bytea)

  private var segmentTopics = ArrayBuilder(.text)
  private var segmentPartitions = ArrayBuilder(.integer)
  private var segmentIncarnations = ArrayBuilder(.integer)
  private var segmentCounts = ArrayBuilder(.integer)
  private var segmentFirstOffsets = ArrayBuilder(.bigint)
  private var segmentNextOffsets = ArrayBuilder(.bigint)
  private var segmentLeastTimes = ArrayBuilder(.timestamptz)
  private var segmentGreatestTimes = ArrayBuilder(.timestamptz)
  private var segmentPayloads = ArrayBuilder(.bytea)
  private var segmentPayloadDigests = ArrayBuilder(.bytea)
  private var segmentIdentities = ArrayBuilder(.bytea)
  private var segmentIdentitiesDigests = ArrayBuilder(.bytea)

  private var letterTopics = ArrayBuilder(.text)
  private var letterPartitions = ArrayBuilder(.integer)
  private var letterIncarnations = ArrayBuilder(.integer)
  private var letterOffsets = ArrayBuilder(.bigint)
  private var letterReasons = ArrayBuilder(.text)
  private var letterPaths = ArrayBuilder(.text)
  private var letterKeys = ArrayBuilder(.bytea)
  private var letterValues = ArrayBuilder(.bytea)
  private var letterTimestamps = ArrayBuilder(.timestamptz)
  private var letterHeaderCounts = ArrayBuilder(.integer)
  private var headerNames = ArrayBuilder(.bytea)
  private var headerValues = ArrayBuilder(.bytea)

  static let statement = """
    SELECT at_position, chain_before, chain_after FROM pleat.append(
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
      $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37)
    """

  init(_ flush: JournalFlush) {
    for move in flush.moves { add(move) }
    for segment in flush.segments { add(segment) }
    for letter in flush.deadLetters { add(letter) }
  }

  private mutating func add(_ move: CursorMove) {
    moveTopics.append(text: move.partition.topic)
    movePartitions.append(int: move.partition.partition)
    moveEpochs.append(bigint: move.epoch)
    moveFrom.append(bigint: move.from)
    moveTo.append(bigint: move.to)
    moveEnds.append(bigint: move.endOffset)
    moveDuplicates.append(bigint: move.duplicates)
    moveDeadLetters.append(bigint: move.deadLetters)
    moveStates.append(text: move.state.rawValue)
    moveReasons.append(text: move.reason)
    moveJournaledOffsets.append(bigint: move.journaled?.offset)
    moveJournaledDigests.append(bytea: move.journaled?.digest.bytes)
    moveBadRecords.append(bytea: move.badRecords)
  }

  private mutating func add(_ segment: SegmentDraft) {
    segmentTopics.append(text: segment.partition.topic)
    segmentPartitions.append(int: segment.partition.partition)
    segmentIncarnations.append(int: segment.incarnation)
    segmentCounts.append(int: segment.count)
    segmentFirstOffsets.append(bigint: segment.firstOffset)
    segmentNextOffsets.append(bigint: segment.nextOffset)
    segmentLeastTimes.append(timestamptz: segment.leastTime)
    segmentGreatestTimes.append(timestamptz: segment.greatestTime)
    segmentPayloads.append(bytea: segment.payload)
    segmentPayloadDigests.append(bytea: segment.payloadDigest)
    segmentIdentities.append(bytea: segment.identities)
    segmentIdentitiesDigests.append(bytea: segment.identitiesDigest)
  }

  private mutating func add(_ letter: DeadLetter) {
    letterTopics.append(text: letter.partition.topic)
    letterPartitions.append(int: letter.partition.partition)
    letterIncarnations.append(int: letter.incarnation)
    letterOffsets.append(bigint: letter.offset)
    letterReasons.append(text: letter.refusal.reason.name)
    letterPaths.append(text: letter.refusal.path)
    letterKeys.append(bytea: letter.key)
    letterValues.append(bytea: letter.value)
    letterTimestamps.append(
      timestamptz: letter.timestampMilliseconds < 0
        ? nil : Timestamp(microseconds: letter.timestampMilliseconds.multipliedClamped(by: 1000)))
    letterHeaderCounts.append(int: Int32(letter.headers.count))
    for header in letter.headers {
      headerNames.append(bytea: header.name)
      headerValues.append(bytea: header.value)
    }
  }

  var values: [SQLValue] {
    [
      moveTopics, movePartitions, moveEpochs, moveFrom, moveTo, moveEnds, moveDuplicates, moveDeadLetters, moveStates,
      moveReasons, moveJournaledOffsets, moveJournaledDigests, moveBadRecords, segmentTopics, segmentPartitions,
      segmentIncarnations, segmentCounts, segmentFirstOffsets, segmentNextOffsets, segmentLeastTimes,
      segmentGreatestTimes, segmentPayloads, segmentPayloadDigests, segmentIdentities, segmentIdentitiesDigests,
      letterTopics, letterPartitions, letterIncarnations, letterOffsets, letterReasons, letterPaths, letterKeys,
      letterValues, letterTimestamps, letterHeaderCounts, headerNames, headerValues,
    ].map { SQLValue.array($0) }
  }
}

extension Int64 {
  /// A producer may send any timestamp; PostgreSQL's end in the year 294276.
  fileprivate func multipliedClamped(by factor: Int64) -> Int64 {
    let greatest: Int64 = 9_000_000_000_000_000_000
    return self > greatest / factor ? greatest : self * factor
  }
}
