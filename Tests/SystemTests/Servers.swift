import Engine
import Events
import Foundation
import Glibc
import Kafka
import Postgres
import Synchronization
import TestSupport

/// The servers that all system tests share: a private PostgreSQL, and a real Kafka where `KAFKA_HOME` names one. They end with
/// the process of the tests.
final class Servers: @unchecked Sendable {
  static let hasRealKafka = RealKafka.isAvailable

  let folder: URL
  let program: URL
  let cluster: PrivateCluster
  let kafka: RealKafka?
  /// Under PostgreSQL and under Kafka, where they are small.
  let disks: (postgres: LimitedDisk, kafka: LimitedDisk)?

  private static let postgresDiskMegabytes = 400
  private static let kafkaDiskMegabytes = 300

  /// Another build of it than that beside the tests, such as a release.
  private static let givenProgram = ProcessInfo.processInfo.environment["SYSTEM_TESTS_PROGRAM"].map {
    URL(fileURLWithPath: $0)
  }

  static func shared() throws -> Servers {
    try sharedServers.withLock { known in
      if let known { return known }
      let made = try Servers()
      known = made
      atexit { sharedServers.withLock { $0?.stop() } }
      return made
    }
  }

  /// Servers of one's own, to be killed: a real Kafka, which must be there. They end with `stop`.
  /// - Parameters:
  ///   - onSmallDisks: each on a file system of its own that can be filled.
  ///   - kafkaSettings: broker properties that go over those of the tests.
  static func own(
    kafkaNodes: Int = 1, kafkaSettings: [String: String] = [:], onSmallDisks: Bool = false
  ) throws -> Servers {
    let disks =
      onSmallDisks
      ? (
        postgres: try LimitedDisk(megabytes: postgresDiskMegabytes),
        kafka: try LimitedDisk(megabytes: kafkaDiskMegabytes)
      ) : nil
    return try Servers(
      kafka: RealKafka(nodes: kafkaNodes, in: disks?.kafka.path, settings: kafkaSettings), disks: disks)
  }

  /// `kafka`: one's own, not yet started; nil for the shared one.
  private init(kafka own: RealKafka? = nil, disks: (postgres: LimitedDisk, kafka: LimitedDisk)? = nil) throws {
    self.disks = disks
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("pleat-system-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    program = Self.givenProgram ?? Bundle.module.bundleURL.deletingLastPathComponent().appendingPathComponent("pleat")
    guard FileManager.default.isExecutableFile(atPath: program.path) else {
      throw TestSupportError("\(program.path) is not there: `swift build` makes it")
    }
    var settings = [("fsync", "off")]
    // Backups are made of one's own only.
    if own != nil { settings += [("wal_level", "replica"), ("max_wal_senders", "4")] }
    if disks != nil { settings += [("max_wal_size", "64MB"), ("min_wal_size", "32MB")] }
    cluster = try PrivateCluster(.loopback, in: disks?.postgres.path, settings: settings)
    try cluster.start()
    if let own {
      try own.start()
      kafka = own
    } else if Self.hasRealKafka {
      kafka = try RealKafka.shared()
    } else {
      print(
        "KAFKA_HOME is not set: the system tests run on the embedded broker, which has no transactions, no retention and no"
      )
      print("deleted topics: exactly-once delivery, recreated topics and gaps are not tested.")
      kafka = nil
    }
  }

  /// Where an installation's topics are: they are made.
  /// - Parameter embedded: on an embedded broker of its own, beside a real Kafka too.
  func broker(topics: [String: Int], embedded: Bool = false) throws -> Broker {
    if let kafka, !embedded { return try Broker(on: kafka, topics: topics) }
    let log = folder.appendingPathComponent("broker-\(UUID().uuidString).log")
    return try Broker(embeddedBy: program, log: log, topics: topics)
  }

  func stop() {
    cluster.remove()
    if let disks {
      kafka?.remove()
      disks.postgres.remove()
      disks.kafka.remove()
    }
    try? FileManager.default.removeItem(at: folder)
  }

  /// A folder in which a command makes a cluster of its own; its user must be able to go there.
  static func clusterFolder(_ name: String) throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pleat-\(name)-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    return folder
  }

  // MARK: - PostgreSQL

  func url(database: String, user: String) -> String { cluster.conninfo(database: database, user: user) }

  func createDatabase(_ name: String) throws {
    _ = try sql("CREATE DATABASE \(name)", database: "postgres", user: "postgres")
  }

  func sql(_ query: String, database: String, user: String) throws -> String {
    try PlainSQL.run(query, conninfo: url(database: database, user: user))
  }

  /// An immediate stop, as after a crash, and a start.
  func restartPostgres() throws {
    cluster.stop(.immediate)
    try cluster.start()
  }

  /// A copy of the whole cluster, made while it works; it can be restored again and again.
  func backUp(as name: String) throws {
    try asPostgres([
      "pg_basebackup", "-D", "\(cluster.directory)/\(name)", "-X", "stream", "-c", "fast", "--no-sync", "-d",
      url(database: "postgres", user: "postgres"),
    ])
  }

  /// Ends PostgreSQL as a crash does, and starts what the backup holds in its place.
  func restore(from name: String) throws {
    cluster.stop(.immediate)
    let data = "\(cluster.directory)/data"
    try asPostgres(["rm", "-rf", data])
    try asPostgres(["cp", "-a", "--reflink=auto", "\(cluster.directory)/\(name)", data])
    try cluster.start()
  }

  func removeBackup(_ name: String) throws { try asPostgres(["rm", "-rf", "\(cluster.directory)/\(name)"]) }

  private func asPostgres(_ command: [String]) throws {
    let user = getuid() == 0 ? ["runuser", "-u", "postgres", "--"] : []
    _ = try Shell.output((user + command)[0], Array((user + command).dropFirst()), environment: ["PWD": "/"])
  }
}

private let sharedServers = Mutex<Servers?>(nil)
