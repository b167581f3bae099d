import Events

/// Taking partitions over, and giving them up.
extension IngestStage {
  /// Brings what is read in line with the leases.
  func syncPartitions(_ now: Instant) throws {
    let changes = leases.changes
    if syncedChanges == changes, halted.isEmpty { return }
    try takeWhatIsHeld(now)
    // Where something held is not read yet, the next step tries again.
    let isComplete = leases.partitions().allSatisfy { held in
      reading.values.contains { $0.resource == held.resource && $0.term == held.term }
        || !directory.all.contains { LeaseResource.partition($0) == held.resource }
    }
    syncedChanges = isComplete ? changes : nil
  }

  private func takeWhatIsHeld(_ now: Instant) throws {
    guard let instance = leases.instance else {
      if !reading.isEmpty || !taken.isEmpty { try dropUnheld([:]) }
      return
    }
    let held = Dictionary(uniqueKeysWithValues: leases.partitions())
    try dropUnheld(held)
    // Also what was asked back while nothing of it was read, as after a failed takeover: who reads it next waits for the lease.
    if holds(.askedBackIsReleased) { for resource in leases.partitionsAskedBack() { leases.release(resource) } }
    // First: what was answered is not to get old while others are taken over.
    try beginAnswered(now)
    var ready: [(partition: TopicPartition, term: Int, first: Int64)] = []
    var waits = false
    let begun = Dictionary(uniqueKeysWithValues: (reading.values + taken).map { ($0.resource, $0.term) })
    for partition in directory.all {
      let resource = LeaseResource.partition(partition)
      guard let term = held[resource] else { continue }
      if begun[resource] == term { continue }
      if let halt = halted[resource], halt.term == term {
        guard now.monotonicNanoseconds >= halt.lookAt else { continue }
        halted[resource]?.lookAt = now.monotonicNanoseconds + IngestSettings.decisionNanoseconds
        try settle()
        guard let cursor = try store.cursor(partition) else { continue }
        guard cursor.state == .running else {
          try noteEnd(of: cursor, now)
          continue
        }
        halted[resource] = nil
        reporter.report(.notice, "\(partition) goes on at offset \(cursor.nextOffset)")
      }
      waits = true
      if let first = try firstOffset(partition, now) { ready.append((partition, term, first)) }
    }
    erasures?.age(now, isWanted: waits)
    guard !ready.isEmpty, try isPrepared(now) else { return }
    var justTaken: [IngestPartition] = []
    for (partition, term, first) in ready {
      firstOffsets[partition] = nil
      guard let one = try takeOver(partition, term: term, instance, first: first, now) else { continue }
      justTaken.append(one)
    }
    // The next steps prepare again, and take them over again.
    if !justTaken.isEmpty, let erasures, try erasures.isOvertaken() {
      reporter.report(.notice, "an erasure has begun: partitions are taken over again")
      return
    }
    taken += justTaken
    // What is asked from now on is what is there after the takeovers, however long they took.
    for one in taken where now.monotonicNanoseconds >= one.checkAt && one.inquiry?.isAnswered ?? true {
      one.inquiry = PartitionInquiry(one, inquiries)
    }
  }

  /// Where a partition begins if the database does not know it yet; nil while its broker is asked.
  private func firstOffset(_ partition: TopicPartition, _ now: Instant) throws(StoreError) -> Int64? {
    if let known = firstOffsets[partition], now.monotonicNanoseconds < known.until { return known.offset }
    let until = now.monotonicNanoseconds + IngestSettings.answerNanoseconds
    if replies[partition] == nil {
      if let silence = silent[partition], now.monotonicNanoseconds < silence.askAt { return nil }
      try settle()
      if let cursor = try store.cursor(partition) {
        firstOffsets[partition] = (cursor.nextOffset, until)
        return cursor.nextOffset
      }
    }
    firstOffsets[partition] = ends(of: partition, now).map { ($0.low, until) }
    return firstOffsets[partition]?.offset
  }

  /// Readers see how far behind ingest is also where it stands. Who does not answer is asked with the next check: nobody waits for it.
  private func noteEnd(of cursor: PartitionCursor, _ now: Instant) throws(StoreError) {
    let (partition, resource) = (cursor.partition, LeaseResource.partition(cursor.partition))
    guard let halt = halted[resource], now.monotonicNanoseconds >= halt.noteEndAt else { return }
    let reply = replies[partition] ?? inquiries.ask(PartitionQuestion(partition, offsets: nil))
    replies[partition] = reply
    let answer: PartitionAnswer?
    do throws(SourceError) {
      guard let found = try reply.get() else { return }
      answer = found
    } catch {
      answer = nil
    }
    replies[partition] = nil
    halted[resource]?.noteEndAt = now.monotonicNanoseconds + IngestSettings.checkNanoseconds
    guard let answer else { return }
    do throws(StoreError) {
      try store.note(end: answer.high, of: partition, epoch: cursor.epoch)
    } catch {
      // Somebody has decided since: the next look at the row says what.
      guard case .lost = error else { throw error }
    }
  }

  /// Lowest offset and high watermark of a partition that is not read; nil while its broker is asked.
  func ends(of partition: TopicPartition, _ now: Instant) -> (low: Int64, high: Int64)? {
    if let silence = silent[partition], now.monotonicNanoseconds < silence.askAt { return nil }
    let reply = replies[partition] ?? inquiries.ask(PartitionQuestion(partition, offsets: nil))
    replies[partition] = reply
    do throws(SourceError) {
      guard let answer = try reply.get() else { return nil }
      replies[partition] = nil
      noteAnswered(partition)
      return (answer.low, answer.high)
    } catch {
      replies[partition] = nil
      _ = noteSilent(partition, error, now)
      return nil
    }
  }

