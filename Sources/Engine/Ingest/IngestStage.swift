import Events

/// Reads the partitions it has leases for, decodes and checks every record, drops duplicates, and appends to the journal.
///
/// A flush is one call of the store: segments, dead letters, counts and cursors in one transaction. It is on its way while the
/// next records are read. After any doubt about it everything in memory is dropped, the duplicates windows included, and each
/// partition begins again from its cursor.
package final class IngestStage: Stage {
  package let name = "ingest"
  let source: any Source
  let inquiries: Inquiries
  let store: any JournalStore
  let leases: Leases
  let tail: JournalTail
  let directory: PartitionDirectory
  let settings: IngestSettings
  let reporter: any Reporter
  let erasures: ErasureWatch?
  private let onDirectoryChange: @Sendable () -> Void

  private var decoder: EventDecoder?
  private(set) var clusterID = ""
  /// Held, and known to begin there, or to have a cursor.
  var firstOffsets: [TopicPartition: (offset: Int64, until: Int64)] = [:]
  /// Of questions about partitions that are not taken over.
  var replies: [TopicPartition: Reply<PartitionAnswer>] = [:]
  /// Those whose brokers do not answer.
  var silent: [TopicPartition: Silence] = [:]
  /// How often the source had nothing more to hand over.
  private(set) var emptyPolls = 0
  /// When the source may be made anew again, where it is stalled.
  var renewAt: Int64 = 0
  /// Taken over, and read once their brokers have said that they are what they were.
  var taken: [IngestPartition] = []
  /// By handle.
  var reading: [Int: IngestPartition] = [:]
  /// Held but not read: an alarm, or paused; by resource.
  var halted: [String: Halt] = [:]
  var nextHandle = 0
  private var lastHandle = -1
  private var lastPartition: IngestPartition?
  /// Partitions that still point to a record of the source's.
  private var holdingRecords: [IngestPartition] = []
  /// What is read is in line with these changes of the leases; nil where that is to be looked at anew.
  var syncedChanges: Int64?
  private var progressAt: Int64 = 0
  /// Since when nothing is on its way, though readers were told that more follows.
  private var quietSince: Int64?
  /// Nothing is read before.
  private var restsUntil: Int64 = 0

  private var deadLetters: [DeadLetter] = []
  private var pendingEvents = 0
  private var pendingBytes = 0
  var pendingSince: Int64?
  private var inFlight: [ReadSegment]?
  private var inFlightOffsets: [(TopicPartition, Int64)] = []
  /// Records between what the last flush took and the ends of the partitions, as far as they are known.
  private var recordsBehind: Int64 = 0
  private var offsetsToPublish: [TopicPartition: Int64] = [:]
  private var publishOffsetsAt: Int64 = 0

  private var discoverAt: Int64 = 0
  private var isInitialized = false
  /// As far as they are known.
  private var firstEnds: [TopicPartition: Int64] = [:]
  private var retryAt: Int64 = 0
  private var storeOutage = Outage()
  private var sourceOutage = Outage()
  var erasureOutage = Outage()
  /// Erasures are not looked for before then.
  var prepareAt: Int64 = 0

  package init(
    source: any Source, inquiries: Inquiries, store: any JournalStore, leases: Leases, tail: JournalTail,
    directory: PartitionDirectory, settings: IngestSettings, reporter: any Reporter, erasures: ErasureWatch? = nil,
    onDirectoryChange: @escaping @Sendable () -> Void
  ) {
    self.erasures = erasures
    (self.source, self.inquiries, self.store, self.leases, self.tail) = (source, inquiries, store, leases, tail)
    (self.directory, self.settings, self.reporter) = (directory, settings, reporter)
    self.onDirectoryChange = onDirectoryChange
  }

  package func step(_ now: Instant) -> NextStep {
    // Also of a step that fails: with Kafka away nobody else reads what this instance would let go.
    defer { noteProgress(now) }
    defer { noteQuiet(now) }
    if now.monotonicNanoseconds < retryAt { return .at(retryAt) }
    do {
      guard try discover(now) else { return .at(now.monotonicNanoseconds + IngestSettings.idleNanoseconds) }
      try syncPartitions(now)
      let next = try work(now)
      sourceOutage.end(reporter, "Kafka answers again")
      // A step that held nothing has asked the database for nothing.
      if !reading.isEmpty { storeOutage.end(reporter, "reading goes on") }
      return next
    } catch let error as StoreError {
      doubt(error, now)
    } catch let error as SourceError {
      fail(error, now)
    } catch {
      doubt(.refused("\(error)"), now)
    }
    return .at(retryAt)
  }

  private func noteProgress(_ now: Instant) {
    guard now.monotonicNanoseconds >= progressAt else { return }
    progressAt = now.monotonicNanoseconds + IngestSettings.progressNanoseconds
    leases.noteProgressOfPartitions(at: now)
  }

  /// Projections wait with what is folded for what follows at once.
  private func noteQuiet(_ now: Instant) {
    guard tail.moreFollows, inFlight == nil, pendingSince == nil, !tail.mustWait(at: now) else {
      quietSince = nil
      return
    }
    let since = quietSince ?? now.monotonicNanoseconds
    quietSince = since
    if now.monotonicNanoseconds - since >= IngestSettings.quietNanoseconds { tail.noteQuiet() }
  }

  private func work(_ now: Instant) throws -> NextStep {
    if inFlight != nil, store.appendIsDone() { try completeFlush() }
    publishOffsets(now)
    if inFlight == nil, pendingSince != nil, now.monotonicNanoseconds < restsUntil { return .at(restsUntil) }
    let isFull =
      pendingEvents >= settings.flushEvents * IngestSettings.pendingFlushes
      || pendingBytes >= IngestSettings.pendingBytes
    var count = 0
    if isFull {
      if inFlight != nil { try completeFlush() }
    } else if tail.mustWait(at: now) {
      try flushIfDue(now)
      return .at(now.monotonicNanoseconds + 1_000_000)
    } else {
      count = try read(now)
      rest(after: count, now)
    }
    try checkPartitions(now)
    try flushIfDue(now)
    erasures?.finish(now)
    if count > 0 || isFull || erasures?.isAtWork == true { return .immediately }
    if inFlight != nil {
      try completeFlush()
      return .immediately
    }
    let idle = now.monotonicNanoseconds + IngestSettings.idleNanoseconds
    return .at(pendingSince.map { min(idle, $0 + settings.flushNanoseconds) } ?? idle)
  }

  /// Records that come few by few are taken all at once, just before the flush.
  private func rest(after count: Int, _ now: Instant) {
    guard let pendingSince, count < IngestSettings.fewEvents, erasures?.isAtWork != true else {
      restsUntil = 0
      return
    }
    restsUntil = min(
      pendingSince + settings.flushNanoseconds, now.monotonicNanoseconds + IngestSettings.restNanoseconds)
  }

  // MARK: Reading

  private func read(_ now: Instant) throws(SourceError) -> Int {
    guard decoder != nil, !reading.isEmpty else { return 0 }
    let limit = max(
      min(IngestSettings.pollLimit, settings.flushEvents * IngestSettings.pendingFlushes - pendingEvents), 1)
    let polled = try source.poll(limit: limit, bytes: IngestSettings.pendingBytes - pendingBytes) { event in
      switch event {
      case .record(let handle, let record):
        accept(record, handle, now)
      case .released:
        for partition in holdingRecords { partition.keepLastRecord() }
        holdingRecords.removeAll(keepingCapacity: true)
      case .endReached(let handle, let offset):
        // Between its place and the end stand records that were not looked at.
        guard let partition = reading[handle], !partition.isPausing, !partition.hasFailed else { break }
        partition.noteEnd()
        if offset > partition.nextOffset {
          partition.nextOffset = offset
          if pendingSince == nil { pendingSince = now.monotonicNanoseconds }
        }
      case .offsetOutOfRange(let handle):
        reading[handle]?.isOutOfRange = true
      case .partitionError(let handle, let text):
        if let partition = reading[handle] {
          partition.noteFailure(text)
          reporter.report(.warning, "\(partition.partition): \(text)")
        }
      }
    }
    if polled.isDry { emptyPolls += 1 }
    return polled.events
  }

  @inline(__always)
  private func partition(_ handle: Int) -> IngestPartition? {
    if handle == lastHandle { return lastPartition }
    guard let partition = reading[handle] else { return nil }
    lastHandle = handle
    lastPartition = partition
    return partition
  }

  private func accept(_ record: SourceRecord, _ handle: Int, _ now: Instant) {
    guard let partition = partition(handle), !partition.isPausing, !partition.hasFailed else { return }
    let offset = record.content.offset
    guard offset >= partition.nextOffset else { return }
    partition.nextOffset = offset + 1
    if pendingSince == nil { pendingSince = now.monotonicNanoseconds }
    do throws(Refusal) {
      let event = try decoder!.decode(record.content, now: now.wall, into: &partition.batch) {
        partition.window.prefetch($0)
      }
      partition.badRecords.record(isBad: false)
      if let identity = event.identity {
        if partition.window.contains(identity, before: offset) {
          partition.batch.rollBack(to: event.mark)
          partition.duplicates += 1
          return
        }
        partition.window.insert(identity, at: offset)
      }
      if partition.noteEvent(record, time: event.time) { holdingRecords.append(partition) }
      pendingEvents += 1
      pendingBytes += (record.content.value?.count ?? 0) + record.content.headerBytes
    } catch {
      refuse(record, error, of: partition)
    }
  }

  private func refuse(_ record: SourceRecord, _ refusal: Refusal, of partition: IngestPartition) {
    partition.deadLetters += 1
    let letter = deadLetter(record, refusal, of: partition)
    pendingBytes += letter.byteCount + IngestSettings.letterBytes
    pendingEvents += 1
    deadLetters.append(letter)
    partition.badRecords.record(isBad: true)
    if partition.badRecords.tooMany {
      partition.isPausing = true
      reporter.report(
        .error,
        "\(partition.partition) pauses: more than half of its last records are bad; see `pleat deadletters list`, and `pleat resume TOPIC PARTITION`"
      )
    }
  }

  private func deadLetter(_ record: SourceRecord, _ refusal: Refusal, of partition: IngestPartition) -> DeadLetter {
    DeadLetter(
      partition: partition.partition, incarnation: partition.cursor.incarnation, offset: record.content.offset,
      refusal: refusal, key: record.key.map { Array($0.prefix(IngestSettings.keptBytes)) },
      value: record.content.value.map { Array($0.prefix(IngestSettings.keptBytes)) },
      headers: record.content.headerBytes > IngestSettings.keptBytes
        ? [] : record.content.headers.map { (Array($0.name), $0.value.map { Array($0) }) },
      timestampMilliseconds: record.timestampMilliseconds)
  }

  // MARK: Flushing

  private func flushIfDue(_ now: Instant) throws {
    guard let pendingSince, inFlight == nil else { return }
    guard
      pendingEvents >= settings.flushEvents || pendingBytes >= IngestSettings.pendingBytes
        || now.monotonicNanoseconds >= pendingSince + settings.flushNanoseconds
    else { return }
    try startFlush()
  }

  private func startFlush() throws(StoreError) {
    var flush = JournalFlush()
    var sent: [ReadSegment] = []
    var offsets: [(TopicPartition, Int64)] = []
    recordsBehind = 0
    for partition in reading.values.sorted(by: { $0.partition < $1.partition }) where partition.isDirty {
      if let erasures, !partition.erasures.isEmpty { try erase(partition, erasures) }
      let end = source.cachedEnd(partition.partition)
      if let end { recordsBehind += max(end - partition.nextOffset, 0) }
      let taken = partition.takeFlush(endOffset: end)
      flush.moves.append(taken.move)
      offsets.append((partition.partition, taken.move.to))
      if let segment = taken.segment { sent.append(segment) }
    }
    let moved = Set(flush.moves.map(\.partition))
    flush.deadLetters = deadLetters.filter { moved.contains($0.partition) }
    deadLetters.removeAll { moved.contains($0.partition) }
    pendingEvents = 0
    pendingBytes = 0
    pendingSince = nil
    if flush.moves.isEmpty { return }
    try store.startAppend { [flush, sent] in
      var encoded = flush
      encoded.segments = sent.map { $0.encoded() }
      return encoded
    }
    inFlight = sent
    inFlightOffsets = offsets
  }

  /// What was read of people who are being erased is journaled as if it had been before.
  private func erase(_ partition: IngestPartition, _ erasures: ErasureWatch) throws(StoreError) {
    try erasures.erase(&partition.batch, partition.erasures)
    for index in deadLetters.indices where deadLetters[index].partition == partition.partition {
      erasures.erase(&deadLetters[index], partition.erasures)
    }
    partition.erasures.removeAll { $0.end <= partition.nextOffset }
  }

  private func completeFlush() throws(StoreError) {
    guard let sent = inFlight else { return }
    inFlight = nil
    let appended = try store.finishAppend()
    guard appended.count == sent.count else {
      throw .refused("the journal answered for \(appended.count) segments of \(sent.count)")
    }
    tail.publish(
      zip(sent, appended).map { segment, place in
        JournalBatch(
          firstPosition: place.firstPosition, previousChain: place.previousChain, chain: place.chain,
          partition: segment.partition, events: segment.events, byteCount: segment.events.byteCount)
      }, moreFollows: recordsBehind > settings.flushEvents)
    for (partition, offset) in inFlightOffsets { offsetsToPublish[partition] = offset }
    for partition in reading.values {
      partition.noteJournaled()
      if partition.cursor.state == .paused { halt(partition, lookAt: 0) }
    }
  }

  /// Everything read so far, written: before something that must not come in between.
  func flushNow() throws {
    try completeFlush()
    if reading.values.contains(where: \.isDirty) {
      try startFlush()
      try completeFlush()
    }
  }

  /// No flush is on its way afterwards.
  func settle() throws(StoreError) { try completeFlush() }

  private func publishOffsets(_ now: Instant) {
    guard !offsetsToPublish.isEmpty, now.monotonicNanoseconds >= publishOffsetsAt else { return }
    publishOffsetsAt = now.monotonicNanoseconds + 1_000_000_000
    inquiries.publish(offsetsToPublish)
    offsetsToPublish = [:]
  }

  // MARK: Starting and failing

  /// Takes note of the partitions that the probe has found; returns whether there is something to read.
  private func discover(_ now: Instant) throws -> Bool {
    if isInitialized, now.monotonicNanoseconds < discoverAt { return true }
    guard let topics = inquiries.topics else { return false }
    clusterID = topics.clusterID
    if !isInitialized { isInitialized = try initialize(topics, now) }
    guard isInitialized else { return false }
    discoverAt = now.monotonicNanoseconds + IngestSettings.discoverNanoseconds
    if directory.set(topics.partitions) {
      syncedChanges = nil
      onDirectoryChange()
    }
    return true
  }

  /// Whether the installation is initialized: at its first start it is told where the partitions end, once all topics are there and
  /// all partitions have answered.
  private func initialize(_ topics: Inquiries.Topics, _ now: Instant) throws -> Bool {
    if decoder == nil {
      let key = try store.hashKey()
      decoder = EventDecoder(identityKey: identityKey(of: key))
      erasures?.use(key)
    }
    if try store.isInitialized() { return true }
    guard topics.missing.isEmpty else { return false }
    for partition in topics.partitions where firstEnds[partition] == nil {
      firstEnds[partition] = ends(of: partition, now)?.high
    }
    let ends = topics.partitions.compactMap { partition in firstEnds[partition].map { (partition, $0) } }
    guard ends.count == topics.partitions.count else { return false }
    try store.initialize(publishAll: settings.publishAll, ends: ends)
    return true
  }

  /// Whether the last flush happened is not known, or it did not: nothing in memory counts.
  private func doubt(_ error: StoreError, _ now: Instant) {
    let stops = "reading stops until the database takes what was read"
    let (what, severity): (String, Severity) =
      switch error {
      // Mostly nothing is wrong: a decision, an erasure, a letter that was tried again or another instance has moved a cursor or an epoch.
      case .lost: ("what was read is read again", .notice)
      case .refused: (stops, .error)
      case .unavailable, .foreign: (stops, .warning)
      }
    storeOutage.begin(reporter, "\(what): \(error.message)", severity)
    if holds(.doubtDropsMemory) { dropEverything() } else { inFlight = nil }
    // Maybe of a database that went back to before its first start.
    if holds(.initializesAgain), case .refused = error { (isInitialized, firstEnds) = (false, [:]) }
    store.reset()
    retryAt = now.monotonicNanoseconds + IngestSettings.retryNanoseconds
  }

  private func fail(_ error: SourceError, _ now: Instant) {
    sourceOutage.begin(reporter, "Kafka does not answer: \(error.text); trying again")
    retryAt = now.monotonicNanoseconds + IngestSettings.retryNanoseconds
  }

  private func dropEverything() {
    for partition in reading.values { removeFromSource(partition.partition) }
    reading = [:]
    halted = [:]
    (firstOffsets, replies, taken) = ([:], [:], [])
    erasures?.doubt()
    forgetLastPartition()
    deadLetters = []
    pendingEvents = 0
    pendingBytes = 0
    pendingSince = nil
    inFlight = nil
    if holds(.doubtClearsTail) { tail.clear() }
  }

  /// What is read has changed.
  func forgetLastPartition() {
    lastHandle = -1
    lastPartition = nil
    syncedChanges = nil
  }

  func dropDeadLetters(of partition: TopicPartition) { deadLetters.removeAll { $0.partition == partition } }

  package func stop(_ now: Instant) {
    do {
      try flushNow()
      inquiries.publish(offsetsToPublish)
    } catch {
      reporter.report(.warning, "the last flush did not succeed; its records will be read again: \(error)")
    }
    source.close()
  }
}
