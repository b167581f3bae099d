import Engine
import Events
import Glibc
import Postgres
import Projections
import Synchronization

/// One cluster for the whole run, removed at its end; a migrated database of its own for each test.
enum TestCluster {
  static let migrations = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/Migrations"

  /// The first: the others belong to their own tests, but for what the stores ask of every database.
  static func core() throws -> MigrationFile { try MigrationFile.read(directory: migrations)[0] }

  private static let cluster = Mutex<Shared?>(nil)
  private static let count = Atomic<Int>(0)

  private struct Shared: @unchecked Sendable {
    let cluster: PrivateCluster
  }

  /// A running cluster whose database `migrated` is a template.
  static func conninfo(database: String, user: String) throws -> String {
    try cluster.withLock { shared in
      if let shared { return shared.cluster.conninfo(database: database, user: user) }
      let made = try PrivateCluster(settings: [("fsync", "off")])
      try made.start()
      atexit { TestCluster.remove() }
      shared = Shared(cluster: made)
      try Connection(made.target()).execute("CREATE DATABASE migrated")
      _ = try Migrator(made.target(database: "migrated"), files: [core()]).migrate()
      let owner = try Connection(made.target(database: "migrated"))
      try owner.execute("SET ROLE pleat_owner")
      for file in try MigrationFile.read(directory: migrations) where file.number == 18 { try owner.execute(file.sql) }
      return made.conninfo(database: database, user: user)
    }
  }

  private static func remove() {
    cluster.withLock { shared in
      shared?.cluster.remove()
      shared = nil
    }
  }

  static func nextNumber() -> Int { count.add(1, ordering: .relaxed).newValue }
}

struct TestFailure: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// A database with the core in it and two tables of a made-up projection.
struct TestDatabase {
  let name: String

  init(migrated: Bool = true) throws {
    name = "t\(TestCluster.nextNumber())"
    let admin = try Connection(ConnectionTarget(try TestCluster.conninfo(database: "postgres", user: "postgres")))
    try admin.execute("CREATE DATABASE \(name)\(migrated ? " TEMPLATE migrated" : "")")
  }

  func target(user: String = "pleat_writer") throws -> ConnectionTarget {
    ConnectionTarget(try TestCluster.conninfo(database: name, user: user), applicationName: "test")
  }

  /// A session of the superuser, or of another user.
  func connect(user: String = "postgres") throws -> Connection { try Connection(try target(user: user)) }

  /// Applies migrations behind the core; returns the owner's session.
  @discardableResult
  func migrate(_ numbers: Int32...) throws -> Connection {
    let owner = try connect()
    try owner.execute("SET ROLE pleat_owner")
    for file in try MigrationFile.read(directory: TestCluster.migrations) where numbers.contains(file.number) {
      try owner.execute(file.sql)
    }
    return owner
  }

  /// The one value of a query, as text.
  func value(_ sql: String) throws -> String? {
    let result = try connect().query("SELECT (\(sql))::text")
    return result.map { $0.text() }.first ?? nil
  }

  func journal() throws -> PostgresJournalStore { PostgresJournalStore(try target()) }
  func leases() throws -> PostgresLeaseStore { PostgresLeaseStore(try target()) }
  func outbox() throws -> PostgresOutboxStore { PostgresOutboxStore(try target()) }

  /// A registered instance that holds these leases.
  func instance(_ name: String = "one", holding resources: [String]) throws -> InstanceID {
    let leases = try leases()
    let instance = try leases.register(name: name)
    let got = try leases.acquire(instance, seconds: 60, resources: resources)
    guard got == resources.sorted() else { throw TestFailure("got \(got) of \(resources)") }
    return instance
  }
}

let partition = TopicPartition("events", 0)

/// A segment that is about as meaningful as a database needs it.
func segment(
  _ partition: TopicPartition = partition, from: Int64, to: Int64, count: Int32? = nil, incarnation: Int32 = 0,
  payload: [UInt8] = [1, 2, 3]
) -> SegmentDraft {
  let time = Timestamp(microseconds: 1_700_000_000_000_000 + from * 1_000_000)
  let identities = [UInt8](repeating: UInt8(truncatingIfNeeded: from), count: 4)
  return SegmentDraft(
    partition: partition, incarnation: incarnation, count: count ?? Int32(to - from), firstOffset: from, nextOffset: to,
    leastTime: time, greatestTime: Timestamp(microseconds: time.microseconds + 500), payload: payload,
    payloadDigest: SHA256.digest(of: payload), identities: identities,
    identitiesDigest: SHA256.digest(of: identities))
}

func move(_ partition: TopicPartition = partition, epoch: Int64, from: Int64, to: Int64) -> CursorMove {
  CursorMove(
    partition: partition, epoch: epoch, from: from, to: to, endOffset: to + 5, duplicates: 1, deadLetters: 0,
    state: .running, reason: nil,
    journaled: RecordFingerprint(offset: to - 1, digest: Digest128(low: 7, high: UInt64(to))), badRecords: [0, 1])
}

extension PostgresJournalStore {
  /// Initialised and taken over at offset 0.
  func begin(_ instance: InstanceID, _ partitions: [TopicPartition] = [partition]) throws {
    try initialize(publishAll: false, ends: [])
    for partition in partitions { _ = try takeOver(partition, instance: instance, firstOffset: 0, clusterID: "c") }
  }

  func append(_ moves: [CursorMove], _ segments: [SegmentDraft], _ letters: [DeadLetter] = []) throws
    -> [AppendedSegment]
  {
    var flush = JournalFlush()
    (flush.moves, flush.segments, flush.deadLetters) = (moves, segments, letters)
    try startAppend { [flush] in flush }
    return try finishAppend()
  }
}
