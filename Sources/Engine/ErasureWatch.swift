import Events

/// Ingest's part in erasures: it puts the hash into what it reads below the ends of an open one, and appends the event once all is
/// done. In a database that went back it finds in the cursor topic what that has forgotten, and erases again before it reads on.
package final class ErasureWatch {
  private let store: any ErasureStore
  private let log: any ErasureLog
  private let reporter: any Reporter
  private var keys = ErasureKeys(people: HashKey(k0: 0, k1: 0), identities: HashKey(k0: 0, k1: 0))

  private var open: [OpenErasure] = []
  private var erasers: [String: JournalEraser] = [:]
  /// Ids met so far of those whose hashes are erased: what else holds them is found by these.
  private var ids: [UInt64: [UInt8]] = [:]
  private var lookAt: Int64 = 0
  private var outage = Outage()

  /// Pages of the journal in one step of ingest.
  private static let pagesAStep = 4
  private static let lookNanoseconds: Int64 = 1_000_000_000

  package init(store: any ErasureStore, log: any ErasureLog, reporter: any Reporter) {
    (self.store, self.log, self.reporter) = (store, log, reporter)
  }

  func use(_ key: HashKey) { keys = ErasureKeys(people: key, identities: identityKey(of: key)) }

  /// To be called before a partition is taken over. Returns false while the journal has to be erased again: call it again then,
  /// and take nothing over.
  func prepare() throws -> Bool {
    if erasers.isEmpty { try look() }
    for erasure in open where !erasure.isBusy {
      if try !search(erasure) { return false }
    }
    return true
  }

  /// Whether the journal is being erased again: to be asked to go on at once.
  var isAtWork: Bool { !erasers.isEmpty }

  private func look() throws {
    let records = try log.erasureRecords()
    let known = try store.known(records.map(\.id))
    open = try store.open()
    var hasBegun = false
    for record in records where !known.contains(record.id) || isExtended(by: record) {
      _ = try store.begin(record)
      hasBegun = true
      reporter.report(.warning, "the database has forgotten an erasure: it is done again", [("erasure", record.id)])
    }
    if hasBegun { open = try store.open() }
    lookAt = 0
  }

  private func isExtended(by record: ErasureRecord) -> Bool {
    guard let erasure = open.first(where: { $0.id == record.id }) else { return false }
    return record.ends.contains { end in
      !erasure.ends.contains {
        $0.partition == end.partition && ($0.incarnation, $0.offset) >= (end.incarnation, end.offset)
      }
    }
  }

  /// A few pages; returns whether the journal is rewritten as far as it must be.
  private func search(_ erasure: OpenErasure) throws(StoreError) -> Bool {
    if erasure.searchedTo >= erasure.searchUntil { return true }
    let eraser: JournalEraser
    if let known = erasers[erasure.id], known.erasure.searchUntil == erasure.searchUntil {
      eraser = known
    } else {
      eraser = JournalEraser(erasure, id: ids[erasure.hash], keys: keys, store: store, busySeconds: 0)
      erasers[erasure.id] = eraser
    }
    for _ in 0..<Self.pagesAStep {
      do throws(StoreError) {
        guard try eraser.step(until: erasure.searchUntil) else { continue }
      } catch {
        // Another instance does the same, and was faster: what it has done is read again.
        erasers[erasure.id] = nil
        guard case .lost = error else { throw error }
        return false
      }
      if let id = eraser.id { ids[erasure.hash] = id }
      erasers[erasure.id] = nil
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

  func erase(_ batch: inout EventBatch, _ people: [(hash: UInt64, end: Int64)]) {
    for found in batch.ids(of: people, key: keys.people) { ids[found.hash] = found.id }
    for person in people {
      if let id = ids[person.hash] { _ = batch.erase(id, keys: keys, before: person.end) }
    }
  }

  func erase(_ letter: inout DeadLetter, _ people: [(hash: UInt64, end: Int64)]) {
    for person in people where letter.offset < person.end {
      let parts =
        [letter.key, letter.value].compactMap { $0 } + letter.headers.flatMap { [$0.name] + [$0.value ?? []] }
      let id = ids[person.hash] ?? JournalEraser.find(person.hash, in: parts, keys)
      guard let id, parts.contains(where: { EscapedText.holds(id, in: $0) }) else { continue }
      ids[person.hash] = id
      if letter.key.map({ EscapedText.holds(id, in: $0) }) ?? false { letter.key = nil }
      letter.value = nil
      letter.headers = []
    }
  }

  // MARK: The end

  /// Looks, once a second while anything is open, whether an erasure is done, and appends its event. A failure stops nothing but
  /// this.
  func finish(_ now: Instant) {
    guard !open.isEmpty, now.monotonicNanoseconds >= lookAt else { return }
    lookAt = now.monotonicNanoseconds + Self.lookNanoseconds
    do throws(StoreError) {
      open = try store.open()
      for erasure in open where !erasure.isBusy {
        guard try search(erasure), try store.lags(erasure.id).isEmpty else { continue }
        let position = try store.appendEvent(of: erasure, isRequester: false)
        ids[erasure.hash] = nil
        reporter.report(.notice, "a person is erased", [("erasure", erasure.id), ("position", "\(position)")])
      }
      outage.end(reporter, "erasures go on")
    } catch {
      // Not done yet after all, or done by another.
      if case .lost = error { return }
      store.reset()
      outage.begin(reporter, "erasures wait: \(error.message)")
    }
  }
}
