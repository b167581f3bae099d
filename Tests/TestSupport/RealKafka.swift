import Foundation
package import Kafka
import Synchronization

/// One node of Apache Kafka (KRaft, broker and controller at once) in a temporary directory, on free ports of
/// 127.0.0.1. Topics are not made by themselves.
///
/// It needs `KAFKA_HOME`, a directory in the layout of the distribution, and Java.
package final class RealKafka: @unchecked Sendable {
  /// `KAFKA_HOME`, where it is set.
  package static var home: String? {
    ProcessInfo.processInfo.environment["KAFKA_HOME"].flatMap { $0.isEmpty ? nil : $0 }
  }
  package static var isAvailable: Bool { home != nil }

  package let bootstrap: String
  package let directory: String
  private let home: String
  private var process: ChildProcess?

  private static let startMilliseconds = 60_000
  private static let stopMilliseconds = 30_000
  private static let heap = "-Xmx512m -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"

  /// One for all tests of a process that leave it running; it ends with the process.
  package static func shared() throws -> RealKafka {
    try sharedKafka.withLock { known in
      if let known { return known }
      let made = try RealKafka()
      try made.start()
      known = made
      atexit { sharedKafka.withLock { $0?.remove() } }
      return made
    }
  }

  /// Formats the storage; `start` starts the broker.
  /// - Parameter settings: broker properties that go over those below.
  package init(settings: [String: String] = [:]) throws {
    guard let home = Self.home else { throw TestSupportError("KAFKA_HOME is not set") }
    self.home = home
    directory = NSTemporaryDirectory() + "pleat-kafka-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let ports = try Self.freePorts(2)
    bootstrap = "127.0.0.1:\(ports[0])"
    var properties = [
      "process.roles": "broker,controller",
      "node.id": "1",
      "controller.quorum.voters": "1@127.0.0.1:\(ports[1])",
      "listeners": "PLAINTEXT://127.0.0.1:\(ports[0]),CONTROLLER://127.0.0.1:\(ports[1])",
      "advertised.listeners": "PLAINTEXT://127.0.0.1:\(ports[0])",
      "controller.listener.names": "CONTROLLER",
      "inter.broker.listener.name": "PLAINTEXT",
      "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
      "log.dirs": "\(directory)/data",
      "auto.create.topics.enable": "false",
      "offsets.topic.replication.factor": "1",
      "offsets.topic.num.partitions": "1",
      "transaction.state.log.replication.factor": "1",
      "transaction.state.log.min.isr": "1",
      "transaction.state.log.num.partitions": "1",
      "group.initial.rebalance.delay.ms": "0",
    ]
    properties.merge(settings) { _, new in new }
    let text = properties.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
    try text.write(toFile: configurationFile, atomically: true, encoding: .utf8)
    let format = try ChildProcess(
      ["\(home)/bin/kafka-storage.sh", "format", "-t", Self.clusterID(), "-c", configurationFile],
      output: "\(directory)/format.log")
    try waitUntil("the storage is formatted", milliseconds: Self.startMilliseconds) { format.hasEnded() }
    guard FileManager.default.fileExists(atPath: "\(directory)/data/meta.properties") else {
      throw TestSupportError("kafka-storage.sh failed: \(Self.tail(of: "\(directory)/format.log"))")
    }
  }

  deinit { remove() }

  private var configurationFile: String { "\(directory)/server.properties" }

  /// How clients reach it.
  package func configuration(properties: [String: String] = [:]) -> KafkaClientConfiguration {
    KafkaClientConfiguration(bootstrap: bootstrap, group: "pleat-test", properties: properties)
  }

  /// Starts the broker, for the first time or again on the same data, and waits until it answers.
  package func start() throws {
    guard process == nil else { return }
    let log = "\(directory)/broker.log"
    let started = try ChildProcess(
      ["\(home)/bin/kafka-server-start.sh", configurationFile], output: log, environment: ["KAFKA_HEAP_OPTS": Self.heap]
    )
    process = started
    let admin = try AdminTopics(
      configuration(properties: ["reconnect.backoff.max.ms": "100"]), log: { _, _ in })
    defer { admin.close() }
    try waitUntil("Kafka answers; its log ends with \(Self.tail(of: log))", milliseconds: Self.startMilliseconds) {
      if started.hasEnded() { throw TestSupportError("Kafka ended: \(Self.tail(of: log))") }
      do throws(KafkaError) {
        return try admin.partitionCount(of: "none") == nil
      } catch {
        return false
      }
    }
  }

  /// SIGKILL; the data stays, and `start` starts it again.
  package func kill() {
    process?.end()
    process = nil
  }

  /// SIGTERM, and waits for an orderly end; the data stays.
  package func stop() throws {
    guard let process else { return }
    process.signal(SIGTERM)
    try waitUntil("Kafka has ended", milliseconds: Self.stopMilliseconds) { process.hasEnded() }
    self.process = nil
  }

  /// SIGSTOP: it keeps its connections, and answers nothing.
  package func suspend() { process?.signal(SIGSTOP) }

  /// SIGCONT.
  package func resume() { process?.signal(SIGCONT) }

  /// Ends the broker and deletes its data.
  package func remove() {
    kill()
    // What cannot be deleted is in a temporary directory anyway.
    try? FileManager.default.removeItem(atPath: directory)
  }

  package func createTopic(
    _ name: String, partitions: Int32 = 1, settings: [(String, String)] = []
  ) throws {
    _ = try administer { admin in try admin.create(name, partitions: partitions, settings: settings) }
  }

  package func administer<Result>(_ body: (AdminTopics) throws -> Result) throws -> Result {
    let admin = try AdminTopics(configuration(), log: { _, _ in })
    defer { admin.close() }
    return try body(admin)
  }

  private static func tail(of path: String) -> String {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return "nothing" }
    return text.split(separator: "\n").suffix(5).joined(separator: " | ")
  }

  /// 16 random bytes in base64url, which begin with no dash.
  private static func clusterID() -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    return String((0..<21).map { _ in letters.randomElement()! }) + "g"
  }

  /// Ports that nobody has at the moment.
  private static func freePorts(_ count: Int) throws -> [Int] {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    return try (0..<count).map { _ in
      let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      sockets.append(made)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let failed = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(made, $0, size) != 0 || getsockname(made, $0, &size) != 0
        }
      }
      if made < 0 || failed { throw TestSupportError("no free port: \(String(cString: strerror(errno)))") }
      return Int(UInt16(bigEndian: address.sin_port))
    }
  }
}

private let sharedKafka = Mutex<RealKafka?>(nil)
