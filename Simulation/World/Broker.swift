import Engine

/// A record that stood in a topic, for the checks: what it was, and from when to when it was there for readers.
struct Published {
  /// The event's id; nil for what is no event, and cannot become one.
  var id: String?
  /// It is refused; with an id, a higher version could read it.
  var isBad: Bool
  var value: [UInt8]
  var bornAt: Int64
  var diedAt: Int64 = .max
}

/// One partition's log.
final class PartitionLog {
  struct Entry {
    var offset: Int64
    /// A transaction's marker takes an offset and is never delivered.
    var isMarker = false
    /// 0 for none.
    var transaction = 0
    var timestamp: Int64
    var key: [UInt8]
    var value: [UInt8]
    /// The event's id, as the producer knows it.
    var id: String?
    var isBad = false

    var fingerprint: RecordFingerprint {
      RecordFingerprint(
        offset: offset, digest: recordDigest(timestampMilliseconds: timestamp, key: key, value: value))
    }
  }

  var low: Int64 = 0
  var high: Int64 = 0
  /// In the order of their offsets, which may have gaps.
  var entries: [Entry] = []
  /// Open transactions with their first offset here.
  var open: [Int: Int64] = [:]

  var lastStable: Int64 { open.values.min() ?? high }

  /// The first entry at or behind an offset.
  func index(from offset: Int64) -> Int {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// A Kafka cluster: logs, transactions with their anomalies, and what administrators do to topics.
final class Broker {
  enum Ending { case open, committed, aborted }

  private struct Producer {
    var epoch = 0
    var transaction: Int?
    var openedAt: Int64 = 0
  }

  unowned(unsafe) let world: World
  private(set) var clusterID = "cluster"
  private(set) var logs = FewMap<TopicPartition, PartitionLog>()
  /// Topics deleted and not made again yet.
  private(set) var missing: [TopicPartition] = []
  /// Every record that readers could see, by partition and offset: several where the log was another one at the time.
  private(set) var history = FewMap<TopicPartition, [Int64: [Published]]>()
  private var endings: [Ending] = [.committed]
  private var touched: [Int: [TopicPartition]] = [:]
  private var producers: [String: Producer] = [:]
  var awayUntil: Int64 = 0
  /// Of single partitions: their broker.
  var leaderAwayUntil: [TopicPartition: Int64] = [:]

  init(_ world: World) { self.world = world }

  func makeTopic(_ name: String, partitions: Int) {
    for number in 0..<partitions { logs[TopicPartition(name, Int32(number))] = PartitionLog() }
  }

  func log(_ partition: TopicPartition) -> PartitionLog? {
    if !missing.isEmpty, missing.contains(partition) { return nil }
    return logs[partition]
  }

  func ending(of transaction: Int) -> Ending { endings[transaction] }

  // MARK: Writing

  /// Appends one record; in a transaction it is seen once that commits.
  @discardableResult
  func append(
    _ partition: TopicPartition, key: [UInt8], value: [UInt8], id: String?, isBad: Bool = false, transaction: Int = 0
  ) -> Int64 {
    guard let log = log(partition) else { return -1 }
    let offset = log.high
    log.entries.append(
      PartitionLog.Entry(
        offset: offset, transaction: transaction, timestamp: world.scheduler.now / 1_000_000, key: key, value: value,
        id: id, isBad: isBad))
    log.high += 1
    if transaction != 0 {
      if log.open[transaction] == nil {
        log.open[transaction] = offset
        touched[transaction, default: []].append(partition)
      }
    } else {
      note(partition, log.entries[log.entries.count - 1])
    }
    world.noteRecord(partition)
    return offset
  }

  private func note(_ partition: TopicPartition, _ entry: PartitionLog.Entry) {
    history[partition, default: [:]][entry.offset, default: []].append(
      Published(id: entry.id, isBad: entry.isBad, value: entry.value, bornAt: world.scheduler.now))
  }

  func beginTransaction() -> Int {
    endings.append(.open)
    return endings.count - 1
  }

  func end(_ transaction: Int, _ ending: Ending) {
    guard endings[transaction] == .open else { return }
    if ending == .aborted { world.count(.abortedTransaction) }
    endings[transaction] = ending
    for partition in touched.removeValue(forKey: transaction) ?? [] {
      guard let log = logs[partition], log.open.removeValue(forKey: transaction) != nil else { continue }
      if ending == .committed {
        for entry in log.entries where entry.transaction == transaction { note(partition, entry) }
      }
      log.entries.append(
        PartitionLog.Entry(
          offset: log.high, isMarker: true, transaction: transaction, timestamp: world.scheduler.now / 1_000_000,
          key: [],
          value: []))
      log.high += 1
      world.noteRecord(partition)
    }
  }

  // MARK: Transactional producers

  /// `InitProducerId`: a new epoch; what the predecessor has open is aborted.
  func initializeProducer(_ id: String) -> Int {
    var producer = producers[id] ?? Producer()
    if world.holds(.fencing) || producer.transaction == nil {
      if let transaction = producer.transaction { end(transaction, .aborted) }
      producer.transaction = nil
      producer.epoch += 1
    }
    producers[id] = producer
    return producer.epoch
  }

  /// Puts a record into the producer's transaction, which begins with its first one; false for who is fenced.
  func produce(_ id: String, epoch: Int, _ partition: TopicPartition, key: [UInt8], value: [UInt8], event: String?)
    -> Bool
  {
    guard var producer = producers[id], producer.epoch == epoch || !world.holds(.fencing) else { return false }
    let transaction = producer.transaction ?? beginTransaction()
    if producer.transaction == nil { producer.openedAt = world.scheduler.now }
    producer.transaction = transaction
    producers[id] = producer
    append(partition, key: key, value: value, id: event, transaction: transaction)
    return true
  }

  /// `EndTxn`; false for who is fenced.
  func endTransaction(_ id: String, epoch: Int, _ ending: Ending) -> Bool {
    guard var producer = producers[id], producer.epoch == epoch || !world.holds(.fencing) else { return false }
    if let transaction = producer.transaction { end(transaction, ending) }
    producer.transaction = nil
    producers[id] = producer
    return true
  }

  /// Aborts the transactions of producers that have been silent for too long.
  func expireTransactions(olderThan nanoseconds: Int64) {
    for (id, producer) in producers.sorted(by: { $0.key < $1.key }) {
      guard let transaction = producer.transaction, world.scheduler.now - producer.openedAt > nanoseconds else {
        continue
      }
      world.count(.timedOutTransaction)
      end(transaction, .aborted)
      producers[id]?.transaction = nil
      producers[id]?.epoch += 1
    }
  }

  // MARK: What is done to topics

  /// Offsets that no reader ever sees: aborted transactions, compaction.
  func leap(_ partition: TopicPartition, by count: Int64) { log(partition)?.high += count }

  /// Retention.
  func deleteRecords(_ partition: TopicPartition, before offset: Int64) {
    guard let log = log(partition) else { return }
    let low = min(max(offset, log.low), log.lastStable)
    kill(partition) { $0 < low }
    log.entries.removeFirst(log.index(from: low))
    log.low = low
  }

  /// An unclean election: the end is lost, and is written anew.
  func truncate(_ partition: TopicPartition, at offset: Int64) {
    guard let log = log(partition), offset < log.high else { return }
    let end = max(offset, log.low)
    kill(partition) { $0 >= end }
    log.entries.removeLast(log.entries.count - log.index(from: end))
    log.high = end
    log.open = log.open.filter { $0.value < end }
  }

  /// Of what is committed, the last of each key stays; offsets do not move.
  func compact(_ partition: TopicPartition) {
    guard let log = log(partition) else { return }
    let stable = log.lastStable
    var newest: [[UInt8]: Int64] = [:]
    for entry in log.entries where !entry.isMarker && endings[entry.transaction] == .committed {
      newest[entry.key] = entry.offset
    }
    log.entries.removeAll { entry in
      guard entry.offset < stable, !entry.isMarker, endings[entry.transaction] != .open else { return false }
      return endings[entry.transaction] == .aborted || newest[entry.key].map { $0 > entry.offset } ?? false
    }
  }

  func delete(_ partition: TopicPartition) {
    kill(partition) { _ in true }
    logs[partition] = PartitionLog()
    missing.append(partition)
  }

  func recreate(_ partition: TopicPartition) { missing.removeAll { $0 == partition } }

  private func kill(_ partition: TopicPartition, where isGone: (Int64) -> Bool) {
    for offset in (history[partition] ?? [:]).keys where isGone(offset) {
      guard let last = history[partition]?[offset]?.indices.last else { continue }
      let was = history[partition]?[offset]?[last].diedAt ?? 0
      history[partition, default: [:]][offset, default: []][last].diedAt = min(was, world.scheduler.now)
    }
  }

  // MARK: Reading

  /// What a `read_committed` reader gets, up to the last stable offset, or in the end.
  func committed(_ partition: TopicPartition, inTheEnd: Bool = false) -> [PartitionLog.Entry] {
    guard let log = log(partition) else { return [] }
    let end = inTheEnd ? log.high : log.lastStable
    return log.entries.filter { $0.offset < end && !$0.isMarker && endings[$0.transaction] == .committed }
  }
}

extension Process {
  /// Whether a broker answers it: any of them, or the one that leads a partition.
  func reaches(_ partition: TopicPartition? = nil, in world: World) -> Bool {
    let leader = partition.flatMap { world.broker.leaderAwayUntil[$0] } ?? 0
    return max(world.broker.awayUntil, brokerAwayUntil, leader) <= world.scheduler.now
  }
}
