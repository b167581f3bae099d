import Events

/// Ingest's part in erasures: it puts the hash into what it reads below the ends of an open one, and appends the event once all is
/// done. In a database that went back it finds in the cursor topic what that has forgotten, and erases again before it reads on.
package final class ErasureWatch {
  private let store: any ErasureStore
  private let inquiries: Inquiries
  private let reporter: any Reporter
  private var keys = ErasureKeys(people: HashKey(k0: 0, k1: 0), identities: HashKey(k0: 0, k1: 0))

  private var open: [OpenErasure] = []
  private var erasers: [String: JournalEraser] = [:]
  /// Those that only who knows the id can end, as they stood when that was found.
  private var left: [String: OpenErasure] = [:]
  /// Those that takeovers wait for, as far as that was said.
  private var waitedFor: Set<String> = []
  /// Those in the cursor topic that are of another key, as far as that was said.
  private var strangers: Set<String> = []
  /// Ids met so far of those whose hashes are erased: what else holds them is found by these.
  private var ids: [UInt64: [UInt8]] = [:]
  /// Those begun again of whom something is read, as far as that is noted.
  private var met: Set<String> = []
  /// When to read `open` again, to be told what others have done.
  private var lookAt: Int64 = 0
  private var records: [ErasureRecord] = []
  /// Where they will be.
  private var reply: Reply<[ErasureRecord]>?
  /// When it was first seen.
  private var repliedAt: Int64?
  /// When to read the cursor topic again.
  private var recordsAt: Int64 = 0
  private var outage = Outage()

  /// Pages of the journal in one step of ingest that waits for them.
  private static let pagesAStep = 4
  /// Erasures that end in one step.
  private static let endsAStep = 20
  private static let lookNanoseconds: Int64 = 1_000_000_000

  package init(store: any ErasureStore, inquiries: Inquiries, reporter: any Reporter) {
    (self.store, self.inquiries, self.reporter) = (store, inquiries, reporter)
  }

  func use(_ key: HashKey) { keys = ErasureKeys(people: key, identities: identityKey(of: key)) }

  /// The database may have gone back: what was heard before says nothing, nor how far the journal was searched, nor what was noted.
  func doubt() {
    (erasers, left, met) = ([:], [:], [])
    recordsAt = 0
    forgetReply()
  }

  private func forgetReply() { (reply, repliedAt) = (nil, nil) }

  /// To be called again and again: what was heard and not used for some seconds, or what nobody waits for any more, is asked for anew.
  func age(_ now: Instant, isWanted: Bool) {
    if reply?.hasCome ?? false, repliedAt == nil { repliedAt = now.monotonicNanoseconds }
    let isOld = repliedAt.map { now.monotonicNanoseconds > $0 + IngestSettings.answerNanoseconds } ?? false
    if isOld || !isWanted { forgetReply() }
  }

  /// To be called before a partition is taken over. Returns false while the cursor topic is read, and while the journal has to be
  /// erased again: call it again then, and take nothing over.
  func prepare(_ now: Instant) throws -> Bool {
    guard try look(now) else { return false }
    // What somebody was at who knew the id is for `forget` to end: what is read meanwhile is erased by the hash.
    for index in open.indices where !open[index].isBusy && !open[index].wasBusy && holds(.erasedBeforeReading) {
      if try search(index, pages: Self.pagesAStep) { continue }
      sayThatTakeoversWait(for: open[index])
      return false
    }
    return true
  }

  private func sayThatTakeoversWait(for erasure: OpenErasure) {
    guard waitedFor.insert(erasure.id).inserted else { return }
    reporter.report(
      .notice, "the database has forgotten an erasure: partitions are taken over once the journal is searched again",
      [("erasure", erasure.id), ("until", "\(erasure.searchUntil)")])
  }

  /// Whether an erasure was begun or extended since `prepare`: to be asked once a partition's epoch is raised, from which on whoever
  /// begins one ends the reading of it. Then prepare again.
  func isOvertaken() throws(StoreError) -> Bool {
    guard holds(.erasureOvertakes) else { return false }
    let prepared = open
    try readOpen()
    let known = Dictionary(prepared.map { ($0.id, $0) }) { $1 }
    return open.contains { erasure in !(known[erasure.id]?.isSame(as: erasure) ?? false) }
  }

  /// Whether the journal is being erased again: to be asked to go on at once. Each step then does some of it.
  var isAtWork: Bool { !erasers.isEmpty }

  /// Of what is open now; what was begun for others is dropped.
  private func readOpen() throws(StoreError) {
    open = try store.open()
    erasers = erasers.filter { id, eraser in
      open.contains { $0.id == id && !$0.isBusy && $0.isSame(as: eraser.erasure) }
    }
    ids = ids.filter { hash, _ in open.contains { $0.hash == hash } }
    met = met.filter { id in open.contains { $0.id == id } }
    waitedFor = waitedFor.filter { id in open.contains { $0.id == id } }
    left = left.filter { id, erasure in
      open.contains { $0.id == id && !$0.isBusy && $0.isSame(as: erasure) && $0.searchedTo == erasure.searchedTo }
    }
  }

  private func look(_ now: Instant) throws -> Bool {
    if erasers.isEmpty || now.monotonicNanoseconds >= recordsAt {
      guard let records = try heard() else { return false }
      self.records = records
      recordsAt = now.monotonicNanoseconds + Self.lookNanoseconds
    }
    let known = try store.known(records.map(\.id))
    try readOpen()
    var hasBegun = false
    guard holds(.erasuresAreLookedFor) else { return true }
    for record in records where !known.contains(record.id) {
      if let mark = record.keyMark, mark != keys.mark {
        sayThatKeyIsAnother(record)
        continue
      }
      _ = try store.begin(record, busySeconds: 0)
      hasBegun = true
      reporter.report(.warning, "the database has forgotten an erasure: it is done again", [("erasure", record.id)])
    }
    if hasBegun { try readOpen() }
    lookAt = 0
    return true
  }

  private func sayThatKeyIsAnother(_ record: ErasureRecord) {
    guard strangers.insert(record.id).inserted else { return }
    reporter.report(
      .warning,
      "an erasure in the cursor topic was asked for under another key than this database has, and cannot be done again: "
        + "`pleat forget` with the id does it",
      [("erasure", record.id)])
  }

  /// What the cursor topic holds; nil while that is on its way.
  private func heard() throws(SourceError) -> [ErasureRecord]? {
    let reply = self.reply ?? inquiries.askForErasures()
    self.reply = reply
    do throws(SourceError) {
      guard let records = try reply.get() else { return nil }
      forgetReply()
      return records
    } catch {
      forgetReply()
      throw error
    }
  }

  /// Some pages; returns whether the journal and the dead letters are rewritten as far as they must be. What needs the id for that
  /// stands in `left` then.
  private func search(_ index: Int, pages: Int) throws(StoreError) -> Bool {
    let erasure = open[index]
    if erasure.isSearched { return true }
    if left[erasure.id] != nil, ids[erasure.hash] == nil { return false }
    let eraser: JournalEraser
    if let known = erasers[erasure.id] {
      eraser = known
    } else {
      eraser = JournalEraser(
        erasure, id: ids[erasure.hash], keys: keys, store: store, busySeconds: BusySeconds.unchanged)
      erasers[erasure.id] = eraser
    }
    for _ in 0..<pages {
      do throws(StoreError) {
        let isDone = try eraser.step(until: erasure.searchUntil)
        // At once: what is read meanwhile may hold it in texts.
        if let id = eraser.id { ids[erasure.hash] = id }
        if !isDone { continue }
      } catch {
        // Another instance does the same, and was faster: what it has done is read again.
        erasers[erasure.id] = nil
        guard case .lost = error else { throw error }
        return false
      }
      erasers[erasure.id] = nil
      if eraser.needsID {
        left[erasure.id] = erasure
        reporter.report(
          .warning,
          "an erasure was begun and not ended, and the id is found no more: `pleat forget` with the id ends it",
          [("erasure", erasure.id)])
        return false
      }
      (open[index].searchedTo, open[index].lettersTo) = (erasure.searchUntil, erasure.lettersUntil)
      reporter.report(.notice, "the journal is erased again", [("erasure", erasure.id)])
      return true
    }
    return false
  }

  // MARK: What is read

  /// Whose events of a partition are to be erased, and before which offsets.
  func people(of partition: TopicPartition, incarnation: Int32) -> [(hash: UInt64, end: Int64)] {
    open.compactMap { erasure in
      guard let end = erasure.ends.first(where: { $0.partition == partition }), end.incarnation >= incarnation else {
        return nil
      }
      return (erasure.hash, end.incarnation == incarnation ? end.offset : .max)
    }
  }

  /// Of people whom a skip made an erasure begin again that is noted first.
  func erase(_ batch: inout EventBatch, _ people: [(hash: UInt64, end: Int64)]) throws(StoreError) {
    guard holds(.arrivalsAreErased) else { return }
    for found in batch.ids(of: people, key: keys.people) {
      ids[found.hash] = found.id
      guard let erasure = open.first(where: { $0.hash == found.hash }), erasure.isAgain, !met.contains(erasure.id)
      else {
        continue
      }
      if holds(.meetingIsNoted) { try store.noteMet(erasure.id) }
      met.insert(erasure.id)
    }
    for person in people {
      if let id = ids[person.hash] { _ = batch.erase(id, keys: keys, before: person.end) }
    }
  }

  func erase(_ letter: inout DeadLetter, _ people: [(hash: UInt64, end: Int64)]) {
    let hashes = Set(people.lazy.filter { [offset = letter.offset] in offset < $0.end }.map(\.hash))
    if hashes.isEmpty { return }
    let parts = [letter.key, letter.value].compactMap { $0 } + letter.headers.flatMap { [$0.name] + [$0.value ?? []] }
    ids.merge(JournalEraser.find(hashes, in: parts, keys)) { _, found in found }
    for hash in hashes.sorted() {
      guard let id = ids[hash], parts.contains(where: { EscapedText.holds(id, in: $0) }) else { continue }
      if letter.key.map({ EscapedText.holds(id, in: $0) }) ?? false { letter.key = nil }
      if letter.refusal.path.map({ JournalEraser.holds(id, inPath: $0) }) ?? false { letter.refusal.path = nil }
      letter.value = nil
      letter.headers = []
    }
  }

  // MARK: The end

  /// A page of what is still to be erased; and, once a second while anything is open, looks whether an erasure is done, and appends
  /// its event. A failure stops nothing but this.
  func finish(_ now: Instant) {
    let isDue = now.monotonicNanoseconds >= lookAt
    guard !open.isEmpty, isDue || isAtWork else { return }
    do throws(StoreError) {
      if isDue {
        lookAt = now.monotonicNanoseconds + Self.lookNanoseconds
        try readOpen()
      }
      let reached = isDue ? try store.reached() : []
      var ended = 0
      for index in open.indices where !open[index].isBusy && ended < Self.endsAStep {
        let erasure = open[index]
        // A page a step: what is read meanwhile goes on.
        guard try search(index, pages: 1), reached.contains(erasure.id) else { continue }
        ended += 1
        let position = try store.appendEvent(of: erasure, isRequester: false)
        ids[erasure.hash] = nil
        if position == 0, erasure.isAgain { continue }
        reporter.report(.notice, "a person is erased", [("erasure", erasure.id), ("position", "\(position)")])
      }
      outage.end(reporter, "erasures go on")
    } catch {
      // Not done yet after all, or done by another.
      if case .lost = error { return }
      store.reset()
      // Nothing is under way until then.
      erasers = [:]
      outage.begin(reporter, "erasures wait: \(error.message)")
    }
  }
}
