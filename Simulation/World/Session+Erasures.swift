import Engine
import Events

/// The functions of `0007_erasure.sql`, written after the SQL.
extension Session {
  func openErasures() -> [OpenErasure] {
    state.erasures.values.filter { $0.position == nil }.sorted { $0.number < $1.number }.map { row in
      var erasure = OpenErasure(
        id: row.record.id, hash: row.record.hash, number: row.number, searchUntil: row.searchUntil,
        searchedTo: row.searchedTo, lettersUntil: row.lettersUntil, lettersTo: row.lettersTo,
        isBusy: row.busyUntil > database.clock, ends: row.record.ends)
      erasure.wasBusy = row.busyUntil > .min
      erasure.isAgain = row.isAgain
      return erasure
    }
  }

  /// `pleat.begin_erasure`
  func beginErasure(
    _ record: ErasureRecord, byIngest isIngests: Bool, busySeconds: Int32
  ) throws(StoreError) -> String {
    try lock(.erasures)
    var erasure: DatabaseState.Erasure
    var isChanged = false
    if let open = state.erasures.values.first(where: { $0.record.hash == record.hash && $0.position == nil }) {
      try lock(.erasure(open.record.id))
    }
    if let open = state.erasures.values.first(where: { $0.record.hash == record.hash && $0.position == nil }) {
      erasure = open
      (erasure.isAgain, isChanged) = (false, open.isAgain)
      if open.record.id != record.id, world.holds(.extensionIsKnown) {
        change { $0.erasures[open.record.id]?.aliases.insert(record.id) }
        erasure.aliases.insert(record.id)
      }
    } else {
      if let known = state.erasure(knownAs: record.id) {
        if busySeconds > 0 { throw world.lost("the erasure \(known.record.id) is not open") }
        return known.record.id
      }
      erasure = DatabaseState.Erasure(
        record: ErasureRecord(id: record.id, hash: record.hash, requestedAt: record.requestedAt, ends: []),
        number: state.erasureCount + 1, isIngests: isIngests)
      isChanged = true
    }
    for var end in record.ends {
      end.incarnation = state.partitions[end.partition]?.incarnation ?? 0
      let stands = erasure.record.ends.first { $0.partition == end.partition }
      if let stands, (stands.incarnation, stands.offset) >= (end.incarnation, end.offset) { continue }
      erasure.set(end)
      isChanged = true
    }
    guard isChanged else {
      note(erasure.record.id, busySeconds: busySeconds) { _ in }
      return erasure.record.id
    }
    let partitions = state.partitions.keys.sorted()
    if world.holds(.erasureRaisesEpochs) { for partition in partitions { try lock(.partition(partition)) } }
    try linger()
    erasure.searchUntil = state.head.position
    erasure.lettersUntil = state.letterCount
    erasure.isIngests = isIngests
    let begun = erasure
    let raises = world.holds(.erasureRaisesEpochs)
    change {
      if raises { for partition in partitions { $0.partitions[partition]?.epoch += 1 } }
      $0.erasures[begun.record.id] = begun
      $0.erasureCount = max($0.erasureCount, begun.number)
    }
    note(begun.record.id, busySeconds: busySeconds) { _ in }
    world.count(isIngests ? .erasureAgain : .erasure)
    return begun.record.id
  }

  private func requireOpen(_ id: String, busySeconds: Int32 = 0) throws(StoreError) {
    try lock(.erasure(id))
    guard let erasure = state.erasures[id], erasure.position == nil, busySeconds >= 0 || erasure.busyUntil == .min
    else {
      throw .lost("the erasure \(id) is not open, or somebody knows its id")
    }
  }

  private func note(_ id: String, busySeconds: Int32, _ body: @escaping (inout DatabaseState.Erasure) -> Void) {
    let until = database.clock + Int64(busySeconds) * 1_000_000
    change {
      guard var erasure = $0.erasures[id] else { return }
      // Only the hash was searched for so far.
      if busySeconds > 0, erasure.busyUntil == .min { (erasure.searchedTo, erasure.lettersTo) = (0, 0) }
      body(&erasure)
      if busySeconds > 0 { (erasure.busyUntil, erasure.isIngests) = (until, false) }
      $0.erasures[id] = erasure
    }
  }

  /// `pleat.rewrite_segments`
  func rewriteSegments(
    _ id: String, searchedTo: Int64, busySeconds: Int32,
    _ segments: [(position: Int64, oldDigest: [UInt8], payload: [UInt8], identities: [UInt8])]
  ) throws(StoreError) {
    try requireOpen(id, busySeconds: busySeconds)
    for segment in segments {
      try lock(.segment(segment.position))
      guard let index = state.journal.index(holding: segment.position),
        state.journal[index].firstPosition == segment.position,
        state.journal[index].draft.payloadDigest == segment.oldDigest || !world.holds(.rewriteCompares)
      else { throw world.lost("the segment at \(segment.position) is not what was read") }
      try linger()
      let rewritten = Segment(state.journal[index], payload: segment.payload, identities: segment.identities)
      change {
        if $0.journal.indices.contains(index), $0.journal[index].firstPosition == rewritten.firstPosition {
          $0.journal[index] = rewritten
        }
      }
      world.count(.rewrite)
    }
    note(id, busySeconds: busySeconds) { erasure in
      erasure.searchedTo = max(erasure.searchedTo, searchedTo)
      for segment in segments { erasure.segments.insert(segment.position) }
    }
  }

