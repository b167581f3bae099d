import Events

/// Publishes the outbox: derived events and the cursor records behind them in one Kafka transaction.
///
/// On the start, and after any doubt, it opens a new producer, which fences every older one, and reads from Kafka how far it had
/// come; it never sends again from memory. Where the broker has no transactions, PostgreSQL's copy is the cursor, and delivery is
/// at least once.
package final class RelayStage: Stage {
  package let name = "relay"
  private let store: any OutboxStore
  private let publisher: any Publisher
  private let leases: Leases
  private let projections: [String]
  private let reporter: any Reporter

  private struct Run {
    var term: Int
    var epoch: Int64
    var places: [String: RelayPlace]
    var publishAfter: Int64?
    /// What a restored database may say again: ids that are on the output topics already.
    var publishedIDs: Set<String>
  }

  /// A start whose ids are being read back, a piece a step.
  private struct Start {
    var term: Int
    var epoch: Int64
    var places: [String: RelayPlace]
    var publishAfter: Int64?
    var readBack: ReadBack
    var since: Int64
  }

  private var run: Run?
  private var start: Start?
  /// Under which the relay may say how it does.
  private var epoch: Int64?
  private var retryAt: Int64 = 0
  private var outage = Outage()
  /// Since the last success in this term, and the last one.
  private var doubts = (count: 0, term: -1, text: "")
  private var isInDoubt: Bool { doubts.count >= Self.doubtsUntilShown }

  private static let batchLimit = 500
  private static let pollNanoseconds: Int64 = 250_000_000
  private static let retryNanoseconds: Int64 = 1_000_000_000
  private static let doubtsUntilShown = 5
  private static let doubtRetryNanoseconds: Int64 = 5_000_000_000
  private static let alarmRetryNanoseconds: Int64 = 10_000_000_000
  /// Reading back for longer than this is an alarm: somebody has to look at the size of the output topics.
  static let readBackNanoseconds: Int64 = 600_000_000_000

  package init(
    store: any OutboxStore, publisher: any Publisher, leases: Leases, projections: [String], reporter: any Reporter
  ) {
    (self.store, self.publisher, self.leases) = (store, publisher, leases)
    (self.projections, self.reporter) = (projections, reporter)
  }

  private var delivery: String { publisher.isTransactional ? "exactly_once" : "at_least_once" }

  package func step(_ now: Instant) -> NextStep {
    if now.monotonicNanoseconds < retryAt {
      leases.noteProgress(of: LeaseResource.relay, at: now)
      return .at(retryAt)
    }
    guard let instance = leases.instance, let term = leases.term(of: LeaseResource.relay) else {
      if run != nil || start != nil { close() }
      return .at(now.monotonicNanoseconds + Self.pollNanoseconds)
    }
    do {
      if (run?.term ?? start?.term) != term { try begin(instance, term, now) }
      if start != nil {
        try readBack(now)
        leases.noteProgress(of: LeaseResource.relay, at: now)
        return .immediately
      }
      let published = try relay()
      leases.noteProgress(of: LeaseResource.relay, at: now)
      if isInDoubt, !published, let run {
        try store.move(epoch: run.epoch, places: [:], state: "running", delivery: delivery)
      }
      doubts.count = 0
      outage.end(reporter, "the relay goes on")
      return published ? .immediately : .at(now.monotonicNanoseconds + Self.pollNanoseconds)
    } catch {
      fail(error, now)
      return .at(retryAt)
    }
  }

  // MARK: Starting

  private func begin(_ instance: InstanceID, _ term: Int, _ now: Instant) throws {
    close()
    if doubts.term != term { doubts = (0, term, "") }
    let cursor = try store.takeOver(instance: instance)
    epoch = cursor.epoch
    try publisher.open()
    var places = cursor.places
    guard publisher.isTransactional else {
      reporter.report(
        .warning, "the broker has no transactions: derived events are delivered at least once, with stable ids")
      let run = Run(
        term: term, epoch: cursor.epoch, places: places, publishAfter: cursor.publishAfter, publishedIDs: [])
      return try begin(run)
    }
    places = try publishedPlaces(copy: cursor.places)
    guard let from = try startIfRestored(&places, copy: cursor.places) else {
      let run = Run(
        term: term, epoch: cursor.epoch, places: places, publishAfter: cursor.publishAfter, publishedIDs: [])
      return try begin(run)
    }
    try store.move(epoch: cursor.epoch, places: [:], state: "reading_back", delivery: delivery)
    start = Start(
      term: term, epoch: cursor.epoch, places: places, publishAfter: cursor.publishAfter,
      readBack: ReadBack(from: from), since: now.monotonicNanoseconds)
  }

  private func begin(_ run: Run) throws {
    self.run = run
    try store.move(epoch: run.epoch, places: run.places, state: "running", delivery: delivery)
    // Beginning is not what failed.
    if isInDoubt { noteFailure(doubts.text) }
    reporter.report(
      outage.isOn ? .debug : .info, "the relay goes on behind \(Self.describe(run.places))", [("delivery", delivery)])
  }

  /// A piece; with the last one the relay begins.
  private func readBack(_ now: Instant) throws {
    guard var start else { return }
    let isDone = try publisher.readBack(&start.readBack)
    self.start = start
    if now.monotonicNanoseconds - start.since > Self.readBackNanoseconds, !isDone {
      throw PublishError.alarm(
        "reading back what the output topics hold takes longer than \(Self.readBackNanoseconds / 1_000_000_000) s "
          + "(\(start.readBack.ids.count) events so far): shorten the retention of these topics")
    }
    guard isDone else { return }
    var places = start.places
    // Of what was ever published: nothing of the others is out there.
    for projection in projections {
      guard var place = places[projection] else { continue }
      place.checkedUntil = [place.checkedUntil, start.readBack.greatest].compactMap { $0 }.max()
      places[projection] = place
    }
    self.start = nil
    try begin(
      Run(
        term: start.term, epoch: start.epoch, places: places, publishAfter: start.publishAfter,
        publishedIDs: start.readBack.ids))
  }

  private func publishedPlaces(copy: [String: RelayPlace]) throws(PublishError) -> [String: RelayPlace] {
    switch try publisher.readCursor() {
    case .topicMissing:
      if let (projection, place) = copy.first(where: { $0.value != .beginning }) {
        throw .alarm(
          "the cursor topic is missing, and \(projection) was relayed up to position \(place.position): point kafka.cursor_topic "
            + "at it, or, where it is lost, create it (one partition, cleanup.policy=compact): the relay goes on from what "
            + "PostgreSQL knows; erasures that only it knew of are lost")
      }
      if try publisher.createCursorTopic() { return [:] }
      // A broker that has just begun may not know of it yet: nothing is out only where it was made just now.
      guard case .places(let places) = try publisher.readCursor() else {
        throw .inDoubt("a broker says that the cursor topic is missing, and another one that it is there")
      }
      return places
    case .places(let places): return places
    }
  }

  /// Where the journal lacks what the cursor says was relayed, the database went back; where the cursor stands behind the copy, it
  /// went to a backup of another branch of its history, or the topic lost records; where it stands before the copy, the database may
  /// have gone back to when all of that was journaled and not yet folded, and another version say it otherwise. Each time everything up
  /// to the copy is out, and maybe more: the relay begins at the copy, and skips what the output topics hold already. Returns from which
  /// `as_of` on that has to be known; nil where nothing has.
  private func startIfRestored(
    _ places: inout [String: RelayPlace], copy: [String: RelayPlace]
  ) throws -> Timestamp? {
    var isRestored = false
    for projection in Set(places.keys).union(copy.keys).sorted() {
      let place = places[projection] ?? .beginning
      let kept = copy[projection] ?? .beginning
      let what: String
      var severity = Severity.error
      if try holds(.relayChecksChain) && !journalHas(place) {
        what = "which the journal does not have any more: the database went back"
      } else if (place.position, place.ordinal) < (kept.position, kept.ordinal) {
        what = "and PostgreSQL says \(kept.position): another backup was restored, or the cursor topic lost records"
      } else if (place.position, place.ordinal) > (kept.position, kept.ordinal), holds(.cursorAheadIsNoticed) {
        severity = .warning
        what = "and PostgreSQL says \(kept.position): the database went back a little, or nobody came to note it there"
      } else {
        continue
      }
      isRestored = true
      reporter.report(
        severity,
        "the cursor topic says \(projection) was relayed up to position \(place.position), \(what); going on at "
          + "\(kept.position), without what the output topics hold. What they have lost cannot be known")
      places[projection] = kept
    }
    let pending = places.values.contains { $0.checkedUntil != nil }
    guard isRestored || pending && holds(.checkedUntil), holds(.readingBack) else { return nil }
    var from = Timestamp(microseconds: .max)
    let folded = try store.foldedPlaces()
    for projection in projections {
      if let first = try store.entries(projection, after: places[projection] ?? .beginning, limit: 1).first {
        from = min(from, first.asOf)
      }
      let watermark = folded[projection]?.watermark ?? Timestamp(microseconds: 0)
      let hour = Timestamp(microseconds: Int64(watermark.hour) * Timestamp.microsecondsPerHour)
      from = min(from, hour)
    }
    return from
  }

  private func journalHas(_ place: RelayPlace) throws(StoreError) -> Bool {
    guard try store.journalHas(chain: place.chain, at: place.position) else { return false }
    guard let passed = place.passed else { return true }
    return try store.journalHas(chain: passed.chain, at: passed.position)
  }

  // MARK: Running

  /// Publishes what stands in the outbox; returns whether there was anything.
  private func relay() throws -> Bool {
    guard var run else { return false }
    if run.publishAfter == nil {
      run.publishAfter = try store.publishAfter()
      self.run = run
      guard run.publishAfter != nil else { return false }
    }
    let floor = RelayPlace(position: run.publishAfter ?? 0, ordinal: .max, chain: [])
    var batch: [OutboxEntry] = []
    var moved = run.places
    // Asked before the outbox: what a projection writes on its way past the mark is seen below.
    let checked = projections.filter { run.places[$0]?.checkedUntil != nil }
    let folded = checked.isEmpty ? [:] : try store.foldedPlaces()
    // In a database that went back to before its first start there may be no row yet of what is folded later.
    let areKnown = checked.allSatisfy { folded.keys.contains($0) }
    for projection in projections {
      let place = run.places[projection] ?? .beginning
      let start = (place.position, place.ordinal) < (floor.position, floor.ordinal) ? floor : place
      let entries = try store.entries(projection, after: start, limit: Self.batchLimit)
      if let last = entries.last {
        moved[projection] = RelayPlace(
          position: last.position, ordinal: last.ordinal, chain: last.chain, checkedUntil: place.checkedUntil,
          passed: place.passed.flatMap { $0.position > last.position ? $0 : nil })
      } else if let until = place.checkedUntil, areKnown, let reached = folded[projection],
        folded.values.allSatisfy({ ($0.watermark ?? until) > until })
      {
        let passed = RelayPlace.Passed(position: reached.position, chain: reached.chain)
        moved[projection] = RelayPlace(
          position: place.position, ordinal: place.ordinal, chain: place.chain,
          passed: holds(.passedIsKept) ? passed : nil)
      }
      batch += entries
    }
    guard moved != run.places else { return false }
    let fresh = run.publishedIDs.isEmpty ? batch : batch.filter { !run.publishedIDs.contains($0.id) }
    if !holds(.relayStartsOver) { try publisher.open() }
    try publisher.publish(fresh, places: moved)
    run.places = moved
    if moved.values.allSatisfy({ $0.checkedUntil == nil }) { run.publishedIDs = [] }
    self.run = run
    try store.move(epoch: run.epoch, places: moved, state: "running", delivery: delivery)
    return true
  }

  // MARK: Failing

  private func fail(_ error: any Error, _ now: Instant) {
    if holds(.relayStartsOver) { close() }
    var delay = Self.retryNanoseconds
    switch error {
    case let error as StoreError:
      outage.begin(reporter, "the relay waits for the database: \(error.message)")
      store.reset()
    case PublishError.inDoubt(let text):
      outage.begin(reporter, "the relay starts over: \(text)")
      // A right that is missing, or too few copies in sync, looks like what passes.
      doubts = (doubts.count + 1, doubts.term, text)
      if isInDoubt {
        delay = Self.doubtRetryNanoseconds
        noteFailure(text)
      }
    case PublishError.alarm(let text):
      outage.begin(reporter, "the relay stands still: \(text)", .error)
      delay = Self.alarmRetryNanoseconds
      noteFailure(text)
    default:
      outage.begin(reporter, "the relay starts over: \(error)", .error)
    }
    retryAt = now.monotonicNanoseconds + delay
  }

  /// For `status`: an alarm is nothing that passes.
  private func noteFailure(_ reason: String) {
    guard let epoch else { return }
    do throws(StoreError) {
      try store.fail(epoch: epoch, delivery: delivery, reason: reason)
    } catch {
      reporter.report(.debug, "the relay's state could not be noted: \(error.message)")
    }
  }

  private func close() {
    run = nil
    start = nil
    publisher.close()
  }

  private static func describe(_ places: [String: RelayPlace]) -> String {
    if places.isEmpty { return "the beginning" }
    return places.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.position)" }.joined(separator: ", ")
  }

  package func stop(_ now: Instant) { close() }
}
