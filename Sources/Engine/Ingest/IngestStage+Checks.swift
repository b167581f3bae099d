/// Checking that partitions still are what they were, and stopping at an alarm.
extension IngestStage {
  /// What is read, in one order: what a stage does must not depend on how a dictionary hashes.
  func inOrder() -> [IngestPartition] { reading.values.sorted { $0.partition < $1.partition } }

  /// Checks each minute and after a failure, asking beside the reading; and takes over anew, with the check that comes with it, where an
  /// offset was not there.
  func checkPartitions(_ now: Instant) throws {
    let isDue = reading.values.contains {
      $0.isOutOfRange || now.monotonicNanoseconds >= min($0.checkAt, $0.resumeAt ?? .max)
    }
    guard isDue else { return }
    for partition in inOrder() {
      guard let moment = partition.resumeAt, now.monotonicNanoseconds >= moment else { continue }
      try source.add(partition.partition, from: partition.nextOffset, handle: partition.handle)
      partition.resumeAt = nil
    }
    var checks: [PartitionCheck] = []
    for partition in inOrder() where !partition.isOutOfRange {
      if let check = answered(partition, now) { checks.append(check) }
    }
    if !checks.isEmpty {
      // Before anything more of them is appended.
      try settle()
      _ = try check(checks.filter { isRead($0.partition) }, now)
      // Of those that had failed something may be left to journal.
      if pendingSince == nil { pendingSince = now.monotonicNanoseconds }
    }
    for partition in inOrder() where partition.isOutOfRange {
      try flushNow()
      if isRead(partition) { stopReading(partition) }
    }
  }

  /// Asks what a check that is due needs, without waiting; the check, once the answer is there.
  func answered(_ partition: IngestPartition, _ now: Instant) -> PartitionCheck? {
    guard now.monotonicNanoseconds >= partition.checkAt else { return nil }
    guard let inquiry = partition.inquiry else {
      partition.inquiry = PartitionInquiry(partition, inquiries)
      return nil
    }
    do throws(SourceError) {
      guard let check = try inquiry.check(partition) else { return nil }
      partition.inquiry = nil
      noteAnswered(partition.partition)
      return check
    } catch {
      partition.checkAt = noteSilent(partition.partition, error, now)
      partition.inquiry = nil
      guard isRead(partition) else { return nil }
      // Meanwhile it may become another one: nothing more of it is journaled.
      removeFromSource(partition.partition)
      partition.hold()
      return nil
    }
  }

  /// Not any more where a flush that has come to its end paused it: a check would take that back.
  private func isRead(_ partition: IngestPartition) -> Bool { reading[partition.handle] === partition }

  /// The partitions that still are what they were; the others stand still with an alarm.
  func check(_ checks: [PartitionCheck], _ now: Instant) throws -> [IngestPartition] {
    var fine: [PartitionCheck] = []
    var behind: [PartitionCheck] = []
    for check in checks {
      let reason =
        check.alarm(clusterID: clusterID, comparesFirstEnd: holds(.firstEndIsCompared))
        ?? (holds(.fingerprints) ? check.alarmOfRecords : nil)
      if let reason {
        try alarm(check.partition, reason, now)
      } else if check.isBehindRetention {
        behind.append(check)
      } else {
        fine.append(check)
      }
    }
    // Once others are not read any more: of them nothing is to be appended.
    try alarmOfRetention(behind, now)
    // What that has written may have paused some.
    fine.removeAll { $0.partition.cursor.state != .running }
    // A database that went back says nothing by itself while there is nothing to append.
    for partition in fine.map(\.partition) where holds(.cursorIsCompared) {
      let stored = try store.cursor(partition.partition)
      guard stored?.epoch == partition.cursor.epoch, stored?.nextOffset == partition.cursor.nextOffset else {
        // Whoever else moves it raises the epoch.
        let isMoved = stored.map { $0.epoch > partition.cursor.epoch } ?? false
        if !isMoved {
          reporter.report(.warning, "the database went back, to before \(partition.partition) was where it is")
        }
        throw StoreError.lost("the cursor of \(partition.partition) is not where it was left")
      }
    }
    var renews = false
    for check in fine {
      let partition = check.partition
      if try lookForStall(of: partition, high: check.answer.high, now) { renews = true }
      try note(check)
      partition.noteChecked(now)
    }
    if renews { holdAll() }
    return fine.map(\.partition)
  }

