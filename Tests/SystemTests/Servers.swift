import Engine
import Events
import Foundation
import Glibc
import Kafka
import Postgres
import Synchronization
import TestSupport

/// The servers that all system tests share: a private PostgreSQL, and a real Kafka where `KAFKA_HOME` names one, else the embedded
/// broker. They end with the process of the tests.
final class Servers: @unchecked Sendable {
  static let hasRealKafka = RealKafka.isAvailable

  let folder: URL
  let program: URL
  let bootstrap: String
  let isReal: Bool
  let cluster: PrivateCluster
  let kafka: RealKafka?
  private let broker: ChildProcess?
  private let named = Mutex<[Int: Int]>([:])
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
  /// - Parameter onSmallDisks: each on a file system of its own that can be filled.
  static func own(kafkaNodes: Int = 1, onSmallDisks: Bool = false) throws -> Servers {
    let disks =
      onSmallDisks
      ? (
        postgres: try LimitedDisk(megabytes: postgresDiskMegabytes),
        kafka: try LimitedDisk(megabytes: kafkaDiskMegabytes)
      ) : nil
    return try Servers(kafka: RealKafka(nodes: kafkaNodes, in: disks?.kafka.path), disks: disks)
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
      (kafka, broker, bootstrap, isReal) = (own, nil, own.bootstrap, true)
    } else if Self.hasRealKafka {
      let real = try RealKafka.shared()
      (kafka, broker, bootstrap, isReal) = (real, nil, real.bootstrap, true)
    } else {
      print(
        "KAFKA_HOME is not set: the system tests run on the embedded broker, which has no transactions, no retention and no"
      )
      print("deleted topics: exactly-once delivery, recreated topics and gaps are not tested.")
      let embedded = try Self.embeddedBroker(program, in: folder, topics: Self.embeddedTopics)
      (kafka, broker, bootstrap, isReal) = (nil, embedded.process, embedded.bootstrap, false)
    }
  }

  /// Topics that it is only asked for would have four partitions.
  private static func embeddedBroker(
    _ program: URL, in folder: URL, topics: [String] = ["unused:1"]
  ) throws -> (process: ChildProcess, bootstrap: String) {
    let log = folder.appendingPathComponent("broker-\(UUID().uuidString).log").path
    let process = try ChildProcess([program.path, "broker"] + topics.flatMap { ["--topic", $0] }, output: log)
    var found = ""
    try waitUntil("the embedded broker says where it is") {
      let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
      found = text.split(separator: "\n").first { $0.hasPrefix("bootstrap=") }.map { String($0.dropFirst(10)) } ?? ""
      return !found.isEmpty
    }
    return (process, found)
  }

  /// An embedded broker of one's own, beside a real Kafka too; it ends with the process that is returned.
  func embeddedBroker() throws -> (process: ChildProcess, bootstrap: String) {
    try Self.embeddedBroker(program, in: folder)
  }

  func stop() {
    broker?.end()
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

  // MARK: - Kafka

  private var configuration: KafkaClientConfiguration { KafkaClientConfiguration(bootstrap: bootstrap, group: "tests") }

  /// For each number of partitions of the input, so many installations have their topics on the embedded broker.
  private static let embeddedInstallations = [1: 250, 2: 50, 3: 50, 4: 50]

  private static var embeddedTopics: [String] {
    embeddedInstallations.flatMap { partitions, count in
      (0..<count).flatMap { number in
        ["in:\(partitions)", "analytics.events:1", "analytics.teams:1"].map { "e\(partitions)n\(number).\($0)" }
      }
    }
  }

  /// A name that no other installation has.
  func newName(partitions: Int) -> String {
    if isReal { return "p\(UUID().uuidString.prefix(8).lowercased())" }
    let number = named.withLock { named in
      defer { named[partitions, default: 0] += 1 }
      return named[partitions, default: 0]
    }
    precondition(number < Self.embeddedInstallations[partitions] ?? 0, "the embedded broker has too few topics")
    return "e\(partitions)n\(number)"
  }

  func createTopic(_ name: String, partitions: Int) throws {
    // The embedded broker has them already.
    guard let kafka else { return }
    try kafka.createTopic(name, partitions: Int32(partitions), settings: [("max.message.bytes", "3000000")])
  }

  func deleteTopic(_ name: String) throws {
    try kafka!.administer { try $0.delete(name) }
    try waitUntil("\(name) is gone") { try kafka!.administer { try $0.partitionCount(of: name) } == nil }
  }

  func deleteRecords(_ topic: String, before offset: Int64) throws {
    try kafka!.administer { try $0.deleteRecords(TopicPartition(topic, 0), before: offset) }
  }

  /// Produces lines `key TAB value`, in order.
  func produce(_ lines: Data, to topic: String) throws {
    try produce(to: topic) { producer in
      for line in lines.split(separator: UInt8(ascii: "\n")) {
        let tab = line.firstIndex(of: UInt8(ascii: "\t"))!
        try [UInt8](line[..<tab]).withUnsafeBytes { key in
          try [UInt8](line[(tab + 1)...]).withUnsafeBytes { value in
            try producer.send(topic: topic, key: key, value: value)
          }
        }
      }
    }
  }

  func produceValues(_ values: [[UInt8]], to topic: String) throws {
    try produce(to: topic) { producer in
      for value in values {
        try value.withUnsafeBytes { try producer.send(topic: topic, key: nil, value: $0) }
      }
    }
  }

  private func produce(to topic: String, _ body: (KafkaProducer) throws -> Void) throws {
    let properties = ["message.max.bytes": "3000000"]
    let producer = try KafkaProducer(
      KafkaClientConfiguration(bootstrap: bootstrap, group: "tests", properties: properties), idempotent: isReal,
      log: { _, _ in })
    defer { producer.close() }
    try body(producer)
    try producer.flush()
  }

  /// A record as a consumer finds it.
  struct Record {
    var key: Data?
    var value: Data
    var headers: [String: String] = [:]
  }

  /// The values that a `read_committed` reader finds in a topic of one partition.
  func consume(_ topic: String) throws -> [Data] { try records(of: topic).map(\.value) }

  /// The records that a `read_committed` reader finds in a topic of one partition.
  func records(of topic: String) throws -> [Record] {
    let source = try KafkaSource(configuration, log: { _, _ in })
    defer { source.close() }
    let partition = TopicPartition(topic, 0)
    let low = try source.watermarks(partition).low
    try source.add(partition, from: low, handle: 1)
    var records: [Record] = []
    var ended = false
    try waitUntil("\(topic) is read to its end") {
      _ = try source.poll(limit: 1_000) { event in
        switch event {
        case .record(_, let found):
          var record = Record(
            key: found.key.map { Data($0) },
            value: Data(found.content.value ?? UnsafeRawBufferPointer(start: nil, count: 0)))
          for (name, value) in found.content.headers {
            record.headers[String(decoding: name, as: UTF8.self)] = value.map { String(decoding: $0, as: UTF8.self) }
          }
          records.append(record)
        case .endReached: ended = true
        case .offsetOutOfRange, .partitionError: break
        }
      }
      return ended
    }
    return records
  }
}

private let sharedServers = Mutex<Servers?>(nil)
