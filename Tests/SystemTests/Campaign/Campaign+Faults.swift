import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

extension Campaign {
  private static let rushKills = 15

  func strike(_ fault: Fault) throws {
    pause(upTo: 0.4)
    switch fault {
    case .killInstance:
      let name = anyone()
      killInstance(name)
      pause(upTo: 1)
      try start(name)
    case .rush: try rush()
    case .stopInstance: try stopInstance(anyone())
    case .comeAndGo:
      let guest = try pleat.start("three")
      sleep(1)
      #expect(guest.terminate() == 0, "\(guest.output)")
    case .takeName:
      let name = anyone()
      let older = daemons[name]!
      // Which one is the younger, their registrations decide; while a server is away there are none.
      try Wait.until(seconds: 120, "\(name) has registered\(pleat.logs)") { older.output.contains("registered as") }
      try start(name)
      #expect(older.waitForExit(120) && older.process.terminationStatus == 78, "\(older.output)")
    case .endBackend: if let pid = try backend() { _ = try attempt("SELECT pg_terminate_backend(\(pid))") }
    case .killBackend:
      if let pid = try backend() {
        kill(pid, SIGKILL)
        kills += 1
      }
    case .killPostmaster: try killPostmaster()
    case .cutBefore: try cut(.before)
    case .cutAfter: try cut(.after)
    case .cutLate: try cut(.late)
    case .killBroker:
      servers.kafka!.kill()
      kills += 1
      pause(upTo: 2)
      try servers.kafka!.start()
    case .stopBroker:
      servers.kafka!.suspend()
      sleep(2)
      pause(upTo: 4)
      servers.kafka!.resume()
    case .killNode, .stopNode, .killNodes: try strikeNodes(fault)
    case .fillPostgres: try fillPostgres()
    case .fillBroker: try fillBroker()
    case .restore: try restore(times: 1)
    case .restoreTwice: try restore(times: 2)
    case .truncate: try truncateSideTopic()
    case .recreate: try recreateSideTopic()
    case .slowPostgres, .slowBroker, .brokerAway: preconditionFailure("a trial of its own")
    }
  }

  // MARK: - Instances

  /// Instances under three names, each killed within a second of its start, or of the next one's.
  private func rush() throws {
    for _ in 0..<Self.rushKills {
      let name = ["one", "two", "three"].randomElement(using: &random)!
      killInstance(name)
      try start(name)
      pause(upTo: 1)
    }
    killInstance("three")
  }

  private func stopInstance(_ name: String) throws {
    let daemon = daemons[name]!
    daemon.signal(SIGSTOP)
    try Wait.until("the leases of \(name) are gone") {
      try attempt("SELECT count(*) FROM pleat.leases WHERE owner = '\(name)' AND until > clock_timestamp()") == "0"
    }
    pause(upTo: 1)
    daemon.signal(SIGCONT)
  }

  // MARK: - PostgreSQL

  private func backend() throws -> pid_t? {
    pid_t(
      try attempt("SELECT pid FROM pg_stat_activity WHERE usename = 'pleat_writer' ORDER BY random() LIMIT 1"))
  }

  private func killPostmaster() throws {
    kill(servers.cluster.pid!, SIGKILL)
    kills += 1
    servers.cluster.stop(.immediate)
    pause(upTo: 1)
    try startPostgres()
  }

  private func startPostgres() throws {
    // Backends of the one before may still hold its memory for a moment.
    try Wait.until("PostgreSQL starts again") { (try? servers.cluster.start()) != nil }
  }

  private func cut(_ cut: CuttingProxy.Cut) throws {
    let before = proxy.cuts
    proxy.arm(cut, afterCommits: Int.random(in: 0...30, using: &random))
    try Wait.until("a connection is cut; \(feeder.progress)\(pleat.logs)") {
      feeder.repeatEnd()
      return proxy.cuts > before
    }
  }

  /// Back to the backup, under instances that are running; some are killed while they find out, and read ids back.
  private func restore(times: Int) throws {
    for _ in 0..<times {
      try servers.restore(from: Self.backup)
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        pause(upTo: 1.5)
        let name = anyone()
        killInstance(name)
        try start(name)
      }
    }
  }

  // MARK: - Full disks

  /// Tables cannot grow, or the log cannot, and then PostgreSQL goes down, and does not come back before there is room.
  private func fillPostgres() throws {
    try servers.disks!.postgres.fill()
    sleep(1)
    pause(upTo: 5)
    servers.disks!.postgres.free()
    pause(upTo: 1)
    if (try? Wait.until(seconds: 5, "PostgreSQL is there") { (try? pleat.sql("SELECT 1")) != nil }) == nil {
      servers.cluster.stop(.immediate)
      try startPostgres()
    }
  }

  /// Kafka gives its only directory up at the first failure, and needs a new start.
  private func fillBroker() throws {
    try servers.disks!.kafka.fill()
    sleep(1)
    pause(upTo: 4)
    servers.disks!.kafka.free()
    servers.kafka!.kill()
    kills += 1
    try servers.kafka!.start()
  }

  // MARK: - Three brokers

  private func strikeNodes(_ fault: Fault) throws {
    let kafka = servers.kafka!
    let node = Int.random(in: 0..<kafka.nodeCount, using: &random)
    switch fault {
    case .killNode:
      kafka.kill(node)
      kills += 1
      pause(upTo: 6)
      try kafka.launch(node)
    case .stopNode:
      kafka.suspend(node)
      sleep(4)
      pause(upTo: 4)
      kafka.resume(node)
    default:
      kafka.kill()
      kills += kafka.nodeCount
      pause(upTo: 3)
      try kafka.start()
    }
  }
}
