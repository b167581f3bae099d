import Foundation
import Testing

/// A Pleat of its own: a database and topics nobody else uses, on the servers that all
/// system tests share, and an embedded broker of its own where there is no real Kafka.
final class Installation {
  let servers: Servers
  let broker: Broker
  let name: String
  let folder: URL
  let topics: [String: Int]
  private(set) var daemons: [DaemonProcess] = []
  private var extra: [String: String]

  private static let loggedDaemons = 12

  /// Makes database and topics, and migrates.
  init(
    topics: [String: Int] = ["in": 1], environment: [String: String] = [:], migrate: Bool = true,
    embedded: Bool = false, on own: Servers? = nil
  ) throws {
    servers = try own ?? Servers.shared()
    name = "p\(UUID().uuidString.prefix(8).lowercased())"
    folder = servers.folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let prefix = name
    self.topics = Dictionary(uniqueKeysWithValues: topics.map { ("\(prefix).\($0.key)", $0.value) })
    let outputs = [Self.outputTopic(of: name): 1, Self.teamTopic(of: name): 1]
    broker = try servers.broker(topics: self.topics.merging(outputs) { $1 }, embedded: embedded)
    extra = environment
    let catalog = folder.appendingPathComponent("catalog.yaml")
    try "version: 1\ntechnologies: []\n".write(to: catalog, atomically: true, encoding: .utf8)
    extra["PLEAT_PROJECTIONS_CATALOG"] = environment["PLEAT_PROJECTIONS_CATALOG"] ?? catalog.path
    try servers.createDatabase(name)
    if migrate { try pleat("migrate") }
  }

  var input: String { topics.keys.sorted()[0] }
  var outputTopic: String { Self.outputTopic(of: name) }
  var teamTopic: String { Self.teamTopic(of: name) }

  private static func outputTopic(of name: String) -> String { "\(name).analytics.events" }
  private static func teamTopic(of name: String) -> String { "\(name).analytics.teams" }

  var environment: [String: String] {
    [
      "PLEAT_INSTANCE": "one", "PLEAT_KAFKA_BOOTSTRAP": broker.bootstrap, "PLEAT_KAFKA_GROUP": name,
      "PLEAT_KAFKA_TOPICS": topics.keys.sorted().joined(separator: ","), "PLEAT_KAFKA_OUTPUT_TOPIC": outputTopic,
      "PLEAT_KAFKA_TEAM_TOPIC": teamTopic, "PLEAT_KAFKA_CURSOR_TOPIC": "\(name).cursors",
      "PLEAT_POSTGRES_URL": servers.url(database: name, user: "pleat_writer"),
      "PLEAT_POSTGRES_ADMIN_URL": servers.url(database: name, user: "postgres"), "PLEAT_LIMITS_LEASE_SECONDS": "3",
      "PLEAT_LOG_FORMAT": "text",
    ].merging(extra) { $1 }
  }

  /// The environment in which commands act as somebody who may decide.
  var asOperator: [String: String] { ["PLEAT_POSTGRES_URL": environment["PLEAT_POSTGRES_ADMIN_URL"]!] }

  // MARK: - Processes

  @discardableResult
  func start(_ instance: String = "one", _ more: [String: String] = [:]) throws -> DaemonProcess {
    let daemon = try DaemonProcess(
      program: servers.program,
      environment: environment.merging(more) { $1 }.merging(["PLEAT_INSTANCE": instance]) { $1 },
      log: folder.appendingPathComponent("\(instance)-\(daemons.count).log"))
    daemons.append(daemon)
    return daemon
  }

  /// Begins a command that somebody else waits for, or kills.
  func begin(_ arguments: String...) throws -> DaemonProcess {
    let command = try DaemonProcess(
      program: servers.program, arguments: arguments, environment: environment,
      log: folder.appendingPathComponent("\(arguments[0])-\(daemons.count).log"))
    daemons.append(command)
    return command
  }

  /// Runs a command; throws with what it said if its exit code is not the expected one.
  @discardableResult
  func pleat(_ arguments: String..., expecting code: Int32 = 0, environment more: [String: String] = [:]) throws
    -> String
  {
    try pleat(arguments, expecting: code, environment: more)
  }

  @discardableResult
  func pleat(_ arguments: [String], expecting code: Int32 = 0, environment more: [String: String] = [:]) throws
    -> String
  {
    let result = try Shell.run(
      servers.program.path, arguments, environment: environment.merging(more) { $1 })
    let text = String(decoding: result.output, as: UTF8.self)
    guard result.status == code else {
      throw Shell.Failure(
        description: "pleat \(arguments.joined(separator: " ")) ended with \(result.status), not \(code):\n\(text)"
          + String(decoding: result.errors, as: UTF8.self) + logs)
    }
    return text
  }

  func waitCaughtUp(seconds: Int = 120) throws { try pleat("status", "--wait-caught-up", "\(seconds)") }

  /// What the daemons logged that were started last, for a failure's message.
  var logs: String {
    daemons.suffix(Self.loggedDaemons).map {
      "\n--- \($0.log.lastPathComponent)\n\($0.output.split(separator: "\n").suffix(60).joined(separator: "\n"))"
    }
    .joined()
  }

  func stopAll() {
    for daemon in daemons where daemon.isRunning {
      daemon.signal(SIGCONT)
      daemon.killHard()
    }
  }

  // MARK: - Data

  /// Produces lines `key TAB value`, in order.
  func produce(_ lines: Data, to topic: String? = nil) throws { try broker.produce(lines, to: topic ?? input) }

  func journal() throws -> [JournalLine] {
    try pleat("journal").split(separator: "\n").map { try JournalLine(String($0)) }
  }

  func sql(_ query: String, user: String = "postgres") throws -> String {
    try servers.sql(query, database: name, user: user)
  }

  /// A view's rows, with `pleat.as_of` set to this.
  func rows(_ view: String, asOf: String = "", user: String = "postgres") throws -> [[String: Any]] {
    let json = try sql(
      "SET pleat.as_of = '\(asOf)'; SELECT coalesce(json_agg(v), '[]') FROM (SELECT * FROM \(view)) v", user: user)
    return try JSONSerialization.jsonObject(with: Data(json.utf8)) as! [[String: Any]]
  }

  /// The derived events that a `read_committed` reader finds, in the topic's order.
  func derivedEvents(_ topic: String? = nil) throws -> [[String: Any]] {
    try broker.consume(topic ?? outputTopic).map { try JSONSerialization.jsonObject(with: $0) as! [String: Any] }
  }

  /// Requires that the views show what they must.
  func expect(_ views: [String: [[String: Any]]], in schema: String = "pleat_unmasked", asOf: String = "") throws {
    let differences = try differences(of: views, in: schema, asOf: asOf)
    #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))\(logs)")
  }

  /// The first few differences of each view, in words.
  func differences(of views: [String: [[String: Any]]], in schema: String = "pleat_unmasked", asOf: String = "") throws
    -> [String]
  {
    try views.sorted { $0.key < $1.key }.flatMap { view, expected in
      try ViewComparison.differences(view, found: rows("\(schema).\(view)", asOf: asOf), expected: expected)
    }
  }

  deinit { stopAll() }
}