  /// Reads what was taken over and answered for, if it is what it was.
  private func beginAnswered(_ now: Instant) throws {
    if taken.isEmpty { return }
    let checks = taken.compactMap { answered($0, now) }
    if checks.isEmpty { return }
    try settle()
    taken.removeAll { one in checks.contains { $0.partition === one } }
    let key = identityKey(of: try store.hashKey())
    for partition in try check(checks, now) { try begin(partition, key) }
  }

  /// Whether erasures are as far as they must be before anything is taken over.
  private func isPrepared(_ now: Instant) throws -> Bool {
    guard let erasures else { return true }
    guard now.monotonicNanoseconds >= prepareAt else { return false }
    do {
      guard try erasures.prepare(now) else { return false }
      erasureOutage.end(reporter, "the cursor topic can be read again")
      return true
    } catch let error as SourceError {
      erasureOutage.begin(
        reporter, "nothing is taken over: erasures are looked for in the cursor topic, and \(error.text)")
      prepareAt = now.monotonicNanoseconds + IngestSettings.retryNanoseconds
      return false
    }
  }

  private func dropUnheld(_ held: [String: Int]) throws {
    for partition in inOrder() where held[partition.resource] != partition.term {
      try settle()
      stopReading(partition)
      leases.releaseIfAsked(partition.resource)
      reporter.report(.info, "\(partition.partition) is given up at offset \(partition.cursor.nextOffset)")
    }
    for (resource, halt) in halted where held[resource] != halt.term {
      halted[resource] = nil
      leases.releaseIfAsked(resource)
    }
    for one in taken where held[one.resource] != one.term { leases.releaseIfAsked(one.resource) }
    taken.removeAll { held[$0.resource] != $0.term }
    firstOffsets = firstOffsets.filter { held[LeaseResource.partition($0.key)] != nil }
    replies = replies.filter { held[LeaseResource.partition($0.key)] != nil }
    silent = silent.filter { held[LeaseResource.partition($0.key)] != nil }
  }

  /// The partition, if it is ours and runs.
  private func takeOver(
    _ partition: TopicPartition, term: Int, _ instance: InstanceID, first: Int64, _ now: Instant
  ) throws -> IngestPartition? {
    try settle()
    let cursor: PartitionCursor
    do throws(StoreError) {
      cursor = try store.takeOver(partition, instance: instance, firstOffset: first, clusterID: clusterID)
    } catch {
      // The lease ended in between; the keeper will notice.
      guard case .lost(let text) = error else { throw error }
      reporter.report(.debug, "\(partition) is not taken over: \(text)")
      return nil
    }
    nextHandle += 1
    let resource = LeaseResource.partition(partition)
    let taken = IngestPartition(partition, resource: resource, term: term, handle: nextHandle, cursor: cursor)
    guard cursor.state == .running else {
      reporter.report(.warning, "\(partition) stands still: \(cursor.reason ?? cursor.state.rawValue)")
      halt(taken, lookAt: now.monotonicNanoseconds + IngestSettings.decisionNanoseconds)
      return nil
    }
    return taken
  }

  /// Reads a partition that was taken over and checked: from its cursor, knowing what is journaled before that.
  private func begin(_ taken: IngestPartition, _ key: HashKey) throws {
    let (partition, cursor) = (taken.partition, taken.cursor)
    let from = cursor.nextOffset - DuplicateWindow.span
    var identities: [(offset: Int64, digest: Digest128)] = []
    let columns =
      holds(.windowIsPrimed) ? try store.identities(partition, incarnation: cursor.incarnation, from: from) : []
    for column in columns {
      for identity in try IdentityColumn.digests(of: column, key: key)
      where identity.offset >= from && identity.offset < cursor.nextOffset {
        identities.append(identity)
      }
    }
    // A dead letter that was tried again stands in the journal behind later offsets.
    identities.sort { $0.offset < $1.offset }
    for identity in identities { taken.window.insert(identity.digest, at: identity.offset) }
    if let erasures {
      taken.erasures = erasures.people(of: partition, incarnation: cursor.incarnation)
        .filter { $0.end > cursor.nextOffset }
    }
    try source.add(partition, from: cursor.nextOffset, handle: taken.handle)
    reading[taken.handle] = taken
    reporter.report(
      .info, "\(partition) is read from offset \(cursor.nextOffset)",
      [("epoch", "\(cursor.epoch)"), ("incarnation", "\(cursor.incarnation)")])
  }

  // MARK: Ends

  /// A partition that is held and not read.
  struct Halt {
    var term: Int
    /// When to look at its row again…
    var lookAt: Int64
    /// … and to note where it ends by now.
    var noteEndAt: Int64 = 0
  }

  /// Stops reading; the lease stays, and the cursor's row tells when to go on.
  func halt(_ partition: IngestPartition, lookAt: Int64) {
    stopReading(partition)
    halted[partition.resource] = Halt(term: partition.term, lookAt: lookAt)
  }

  /// What is read and not sent is dropped, and will be read again.
  func stopReading(_ partition: IngestPartition) {
    removeFromSource(partition.partition)
    reading[partition.handle] = nil
    dropDeadLetters(of: partition.partition)
    forgetLastPartition()
  }

  func removeFromSource(_ partition: TopicPartition) {
    do throws(SourceError) {
      try source.remove(partition)
    } catch {
      // What still arrives carries an old handle and is ignored.
      reporter.report(.debug, "\(partition) could not be removed from the consumer: \(error)")
    }
  }
}
