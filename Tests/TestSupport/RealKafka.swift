import Foundation
package import Kafka
import Synchronization

/// One node of Apache Kafka (KRaft, broker and controller at once), or several, in a temporary directory, on free ports of
/// 127.0.0.1. Topics are not made by themselves; of three nodes, each has everything, and two must have what is acknowledged.
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
  private let nodes: [Node]
  private var processes: [ChildProcess?]

  private struct Node {
    var configuration: String
    var log: String
  }

  private static let startMilliseconds = 60_000
  private static let stopMilliseconds = 30_000
  private static let retryMicroseconds: UInt32 = 200_000
  private static let heap = "-Xmx512m -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
  /// Of one of several nodes.
  private static let smallHeap = "-Xmx256m -Xms64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"

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
  /// - Parameters:
  ///   - nodes: one, or three.
  ///   - parent: where the directory is made; nil for the system's.
  ///   - settings: broker properties that go over those below.
  package init(nodes count: Int = 1, in parent: String? = nil, settings: [String: String] = [:]) throws {
    guard let home = Self.home else { throw TestSupportError("KAFKA_HOME is not set") }
    self.home = home
    directory = (parent.map { $0 + "/" } ?? NSTemporaryDirectory()) + "pleat-kafka-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let ports = try Self.freePorts(2 * count)
    bootstrap = ports[..<count].map { "127.0.0.1:\($0)" }.joined(separator: ",")
    let voters = ports[count...].enumerated().map { "\($0 + 1)@127.0.0.1:\($1)" }.joined(separator: ",")
    let cluster = Self.clusterID()
    var made: [Node] = []
    for number in 1...count {
      let folder = count == 1 ? directory : "\(directory)/node-\(number)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let (port, controllerPort) = (ports[number - 1], ports[count + number - 1])
      var properties = [
        "process.roles": "broker,controller",
        "node.id": "\(number)",
        "controller.quorum.voters": voters,
        "listeners": "PLAINTEXT://127.0.0.1:\(port),CONTROLLER://127.0.0.1:\(controllerPort)",
        "advertised.listeners": "PLAINTEXT://127.0.0.1:\(port)",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": "\(folder)/data",
        "auto.create.topics.enable": "false",
        "default.replication.factor": "\(count)",
        "min.insync.replicas": count == 1 ? "1" : "2",
        "offsets.topic.replication.factor": "\(count)",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "\(count)",
        "transaction.state.log.min.isr": count == 1 ? "1" : "2",
        "transaction.state.log.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
      ]
      if count > 1 {
        // A node that is gone is known to be within seconds.
        properties["broker.session.timeout.ms"] = "3000"
        properties["broker.heartbeat.interval.ms"] = "500"
      }
      properties.merge(settings) { _, new in new }
      let node = Node(configuration: "\(folder)/server.properties", log: "\(folder)/broker.log")
      let text = properties.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
      try text.write(toFile: node.configuration, atomically: true, encoding: .utf8)
      let format = try ChildProcess(
        ["\(home)/bin/kafka-storage.sh", "format", "-t", cluster, "-c", node.configuration],
        output: "\(folder)/format.log")
      try waitUntil("the storage is formatted", milliseconds: Self.startMilliseconds) { format.hasEnded() }
      guard FileManager.default.fileExists(atPath: "\(folder)/data/meta.properties") else {
        throw TestSupportError("kafka-storage.sh failed: \(Self.tail(of: "\(folder)/format.log"))")
      }
      made.append(node)
    }
    nodes = made
    processes = made.map { _ in nil }
  }

  deinit { remove() }

  /// How clients reach it.
  package func configuration(properties: [String: String] = [:]) -> KafkaClientConfiguration {
    KafkaClientConfiguration(bootstrap: bootstrap, group: "pleat-test", properties: properties)
  }

  package var nodeCount: Int { nodes.count }

  /// Starts the nodes that do not run, for the first time or again on the same data, and waits until they answer.
  package func start() throws {
    guard processes.contains(where: { $0 == nil }) else { return }
    for index in nodes.indices { try launch(index) }
    let admin = try AdminTopics(
      configuration(properties: ["reconnect.backoff.max.ms": "100"]), log: { _, _ in })
    defer { admin.close() }
    let log = nodes[0].log
    try waitUntil("Kafka answers; its log ends with \(Self.tail(of: log))", milliseconds: Self.startMilliseconds) {
      if processes.contains(where: { $0?.hasEnded() ?? true }) {
        throw TestSupportError("Kafka ended: \(Self.tail(of: log))")
      }
      do throws(KafkaError) {
        return try admin.partitionCount(of: "none") == nil
      } catch {
        return false
      }
    }
  }

  /// Starts one node, if it does not run, and does not wait for it.
  package func launch(_ node: Int) throws {
    guard processes[node] == nil else { return }
    processes[node] = try ChildProcess(
      ["\(home)/bin/kafka-server-start.sh", nodes[node].configuration], output: nodes[node].log,
      environment: ["KAFKA_HEAP_OPTS": nodes.count == 1 ? Self.heap : Self.smallHeap])
  }

  /// SIGKILL to every node; the data stays, and `start` starts them again.
  package func kill() { for node in nodes.indices { kill(node) } }

  package func kill(_ node: Int) {
    processes[node]?.end()
    processes[node] = nil
  }

  /// SIGTERM, and waits for an orderly end; the data stays.
  package func stop() throws {
    for process in processes { process?.signal(SIGTERM) }
    for process in processes.compactMap({ $0 }) {
      try waitUntil("Kafka has ended", milliseconds: Self.stopMilliseconds) { process.hasEnded() }
    }
    processes = nodes.map { _ in nil }
  }

  /// SIGSTOP: it keeps its connections, and answers nothing.
  package func suspend() { for node in nodes.indices { suspend(node) } }
  package func suspend(_ node: Int) { processes[node]?.signal(SIGSTOP) }

  /// SIGCONT.
  package func resume() { for node in nodes.indices { resume(node) } }
  package func resume(_ node: Int) { processes[node]?.signal(SIGCONT) }

  /// Ends the broker and deletes its data.
  package func remove() {
    kill()
    // What cannot be deleted is in a temporary directory anyway.
    try? FileManager.default.removeItem(atPath: directory)
  }

  package func createTopic(
    _ name: String, partitions: Int32 = 1, settings: [(String, String)] = []
  ) throws {
    let deadline = Date().addingTimeInterval(Double(Self.startMilliseconds) / 1_000)
    while true {
      do {
        _ = try administer { admin in try admin.create(name, partitions: partitions, settings: settings) }
        return
      } catch  where nodes.count > 1 && Date() < deadline {
        // Until every node has registered there are too few for the copies.
        usleep(Self.retryMicroseconds)
      }
    }
  }

  @discardableResult
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
