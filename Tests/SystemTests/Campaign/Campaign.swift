import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

/// Faults against two instances, PostgreSQL and Kafka, one after the other and some on top of each other, while a world comes in;
/// in the end everything is compared with what was produced and with a slow fold.
///
/// Servers of its own: they are killed. One instance reaches PostgreSQL through a proxy that cuts connections.
final class Campaign {
  private let servers: Servers
  private let pleat: Installation
  private let proxy: CuttingProxy
  private var random: SeededRandom
  private var daemons: [String: DaemonProcess] = [:]
  private(set) var log = FaultLog()

  private static let events = 6_000
  private static let linesAChunk = 15
  private static let recoverySeconds = 120.0
  private static let leaseSeconds = 3

  init(seed: UInt64) throws {
    random = SeededRandom(seed: seed)
    servers = try Servers.own()
    pleat = try Installation(
      topics: ["in": 3],
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
    let world = Data(
      try pleat.pleat(
        "generate", "--events", "\(Self.events)", "--seed", "\(seed)", "--days", "40", "--end", "2026-11-01T00:00:00Z"
      ).utf8)
    try start("one")
    try start("two")
    let feeder = Feeder(pleat, world: world, linesAChunk: Self.linesAChunk)
    for _ in 0..<faults {
      let fault = next()
      try strike(fault)
      // Now and then the next comes before the last is overcome.
      let began = Date()
      let waits = Int.random(in: 0..<3, using: &random) > 0
      if waits { try recover(from: fault) }
      log.note(fault, recoveredAfter: waits ? Date().timeIntervalSince(began) : nil)
      try expectRunning(after: fault)
    }
    try feeder.finish(within: Int(Self.recoverySeconds))
    try recover(from: nil)
    try pleat.expectRight(produced: world)
    for (name, daemon) in daemons { #expect(daemon.terminate() == 0, "\(name) did not end in order\(pleat.logs)") }
  }

  private func next() -> Fault {
    let all = Fault.allCases
    var ticket = Int.random(in: 0..<all.reduce(0) { $0 + $1.weight }, using: &random)
    return all.first { fault in
      ticket -= fault.weight
      return ticket < 0
    }!
  }

  // MARK: - Instances

  private func start(_ name: String) throws {
    var environment: [String: String] = [:]
    if name == "one" {
      environment["PLEAT_POSTGRES_URL"] = pleat.environment["PLEAT_POSTGRES_URL"]!
        .replacingOccurrences(of: "port=\(servers.cluster.port)", with: "port=\(proxy.port)")
    }
    daemons[name] = try pleat.start(name, environment)
  }

  private func anyone() -> String { ["one", "two"].randomElement(using: &random)! }

  private func pause(upTo seconds: Double) { usleep(UInt32(Double.random(in: 0...seconds, using: &random) * 1e6)) }

  private func expectRunning(after fault: Fault) throws {
    for (name, daemon) in daemons where !daemon.isRunning {
      Issue.record("\(name) ended with \(daemon.process.terminationStatus) after \(fault.rawValue)\(pleat.logs)")
      try start(name)
    }
  }

  /// Waits until every projection has what Kafka holds now.
  private func recover(from fault: Fault?) throws {
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

  // MARK: - Faults

  private func strike(_ fault: Fault) throws {
    pause(upTo: 0.4)
    switch fault {
    case .killInstance:
      let name = anyone()
      daemons[name]!.killHard()
      pause(upTo: 1)
      try start(name)
    case .stopInstance: try stopInstance(anyone())
    case .comeAndGo:
      let guest = try pleat.start("three")
      sleep(1)
      #expect(guest.terminate() == 0, "\(guest.output)")
    case .takeName:
      let name = anyone()
      let older = daemons[name]!
      try start(name)
      #expect(older.waitForExit(30) && older.process.terminationStatus == 78, "\(older.output)")
    case .endBackend: if let pid = try backend() { _ = try attempt("SELECT pg_terminate_backend(\(pid))") }
    case .killBackend: if let pid = try backend() { kill(pid, SIGKILL) }
    case .killPostmaster: try killPostmaster()
    case .cutBefore: try cut(.before)
    case .cutAfter: try cut(.after)
    case .cutLate: try cut(.late)
    case .killBroker:
      servers.kafka!.kill()
      pause(upTo: 2)
      try servers.kafka!.start()
    case .stopBroker:
      servers.kafka!.suspend()
      sleep(2)
      pause(upTo: 4)
      servers.kafka!.resume()
    }
  }

  /// What a query says, once PostgreSQL answers.
  private func attempt(_ query: String) throws -> String {
    var answer = ""
    try Wait.until(seconds: 60, "PostgreSQL answers") {
      guard let text = try? pleat.sql(query) else { return false }
      answer = text
      return true
    }
    return answer
  }

  private func backend() throws -> pid_t? {
    pid_t(
      try attempt("SELECT pid FROM pg_stat_activity WHERE usename = 'pleat_writer' ORDER BY random() LIMIT 1"))
  }

  private func stopInstance(_ name: String) throws {
    let daemon = daemons[name]!
    daemon.signal(SIGSTOP)
    try Wait.until(seconds: 60, "the leases of \(name) are gone") {
      try attempt("SELECT count(*) FROM pleat.leases WHERE owner = '\(name)' AND until > clock_timestamp()") == "0"
    }
    pause(upTo: 1)
    daemon.signal(SIGCONT)
  }

  private func killPostmaster() throws {
    kill(servers.cluster.pid!, SIGKILL)
    servers.cluster.stop(.immediate)
    pause(upTo: 1)
    // Backends of the one before may still hold its memory for a moment.
    try Wait.until(seconds: 60, "PostgreSQL starts again") { (try? servers.cluster.start()) != nil }
  }

  private func cut(_ cut: CuttingProxy.Cut) throws {
    let before = proxy.cuts
    proxy.arm(cut, afterMessages: Int.random(in: 0...30, using: &random))
    try Wait.until(seconds: 60, "a connection is cut") { proxy.cuts > before }
  }
}
