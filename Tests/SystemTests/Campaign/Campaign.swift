import Foundation
import Glibc
import Postgres
import Randomness
import TestSupport
import Testing

/// Faults against two instances, PostgreSQL and Kafka, one after the other and some on top of each other, while a world comes in;
/// in the end everything is compared with what was produced and with a slow fold.
///
/// Servers of its own: they are killed. One instance reaches PostgreSQL through a proxy that cuts connections.
final class Campaign {
  let servers: Servers
  let pleat: Installation
  let proxy: CuttingProxy
  let theme: Theme
  var random: SeededRandom
  private(set) var daemons: [String: DaemonProcess] = [:]
  private(set) var log = FaultLog()
  /// By the fault that is under way.
  var kills = 0
  var side = SideTopic()
  private(set) var feeder: Feeder!

  private static let events = 6_000
  private static let linesAChunk = 15
  private static let recoverySeconds = 120.0
  private static let leaseSeconds = 3
  static let backup = "backup"

  init(seed: UInt64, theme: Theme) throws {
    random = SeededRandom(seed: seed)
    self.theme = theme
    servers = try Servers.own(kafkaNodes: theme == .nodes ? 3 : 1, onSmallDisks: theme == .disks)
    pleat = try Installation(
      topics: theme == .topics ? ["in": 3, "side": 1] : ["in": 3],
      environment: ["PLEAT_RELAY_PUBLISH": "all", "PLEAT_LIMITS_LEASE_SECONDS": "\(Self.leaseSeconds)"], on: servers)
    proxy = try CuttingProxy(target: servers.cluster.port)
  }

  deinit {
    proxy.close()
    pleat.stopAll()
    servers.stop()
  }

  /// Strikes so often, then compares.
  func run(faults: Int) throws {
    let seed = random.next() % 1_000_000
    let world = try pleat.world(events: Self.events, seed: Int(seed), days: 40)
    try start("one")
    try start("two")
    feeder = Feeder(pleat, world: world, linesAChunk: Self.linesAChunk)
    if theme == .restores { try servers.backUp(as: Self.backup) }
    for _ in 0..<faults {
      let fault = next()
      kills = 0
      try strike(fault)
      // Now and then the next comes before the last is overcome.
      let began = Date()
      let waits = Int.random(in: 0..<3, using: &random) > 0
      if waits { try recover() }
      log.note(fault, kills: kills, recoveredAfter: waits ? Date().timeIntervalSince(began) : nil)
      try expectRunning(after: fault)
      // The next restore goes back to here.
      if theme == .restores, waits, Int.random(in: 0..<4, using: &random) == 0 {
        try servers.removeBackup(Self.backup)
        try servers.backUp(as: Self.backup)
      }
    }
    try feeder.finish(within: Int(Self.recoverySeconds))
    try recover()
    try pleat.expectRight(produced: world + side.produced, restored: theme == .restores, twice: side.readTwice)
    try pleat.pleat("verify")
    for (name, daemon) in daemons { #expect(daemon.terminate() == 0, "\(name) did not end in order\(pleat.logs)") }
  }

  private func next() -> Fault {
    if Bool.random(using: &random) { return theme.faults.randomElement(using: &random)! }
    let all = Fault.allCases
    var ticket = Int.random(in: 0..<all.reduce(0) { $0 + $1.weight }, using: &random)
    return all.first { fault in
      ticket -= fault.weight
      return ticket < 0
    }!
  }

  // MARK: - Instances

  @discardableResult
  func start(_ name: String) throws -> DaemonProcess {
    var environment: [String: String] = [:]
    if name == "one" {
      environment["PLEAT_POSTGRES_URL"] = pleat.environment["PLEAT_POSTGRES_URL"]!
        .replacingOccurrences(of: "port=\(servers.cluster.port)", with: "port=\(proxy.port)")
    }
    let daemon = try pleat.start(name, environment)
    daemons[name] = daemon
    return daemon
  }

  func killInstance(_ name: String) {
    guard let daemon = daemons.removeValue(forKey: name) else { return }
    daemon.killHard()
    kills += 1
  }

  func anyone() -> String { ["one", "two"].randomElement(using: &random)! }

  func pause(upTo seconds: Double) { usleep(UInt32(Double.random(in: 0...seconds, using: &random) * 1e6)) }

  private func expectRunning(after fault: Fault) throws {
    for (name, daemon) in daemons where !daemon.isRunning {
      Issue.record("\(name) ended with \(daemon.process.terminationStatus) after \(fault.rawValue)\(pleat.logs)")
      try start(name)
    }
  }

  /// Waits until every projection has what Kafka holds now.
  func recover() throws {
    let deadline = Date().addingTimeInterval(Self.recoverySeconds)
    while true {
      do {
        try pleat.waitCaughtUp(seconds: 10)
        return
      } catch  where Date() < deadline {
        // Not yet, or a server is not yet back.
        continue
      }
    }
  }

  /// What a query says, once PostgreSQL answers.
  func attempt(_ query: String) throws -> String {
    var answer = ""
    try Wait.until("PostgreSQL answers") {
      guard let text = try? pleat.sql(query) else { return false }
      answer = text
      return true
    }
    return answer
  }
}