  /// Notes what a check found in the partition's row, where that is news, and how far behind it is while something is in its way.
  private func note(_ check: PartitionCheck) throws {
    let (partition, last, obstacle) = (check.partition, check.answer.last, check.partition.obstacle)
    if last ?? partition.cursor.checked != partition.cursor.checked || partition.cursor.clusterID == nil
      || obstacle != partition.cursor.reason
    {
      try store.note(
        partition.partition, epoch: partition.cursor.epoch, state: .running, reason: obstacle, clusterID: clusterID,
        checked: last)
      if let obstacle, obstacle != partition.cursor.reason {
        reporter.report(.warning, "\(partition.partition): \(obstacle)")
      }
      partition.cursor.checked = last ?? partition.cursor.checked
      (partition.cursor.clusterID, partition.cursor.reason) = (clusterID, obstacle)
    }
    if obstacle != nil {
      try store.note(end: check.answer.high, of: partition.partition, epoch: partition.cursor.epoch)
    }
  }

  /// What its broker holds and the source does not hand over, without a word: it is asked anew, and the second time all of the source
  /// is made anew. A transaction that stays open looks the same, but says the end again; and who skips many aborted records needs time,
  /// so each attempt has twice as much as the one before. Returns whether the source is made anew.
  private func lookForStall(of partition: IngestPartition, high: Int64, _ now: Instant) throws -> Bool {
    guard partition.isStalled(high: high, empties: emptyPolls), isRead(partition) else { return false }
    try store.note(end: high, of: partition.partition, epoch: partition.cursor.epoch)
    guard partition.stalls & (partition.stalls - 1) == 0 else { return false }
    let (name, offset) = (partition.partition, partition.nextOffset)
    let renews = partition.stalls > 1 && now.monotonicNanoseconds >= renewAt
    reporter.report(
      renews ? .warning : .info,
      "nothing has come of \(name) since offset \(offset), and it ends at \(high): "
        + (renews ? "reading over new connections" : "asking for it anew"))
    if renews {
      renewAt = now.monotonicNanoseconds + IngestSettings.renewalNanoseconds
      source.renew()
    } else {
      try source.add(name, from: offset, handle: partition.handle)
    }
    return renews
  }

  /// Over new connections they may be others: nothing of them is journaled before they are checked.
  private func holdAll() {
    for partition in inOrder() {
      removeFromSource(partition.partition)
      partition.hold()
      partition.checkAt = 0
    }
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

  /// What was read of them cannot be read again, so it is written first. Where that pauses one, its next takeover tells the gap.
  private func alarmOfRetention(_ behind: [PartitionCheck], _ now: Instant) throws {
    for check in behind { check.partition.noteChecked(now) }
    if behind.contains(where: { $0.partition.isDirty }) { try flushNow() }
    for check in behind where check.partition.cursor.state == .running {
      try alarm(check.partition, check.alarmOfRetention, now)
    }
  }

  // MARK: Who does not answer

  /// A partition whose broker does not answer.
  struct Silence {
    var outage = Outage()
    var wait = IngestSettings.retryNanoseconds
    /// When to ask again: later each time, since who asks waits for it, and others wait for him.
    var askAt: Int64 = 0
  }

  /// Returns when to ask again.
  func noteSilent(_ partition: TopicPartition, _ error: SourceError, _ now: Instant) -> Int64 {
    var silence = silent[partition] ?? Silence()
    silence.outage.begin(
      reporter, "the broker of \(partition) does not answer, others go on: \(error.text); trying again")
    silence.askAt = now.monotonicNanoseconds + silence.wait
    silence.wait = min(silence.wait * 2, IngestSettings.greatestRetryNanoseconds)
    silent[partition] = silence
    return silence.askAt
  }

  func noteAnswered(_ partition: TopicPartition) {
    guard var silence = silent.removeValue(forKey: partition) else { return }
    silence.outage.end(reporter, "the broker of \(partition) answers again")
  }
}
