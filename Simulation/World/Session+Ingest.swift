import Engine
import Events

/// The functions of `0001_core.sql` that ingest calls.
extension Session {
  /// `pleat.initialize`
  func initialize(publishAll: Bool, ends: [(TopicPartition, Int64)]) throws(StoreError) {
    guard state.isPublishing == nil else { return }
    try lock(.journalHead)
    guard state.isPublishing == nil else { return }
    change { state in
      state.isPublishing = publishAll
      if publishAll { state.liveFrom = 0 }
      for (partition, end) in ends { state.firstEnds[partition] = end }
      Self.settleLiveFrom(&state)
    }
  }

  /// `pleat.settle_live_from`, at the commit, with the head locked.
  private static func settleLiveFrom(_ state: inout DatabaseState) {
    guard state.isPublishing == false, state.liveFrom == nil else { return }
    for (partition, end) in state.firstEnds where end > 0 {
      guard let row = state.partitions[partition], row.nextOffset >= end || row.incarnation > 0 else { return }
    }
    state.liveFrom = state.head.position
  }

  private func settleLiveFromIfOpen() throws(StoreError) {
    guard state.isPublishing == false, state.liveFrom == nil else { return }
    try lock(.journalHead)
    change { Self.settleLiveFrom(&$0) }
  }

  func cursor(_ partition: TopicPartition) -> PartitionCursor? {
    state.partitions[partition].map { cursor(partition, $0) }
  }

  private func cursor(_ partition: TopicPartition, _ row: DatabaseState.PartitionRow) -> PartitionCursor {
    PartitionCursor(
      partition: partition, epoch: row.epoch, incarnation: row.incarnation, nextOffset: row.nextOffset,
      state: row.state, reason: row.reason, clusterID: row.clusterID, journaled: row.journaled, checked: row.checked,
      badRecords: row.badRecords, firstEnd: row.incarnation == 0 ? state.firstEnds[partition] : nil)
  }

  /// `pleat.take_over_partition`
  func takeOverPartition(
    _ partition: TopicPartition, _ me: InstanceID, firstOffset: Int64, clusterID: String
  ) throws(StoreError) -> PartitionCursor {
    // Shared in PostgreSQL; here one takeover at a time.
    try lock(.erasures, endsBlockers: true)
    if world.holds(.takeoverWaits) { try lock(.partition(partition), endsBlockers: true) }
    var row =
      state.partitions[partition] ?? DatabaseState.PartitionRow(nextOffset: firstOffset, firstOffset: firstOffset)
    if world.holds(.takeoverRaisesEpoch) { row.epoch += 1 }
    row.clusterID = row.clusterID ?? clusterID
    let taken = row
    change { $0.partitions[partition] = taken }
    try settleLiveFromIfOpen()
    try claimLease(LeaseResource.partition(partition), me)
    return cursor(partition, taken)
  }

  /// `pleat.note_partition`
  func notePartition(
    _ partition: TopicPartition, epoch: Int64, state noted: PartitionState, reason: String?, clusterID: String?,
    checked: RecordFingerprint?
  ) throws(StoreError) {
    try lock(.partition(partition))
    guard let row = state.partitions[partition], row.epoch == epoch || !world.holds(.noteEpoch) else {
      throw world.lost("the epoch of \(partition) is not \(epoch) any more")
    }
    if row.epoch != epoch { world.violation("\(partition) is noted as \(noted) by who has lost it") }
    change {
      $0.partitions[partition]?.state = noted
      $0.partitions[partition]?.reason = reason
      if let clusterID { $0.partitions[partition]?.clusterID = clusterID }
      if let checked { $0.partitions[partition]?.checked = checked }
    }
    if noted == .alarm { afterCommit { [world] in world.noteAlarm(partition, reason ?? "") } }
  }

  /// `pleat.append`
  func append(_ flush: JournalFlush) throws(StoreError) -> [AppendedSegment] {
    for move in flush.moves {
      try lock(.partition(move.partition))
      let row = state.partitions[move.partition]
      guard let row, row.epoch == move.epoch || !world.holds(.appendEpoch),
        row.nextOffset == move.from || !world.holds(.appendPlace)
      else { throw world.lost("the cursor of \(move.partition) is not at epoch \(move.epoch) and offset \(move.from)") }
      change { state in
        guard var row = state.partitions[move.partition] else { return }
        row.nextOffset = move.to
        row.duplicates += move.duplicates
        row.deadLetters += move.deadLetters
        row.state = move.state
        row.reason = move.reason
        row.journaled = move.journaled ?? row.journaled
        row.badRecords = move.badRecords
        state.partitions[move.partition] = row
      }
    }
    try linger()
    try requireMoves(flush)
    guard state.isPublishing != nil else { throw .refused("an append before pleat.initialize") }
    for letter in flush.deadLetters { try addLetter(letter) }
    let appended = try appendSegments(flush.segments)
    try settleLiveFromIfOpen()
    return appended
  }

  /// What is not behind one of the cursors that moved is not fenced.
  private func requireMoves(_ flush: JournalFlush) throws(StoreError) {
    func isCovered(_ partition: TopicPartition, _ incarnation: Int32, _ first: Int64, _ next: Int64) -> Bool {
      flush.moves.contains {
        $0.partition == partition && $0.from <= first && next <= $0.to
          && state.partitions[partition]?.incarnation == incarnation
      }
    }
    for draft in flush.segments
    where !isCovered(draft.partition, draft.incarnation, draft.firstOffset, draft.nextOffset) {
      throw .refused("a segment lies outside of the moves of its flush")
    }
    for letter in flush.deadLetters
    where !isCovered(letter.partition, letter.incarnation, letter.offset, letter.offset + 1) {
      throw .refused("a dead letter lies outside of the moves of its flush")
    }
  }

