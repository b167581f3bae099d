import Events

@testable import Engine

/// The journal's tables in memory, with a database's promises: an append happens wholly or not at all, and only at the cursors'
/// epochs and places.
final class FakeJournal {
  var isInitialized = false
  struct Segment {
    var firstPosition: Int64
    var draft: SegmentDraft
    var chain: [UInt8]
  }

  var cursors: [TopicPartition: PartitionCursor] = [:]
  var segments: [Segment] = []
  var deadLetters: [DeadLetter] = []
  var duplicates: Int64 = 0
  var position: Int64 = 0
  var chain: [UInt8] = []

  func append(_ flush: JournalFlush) throws(StoreError) -> [AppendedSegment] {
    for move in flush.moves {
      guard let cursor = cursors[move.partition], cursor.epoch == move.epoch, cursor.nextOffset == move.from else {
        throw .lost("the cursor of \(move.partition) is elsewhere")
      }
    }
    for move in flush.moves {
      cursors[move.partition]!.nextOffset = move.to
      cursors[move.partition]!.state = move.state
      cursors[move.partition]!.reason = move.reason
      cursors[move.partition]!.badRecords = move.badRecords
      if let journaled = move.journaled { cursors[move.partition]!.journaled = journaled }
      duplicates += move.duplicates
    }
    deadLetters += flush.deadLetters
    return flush.segments.map { draft in
      let before = chain
      chain = SHA256.digest(of: chain + draft.payloadDigest + draft.identitiesDigest)
      let first = position + 1
      position += Int64(draft.count)
      segments.append(Segment(firstPosition: first, draft: draft, chain: chain))
      return AppendedSegment(firstPosition: first, previousChain: before, chain: chain)
    }
  }

  /// The ids in the journal's order.
  func ids() throws -> [String] {
    try segments.flatMap { segment in
      let batch = try EventBatch(payload: segment.draft.payload, identities: segment.draft.identities)
      return batch.events.map { batch.strings.string($0.id) }
    }
  }
}

/// One instance's connection to a `FakeJournal`.
final class FakeJournalStore: JournalStore {
  /// What becomes of an append.
  enum Fate { case happens, isLost, happensAndTheReplyIsLost }

  let journal: FakeJournal
  var fate: () -> Fate = { .happens }
  var beforeTakeOver: (TopicPartition) -> Void = { _ in }
  private var pending: Result<[AppendedSegment], StoreError>?

  init(_ journal: FakeJournal) { self.journal = journal }

  func hashKey() throws(StoreError) -> HashKey { HashKey(k0: 1, k1: 2) }
  func isInitialized() throws(StoreError) -> Bool { journal.isInitialized }
  func initialize(publishAll: Bool, ends: [(TopicPartition, Int64)]) throws(StoreError) { journal.isInitialized = true }
  func cursor(_ partition: TopicPartition) throws(StoreError) -> PartitionCursor? { journal.cursors[partition] }

  func takeOver(_ partition: TopicPartition, instance: InstanceID, firstOffset: Int64, clusterID: String)
    throws(StoreError) -> PartitionCursor
  {
    beforeTakeOver(partition)
    var cursor =
      journal.cursors[partition]
      ?? PartitionCursor(
        partition: partition, epoch: 0, incarnation: 0, nextOffset: firstOffset, state: .running, reason: nil,
        clusterID: clusterID, journaled: nil, checked: nil, badRecords: [])
    cursor.epoch += 1
    journal.cursors[partition] = cursor
    return cursor
  }

  func identities(_ partition: TopicPartition, incarnation: Int32, from offset: Int64) throws(StoreError) -> [[UInt8]] {
    journal.segments.map(\.draft)
      .filter { $0.partition == partition && $0.incarnation == incarnation && $0.nextOffset > offset }.map(\.identities)
  }

  func startAppend(_ make: @escaping () -> JournalFlush) throws(StoreError) {
    let flush = make()
    switch fate() {
    case .happens:
      do { pending = .success(try journal.append(flush)) } catch { pending = .failure(error) }
    case .isLost:
      pending = .failure(.unavailable("the connection broke before"))
    case .happensAndTheReplyIsLost:
      do { _ = try journal.append(flush) } catch {
        pending = .failure(error)
        return
      }
      pending = .failure(.unavailable("the connection broke after"))
    }
  }
  func appendIsDone() -> Bool { pending != nil }
  func finishAppend() throws(StoreError) -> [AppendedSegment] {
    defer { pending = nil }
    return try pending!.get()
  }
  func note(
    _ partition: TopicPartition, epoch: Int64, state: PartitionState, reason: String?, clusterID: String?,
    checked: RecordFingerprint?
  ) throws(StoreError) {
    guard journal.cursors[partition]?.epoch == epoch else { throw .lost("the epoch is another") }
    journal.cursors[partition]!.state = state
    journal.cursors[partition]!.reason = reason
    if let clusterID { journal.cursors[partition]!.clusterID = clusterID }
    if let checked { journal.cursors[partition]!.checked = checked }
  }
  private(set) var notedEnds: [TopicPartition: Int64] = [:]
  var beforeNoteEnd: (() -> Void)?
  func note(end: Int64, of partition: TopicPartition, epoch: Int64) throws(StoreError) {
    beforeNoteEnd?()
    guard journal.cursors[partition]?.epoch == epoch else { throw .lost("the epoch is another") }
    notedEnds[partition] = end
  }
  func reset() { pending = nil }
}

final class SilentReporter: Reporter, @unchecked Sendable {
  private(set) var messages: [String] = []
  func report(_ severity: Severity, _ message: String, _ fields: [(String, String)]) { messages.append(message) }
}
