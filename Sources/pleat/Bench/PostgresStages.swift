import Engine
import Glibc
import Postgres
import Projections
import Service

/// What PostgreSQL has a part in, with one of its own: the append to the journal, a COPY of the same bytes into a bare table, and the
/// projections, from that journal into their tables.
final class PostgresStages {
  private static let rounds = 5
  private static let topic = "bench"
  private static let instance = "bench"
  private static let login = "pleat_writer"
  private static let leaseSeconds = 600
  /// Stored as the journal's payloads are.
  private static let table = """
    CREATE TABLE public.bench (payload bytea NOT NULL, identities bytea NOT NULL);
    ALTER TABLE public.bench ALTER payload SET STORAGE EXTERNAL, ALTER identities SET STORAGE EXTERNAL;
    """
  private static let empty = "TRUNCATE public.bench"
  private static let copy = "COPY public.bench (payload, identities) FROM STDIN (FORMAT binary)"

  static func partition(_ number: Int) -> TopicPartition { TopicPartition(topic, Int32(number)) }

  /// Each has a segment of each partition.
  private let flushes: [[SegmentDraft]]
  private let partitions: [TopicPartition]
  /// Offsets of a round.
  private let span: Int64
  /// The offset that each partition's cursor has come to.
  private var places: [Int64]
  private let cluster: PrivateCluster
  private var signals: Signals

  /// Starts a server as it is by default, so that commits reach the disk, but for more memory; and migrates it. `remove` ends it.
  ///
  /// - Parameter drafts: of the partitions in turn; their offsets count through all of them.
  init(_ drafts: [SegmentDraft], partitions count: Int) throws(CommandFailure) {
    flushes = stride(from: 0, to: drafts.count, by: count).map { Array(drafts[$0..<min($0 + count, drafts.count)]) }
    partitions = (0..<count).map(Self.partition)
    places = Array(repeating: 0, count: count)
    span = drafts.last?.nextOffset ?? 0
    // Before there is anything that a signal would leave behind.
    signals = Signals()
    do throws(ClusterError) {
      cluster = try PrivateCluster(.unixSocket, settings: [("shared_buffers", "256MB")])
      try cluster.start()
    } catch {
      throw CommandFailure(.unavailable, "\(error).")
    }
    try endIfAsked()
    let files: [MigrationFile]
    do throws(ConfigurationError) { files = try Preparation.migrations(Installation()) } catch { throw error.failure }
    do throws(MigrationError) { _ = try Migrator(cluster.target(), files: files).migrate() } catch {
      throw CommandFailure(error)
    }
    try endIfAsked()
  }

  func remove() { cluster.remove() }

  // MARK: - The journal

  /// The least of some rounds, in nanoseconds: of the appends, and of the COPYs.
  func appendAndCopy() throws(CommandFailure) -> (append: Double, copy: Double) {
    let store = PostgresJournalStore(cluster.target(user: Self.login))
    defer { store.reset() }
    let epochs: [Int64]
    do throws(StoreError) {
      let instance = try lease(partitions.map { "partition/\($0.topic)/\($0.partition)" })
      try store.initialize(publishAll: true, ends: [])
      epochs = try partitions.map { (partition) throws(StoreError) in
        try store.takeOver(partition, instance: instance, firstOffset: 0, clusterID: Self.instance).epoch
      }
    } catch {
      throw CommandFailure(error)
    }
    let bare: Connection
    do throws(PostgresError) {
      bare = try Connection(cluster.target())
      try bare.execute(Self.table)
    } catch {
      throw CommandFailure(error)
    }
    let rows = flushes.map(Self.rows)
    var least = (append: Double.infinity, copy: Double.infinity)
    for round in 0..<Self.rounds {
      least.append = min(least.append, try append(store, epochs, round))
      least.copy = min(least.copy, try copy(rows, bare))
    }
    return least
  }

  private static func rows(_ segments: [SegmentDraft]) -> RowWriter {
    var rows = RowWriter()
    for segment in segments {
      rows.beginRow(fields: 2)
      rows.bytea(segment.payload)
      rows.bytea(segment.identities)
    }
    return rows
  }

  private func append(_ store: PostgresJournalStore, _ epochs: [Int64], _ round: Int) throws(CommandFailure) -> Double {
    let base = span * Int64(round)
    let begun = SystemClock.monotonicNanoseconds()
    for segments in flushes {
      try endIfAsked()
      var flush = JournalFlush()
      for (index, segment) in segments.enumerated() {
        var moved = segment
        moved.firstOffset += base
        moved.nextOffset += base
        flush.segments.append(moved)
        flush.moves.append(
          CursorMove(
            partition: segment.partition, epoch: epochs[index], from: places[index], to: moved.nextOffset,
            endOffset: nil, duplicates: 0, deadLetters: 0, state: .running, reason: nil, journaled: nil, badRecords: [])
        )
        places[index] = moved.nextOffset
      }
      do throws(StoreError) {
        try store.startAppend { [flush] in flush }
        _ = try store.finishAppend()
      } catch {
        throw CommandFailure(error)
      }
    }
    return Double(SystemClock.monotonicNanoseconds() - begun)
  }

  /// A COPY for each flush, committed by itself.
  private func copy(_ rows: [RowWriter], _ bare: Connection) throws(CommandFailure) -> Double {
    do throws(PostgresError) { try bare.execute(Self.empty) } catch { throw CommandFailure(error) }
    let begun = SystemClock.monotonicNanoseconds()
    for rows in rows {
      try endIfAsked()
      do throws(PostgresError) { try bare.copyIn(Self.copy, rows) } catch { throw CommandFailure(error) }
    }
    return Double(SystemClock.monotonicNanoseconds() - begun)
  }

  // MARK: - Projections

  /// The nanoseconds that a projection takes for the journal's first round, once.
  func fold(_ entry: ProjectionRegistry.Entry, _ catalog: TechnologyCatalog, _ memory: MemoryPlan)
    throws(CommandFailure) -> Double
  {
    let store = PostgresProjectionStore(
      cluster.target(user: Self.login), projection: entry.name, foldVersion: entry.foldVersion,
      catalogVersion: entry.catalogVersion(catalog))
    defer { store.reset() }
    do {
      let cursor = try store.takeOver(instance: try lease(["projection/\(entry.name)"]))
      let run = FoldRun(
        entry.make(catalog, CodecStages.key), at: cursor, in: store,
        settings: ProjectionSettings(
          cacheBytes: memory.cacheBytes(of: entry.name), dirtyBytes: memory.dirtyBytes(of: entry.name)),
        publishes: true)
      let begun = SystemClock.monotonicNanoseconds()
      try JournalFold(run, JournalWalk(store), now: SystemClock.now).fold(through: span) { _ in try endIfAsked() }
      return Double(SystemClock.monotonicNanoseconds() - begun)
    } catch {
      throw CommandFailure(any: error)
    }
  }

  // MARK: -

  private func lease(_ resources: [String]) throws(StoreError) -> InstanceID {
    let leases = PostgresLeaseStore(cluster.target(user: Self.login))
    let instance = try leases.register(name: Self.instance)
    _ = try leases.acquire(instance, seconds: Self.leaseSeconds, resources: resources)
    return instance
  }

  private func endIfAsked() throws(CommandFailure) {
    guard signals.next(within: 0) != nil else { return }
    throw CommandFailure(.failure, "it was stopped.")
  }
}