  private func addLetter(_ letter: DeadLetter) throws(StoreError) {
    let key = DatabaseState.LetterKey(
      partition: letter.partition, incarnation: letter.incarnation, offset: letter.offset)
    guard state.letters[key] == nil else { throw world.constraint("a dead letter twice: \(key)") }
    // A sequence: given out whether it is committed or not.
    database.state.letterCount += 1
    let row = DatabaseState.Letter(
      id: database.state.letterCount, partition: letter.partition, incarnation: letter.incarnation,
      offset: letter.offset, value: letter.value ?? [])
    change { $0.letters[key] = row }
  }

  /// - Parameter isOfDatabase: what is appended was in the database before.
  func appendSegments(_ drafts: [SegmentDraft], isOfDatabase: Bool = false) throws(StoreError) -> [AppendedSegment] {
    guard !drafts.isEmpty else { return [] }
    var head = state.head
    if world.holds(.headLock) { try lock(.journalHead) } else { try linger() }
    if world.holds(.headLock) { head = state.head }
    head.appendedAt = max(head.appendedAt, database.clock)
    var appended: [AppendedSegment] = []
    var segments: [Segment] = []
    for draft in drafts {
      let greatest = max(head.greatestTime ?? draft.greatestTime, draft.greatestTime)
      let segment = Segment(
        firstPosition: head.position + 1, draft: draft, previousChain: head.chain, greatestSoFar: greatest,
        appendedAt: head.appendedAt)
      head.greatestTime = greatest
      head.position = segment.lastPosition
      head.chain = segment.chain
      segments.append(segment)
      appended.append(
        AppendedSegment(
          firstPosition: segment.firstPosition, previousChain: segment.previousChain, chain: segment.chain))
    }
    let after = head
    change {
      $0.head = after
      $0.journal += segments
    }
    let added = segments
    afterCommit { [world] in
      world.checkErased(added, isOfDatabase: isOfDatabase)
      world.notifyAppend()
    }
    return appended
  }

  /// `pleat.skip`
  func skip(_ partition: TopicPartition, to: Int64, end: Int64) throws(StoreError) {
    try lock(.erasures)
    for id in state.erasures.values.filter({ $0.position == nil }).map(\.record.id).sorted() { try lock(.erasure(id)) }
    try lock(.partition(partition))
    guard let row = state.partitions[partition] else { throw .refused("no partition \(partition) has been read yet") }
    let isBack = to <= row.nextOffset
    world.count(.skip)
    let skip = DatabaseState.Skip(
      partition: partition, from: row.nextOffset, to: to, fromIncarnation: row.incarnation,
      incarnation: row.incarnation + (isBack ? 1 : 0), end: end, at: world.scheduler.now)
    if world.holds(.skipErasesAgain) { eraseAgain(skip) }
    change { state in
      state.skips.append(skip)
      if let first = state.firstEnds[partition], first > end { state.firstEnds[partition] = end }
      guard var row = state.partitions[partition] else { return }
      row.epoch += 1
      row.nextOffset = to
      row.incarnation = skip.incarnation
      row.state = .running
      row.reason = nil
      row.clusterID = nil
      row.journaled = nil
      row.checked = nil
      row.badRecords = []
      state.partitions[partition] = row
    }
  }

  /// The ends of erasures in the incarnation that a skip begins.
  private func eraseAgain(_ skip: DatabaseState.Skip) {
    var ends: [UInt64: Int64] = [:]
    for erasure in state.erasures.values {
      for end in erasure.record.ends where end.partition == skip.partition {
        let offset = min(end.offset, skip.end)
        if erasure.position == nil {
          let carried = ErasureRecord.End(partition: end.partition, incarnation: skip.incarnation, offset: offset)
          change { $0.erasures[erasure.record.id]?.set(carried) }
        } else if skip.incarnation > skip.fromIncarnation, offset > skip.to {
          ends[erasure.record.hash] = max(ends[erasure.record.hash] ?? 0, offset)
        }
      }
    }
    var count = state.erasureCount
    for (hash, offset) in ends.sorted(by: { $0.key < $1.key }) {
      var erasure: DatabaseState.Erasure
      if let open = state.erasures.values.first(where: { $0.record.hash == hash && $0.position == nil }) {
        erasure = open
      } else {
        count += 1
        let now = Timestamp(microseconds: World.beginning + world.scheduler.now / 1_000)
        erasure = DatabaseState.Erasure(
          record: ErasureRecord(id: "again-\(count)", hash: hash, requestedAt: now, ends: []), number: count,
          isIngests: true, isAgain: true)
      }
      let stands = erasure.record.ends.first { $0.partition == skip.partition }.map { min($0.offset, skip.end) } ?? 0
      erasure.set(.init(partition: skip.partition, incarnation: skip.incarnation, offset: max(stands, offset)))
      let begun = erasure
      change {
        $0.erasures[begun.record.id] = begun
        $0.erasureCount = max($0.erasureCount, begun.number)
      }
      world.count(.erasureAfterSkip)
    }
  }
}