  func letters(after id: Int64, limit: Int) -> [ErasableLetter] {
    state.letters.values.filter { $0.id > id }.sorted { $0.id < $1.id }.prefix(limit).map {
      ErasableLetter(id: $0.id, path: nil, key: nil, value: $0.isErased ? nil : $0.value, headers: [])
    }
  }

  /// `pleat.erase_letters`
  func eraseLetters(_ id: String, searchedTo: Int64, busySeconds: Int32, _ ids: [Int64]) throws(StoreError) {
    try requireOpen(id, busySeconds: busySeconds)
    let keys = state.letters.filter { ids.contains($0.value.id) }.keys.sorted { $0.offset < $1.offset }
    for key in keys { try lock(.letter(key)) }
    change {
      for key in keys {
        $0.letters[key]?.value = []
        $0.letters[key]?.isErased = true
      }
    }
    for _ in keys { world.count(.erasedLetter) }
    note(id, busySeconds: busySeconds) { $0.lettersTo = max($0.lettersTo, searchedTo) }
  }

  /// `pleat.erasure_ends_left`
  func lags(_ id: String) -> [ErasureLag] {
    (state.erasures[id]?.record.ends ?? []).filter { $0.offset > 0 }.compactMap { end in
      let row = state.partitions[end.partition]
      let place = (row?.incarnation ?? -1, row?.nextOffset ?? 0)
      if place.0 > end.incarnation || place.0 == end.incarnation && place.1 >= end.offset { return nil }
      return ErasureLag(partition: end.partition, offset: place.1, end: end.offset)
    }
  }

  /// `pleat.note_met`
  func noteMet(_ id: String) throws(StoreError) {
    try requireOpen(id)
    change { $0.erasures[id]?.wasMet = true }
  }

  func rewritten(_ id: String) -> [(firstPosition: Int64, payloadDigest: [UInt8], identitiesDigest: [UInt8])] {
    (state.erasures[id]?.segments.sorted() ?? []).compactMap { position in
      guard let index = state.journal.index(holding: position) else { return nil }
      let draft = state.journal[index].draft
      return (position, draft.payloadDigest, draft.identitiesDigest)
    }
  }

  /// `pleat.append_erasure`
  func appendErasure(
    _ id: String, isRequester: Bool, listed: [UInt8], _ event: SegmentDraft
  ) throws(StoreError) -> Int64 {
    try lock(.erasure(id))
    guard let erasure = state.erasures[id] else { throw .refused("there is no erasure \(id)") }
    if let position = erasure.position { return position }
    guard erasure.isSearched || !world.holds(.erasureIsSearched),
      lags(id).isEmpty || !world.holds(.erasureReachesEnds),
      isRequester || erasure.busyUntil <= database.clock,
      event.greatestTime <= state.head.greatestTime ?? event.greatestTime
    else { throw .lost("the erasure \(id) is not done yet") }
    let segments = rewritten(id).map {
      ErasedSegment(
        firstPosition: $0.firstPosition, payloadDigest: $0.payloadDigest, identitiesDigest: $0.identitiesDigest)
    }
    guard listed == ErasedSegment.digest(segments) || !world.holds(.erasureListsAll) else {
      throw .lost("the erasure \(id) has rewritten other segments than its event lists")
    }
    var position: Int64 = 0
    if state.head.position > 0, !erasure.isAgain || erasure.wasMet {
      position = try appendSegments([event])[0].firstPosition
    }
    let at = position
    change {
      $0.erasures[id]?.position = at
      $0.erasures[id]?.segments = []
    }
    afterCommit { [world] in
      if at > 0 { world.count(.erased) }
      Checks(world).checkErased(id)
      if at == 0, erasure.isAgain { Checks(world).checkUnmet(id) }
    }
    return position
  }

  // MARK: Dead letters

  /// `pleat.begin_retry`, in the client's transaction.
  func beginRetry(_ partition: TopicPartition) throws(StoreError) -> Int64 {
    try lock(.partition(partition))
    guard let row = state.partitions[partition] else { throw .refused("\(partition) is not read") }
    let epoch = row.epoch + (world.holds(.retryRaisesEpoch) ? 1 : 0)
    change { $0.partitions[partition]?.epoch = epoch }
    return epoch
  }

  /// `pleat.finish_retry`, in the transaction of `beginRetry`, which holds the partition's row. Returns the position.
  func finishRetry(
    _ key: DatabaseState.LetterKey, isDuplicate: Bool, _ segment: SegmentDraft
  ) throws(StoreError) -> Int64? {
    guard let letter = state.letters[key] else { throw .lost("the dead letter is gone") }
    let isAwaited = state.erasures.values.contains {
      let isBusy = $0.busyUntil > database.clock
      return $0.position == nil && $0.lettersTo < (isBusy ? letter.id : min(letter.id, $0.lettersUntil))
    }
    guard !isAwaited || !world.holds(.retryWaitsForErasure) else {
      throw .lost("an erasure has not looked at the dead letter \(letter.id) yet")
    }
    try linger()
    try lock(.letter(key))
    guard let found = state.letters[key], !found.isErased else { throw .lost("the dead letter is gone") }
    change {
      $0.partitions[key.partition]?.deadLetters -= 1
      if isDuplicate { $0.partitions[key.partition]?.duplicates += 1 }
    }
    let isDeleted = world.holds(.retryDeletesLetter)
    change { if isDeleted { $0.letters[key] = nil } }
    afterCommit { [world] in world.count(isDuplicate ? .retriedDuplicate : .retried) }
    return isDuplicate ? nil : try appendSegments([segment], isOfDatabase: true)[0].firstPosition
  }
}
