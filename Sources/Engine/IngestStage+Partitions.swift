import Events

/// Taking partitions over, checking that they are still what they were, and stopping at an alarm.
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
      if !reading.isEmpty { try dropUnheld([:]) }
      return
    }
    let held = Dictionary(uniqueKeysWithValues: leases.partitions())
    try dropUnheld(held)
    // Also what was asked back while nothing of it was read, as after a failed takeover: who reads it next waits for the lease.
    if holds(.askedBackIsReleased) { for resource in leases.partitionsAskedBack() { leases.release(resource) } }
    var isPrepared = false
    var taken: [IngestPartition] = []
    for partition in directory.all {
      let resource = LeaseResource.partition(partition)
      guard let term = held[resource] else { continue }
      if reading.values.contains(where: { $0.resource == resource && $0.term == term }) { continue }
      if let halt = halted[resource], halt.term == term {
        guard now.monotonicNanoseconds >= halt.lookAt else { continue }
        halted[resource]?.lookAt = now.monotonicNanoseconds + IngestSettings.decisionNanoseconds
        try settle()
        guard let cursor = try store.cursor(partition), cursor.state == .running else { continue }
        halted[resource] = nil
        reporter.report(.notice, "\(partition) goes on at offset \(cursor.nextOffset)")
      }
      if !isPrepared {
        guard try erasures?.prepare(now) ?? true else { return }
        isPrepared = true
      }
      if let one = try takeOver(partition, resource: resource, term: term, instance: instance, now) {
        taken.append(one)
      }
    }
    if taken.isEmpty { return }
    // The next step prepares again, and takes them over again.
    if let erasures, try erasures.isOvertaken() {
      reporter.report(.notice, "an erasure has begun: partitions are taken over again")
      return
    }
    let key = identityKey(of: try store.hashKey())
    for partition in try check(taken, now) { try begin(partition, key) }
  }

  /// What is read, in one order: what a stage does must not depend on how a dictionary hashes.
  private func inOrder() -> [IngestPartition] { reading.values.sorted { $0.partition < $1.partition } }

  private func dropUnheld(_ held: [String: Int]) throws {
    for partition in inOrder() where held[partition.resource] != partition.term {
      try settle()
      removeFromSource(partition.partition)
      reading[partition.handle] = nil
      dropDeadLetters(of: partition.partition)
      forgetLastPartition()
      leases.releaseIfAsked(partition.resource)
      reporter.report(.info, "\(partition.partition) is given up at offset \(partition.cursor.nextOffset)")
    }
    for (resource, halt) in halted where held[resource] != halt.term {
      halted[resource] = nil
      leases.releaseIfAsked(resource)
    }
  }

  /// The partition, if it is ours and runs.
  private func takeOver(
    _ partition: TopicPartition, resource: String, term: Int, instance: InstanceID, _ now: Instant
  ) throws -> IngestPartition? {
    try settle()
    let clusterID = self.clusterID ?? ""
    let first: Int64
    if let existing = try store.cursor(partition) {
      first = existing.nextOffset
    } else {
      first = try source.watermarks(partition).low
    }
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

  // MARK: Checks

  /// Checks what is due: each minute, after an error of the partition, and where an offset was not there.
  func checkPartitions(_ now: Instant) throws {
    let isDue = reading.values.contains {
      $0.isOutOfRange || $0.mustCheck || now.monotonicNanoseconds >= $0.checkAt
    }
    guard isDue else { return }
    // Before anything more of them is appended.
    let due = inOrder().filter { !$0.isOutOfRange && ($0.mustCheck || now.monotonicNanoseconds >= $0.checkAt) }
    if !due.isEmpty {
      try settle()
      _ = try check(due.filter(isRead), now)
    }
    for partition in inOrder() where partition.isOutOfRange {
      try flushNow(now)
      guard isRead(partition), try !check([partition], now).isEmpty else { continue }
      // Nothing is wrong with it any more: read on.
      removeFromSource(partition.partition)
      reading[partition.handle] = nil
      forgetLastPartition()
    }
  }

  /// Not any more where a flush that has come to its end paused it: a check would take that back.
  private func isRead(_ partition: IngestPartition) -> Bool { reading[partition.handle] === partition }

  /// The partitions that still are what they were; the others stand still with an alarm. Their records are looked up all at once.
  private func check(_ partitions: [IngestPartition], _ now: Instant) throws -> [IngestPartition] {
    var checks: [PartitionCheck] = []
    for partition in partitions {
      let (low, high) = try source.watermarks(partition.partition)
      checks.append(PartitionCheck(partition: partition, low: low, high: high))
    }
    func goOn(without reason: (PartitionCheck) -> String?) throws {
      var fine: [PartitionCheck] = []
      for check in checks {
        if let reason = reason(check) { try alarm(check.partition, reason, now) } else { fine.append(check) }
      }
      checks = fine
    }
    try goOn { $0.alarm(clusterID: clusterID, comparesFirstEnd: holds(.firstEndIsCompared)) }
    if holds(.fingerprints) {
      let places = checks.flatMap(\.places)
      let records = Dictionary(uniqueKeysWithValues: zip(places, try source.lastRecords(of: places)))
      try goOn { $0.alarm(records) }
    }
    try goOn { $0.alarmOfRetention }
    // A database that went back says nothing by itself while there is nothing to append.
    for partition in checks.map(\.partition) where holds(.cursorIsCompared) {
      let stored = try store.cursor(partition.partition)
      guard stored?.epoch == partition.cursor.epoch, stored?.nextOffset == partition.cursor.nextOffset else {
        throw StoreError.lost(
          "the cursor of \(partition.partition) is not where it was left: the database went back, or somebody decided")
      }
    }
    let last = try source.lastRecords(of: checks.map { LogStretch($0.partition.partition, lastBefore: $0.high) })
    for (partition, last) in zip(checks.map(\.partition), last) {
      if last != partition.cursor.checked || partition.cursor.clusterID == nil {
        try store.note(
          partition.partition, epoch: partition.cursor.epoch, state: .running, reason: nil, clusterID: clusterID,
          checked: last)
        partition.cursor.checked = last
        partition.cursor.clusterID = clusterID
      }
      partition.mustCheck = false
      partition.checkAt = now.monotonicNanoseconds + IngestSettings.checkNanoseconds
    }
    return checks.map(\.partition)
  }

  private func alarm(_ partition: IngestPartition, _ reason: String, _ now: Instant) throws {
    try settle()
    reporter.report(
      .error, "\(partition.partition) stands still: \(reason)",
      [("topic", partition.partition.topic), ("partition", "\(partition.partition.partition)")])
    try store.note(
      partition.partition, epoch: partition.cursor.epoch, state: .alarm, reason: reason, clusterID: nil, checked: nil)
    halt(partition, lookAt: now.monotonicNanoseconds + IngestSettings.decisionNanoseconds)
  }

  /// Stops reading; the lease stays, and the cursor's row tells when to go on.
  func halt(_ partition: IngestPartition, lookAt: Int64) {
    removeFromSource(partition.partition)
    reading[partition.handle] = nil
    dropDeadLetters(of: partition.partition)
    forgetLastPartition()
    halted[partition.resource] = (partition.partition, partition.term, lookAt)
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
