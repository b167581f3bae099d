import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

/// PostgreSQL or the broker slow, or the broker away, for as long as one likes, while a backlog comes in: two instances keep what
/// they hold and stay small, and make it good afterwards.
final class SlowTrial {
  struct Outcome: CustomStringConvertible {
    /// Events a second that were taken in and folded, by themselves: before, and afterwards.
    var before: Double
    var afterwards: Double
    var caughtUpAfter: Double
    var megabytes: Int
    var description: String {
      String(
        format: "%.0f events/s before, %.0f after, caught up %.1f s after its end, at most %d MB an instance",
        before, afterwards, caughtUpAfter, megabytes)
    }
  }

  private let fault: Fault
  private let servers: Servers
  private let pleat: Installation
  private let proxy: CuttingProxy
  private var lines: [Substring] = []
  private var used = 0

  private let measured: Int
  private static let leaseSeconds = 10
  private static let delayMilliseconds: UInt32 = 50
  /// Of a slow broker: so long it stands, so long it runs.
  private static let stopped: UInt32 = 400_000
  private static let running: UInt32 = 100_000
  private static let mostMegabytes = 300

  /// - Parameter measured: events by which its speed is measured.
  init(_ fault: Fault, on servers: Servers, measured: Int = 5_000) throws {
    (self.fault, self.servers, self.measured) = (fault, servers, measured)
    pleat = try Installation(
      topics: ["in": 2],
      environment: ["PLEAT_RELAY_PUBLISH": "all", "PLEAT_LIMITS_LEASE_SECONDS": "\(Self.leaseSeconds)"], on: servers)
    proxy = try CuttingProxy(target: servers.cluster.port)
  }

  deinit {
    // Whatever happened, the broker answers others.
    servers.kafka!.resume()
    proxy.close()
    pleat.stopAll()
  }

  /// - Parameters:
  ///   - backlog: events that come in meanwhile.
  ///   - days: over which all are spread.
  func run(seconds: Int, backlog: Int = 20_000, days: Int = 60) throws -> Outcome {
    lines = try pleat.lines(events: backlog + 2 * measured, seed: 31, days: days)
    let url = pleat.environment["PLEAT_POSTGRES_URL"]!
      .replacingOccurrences(of: "port=\(servers.cluster.port)", with: "port=\(proxy.port)")
    let daemons = try ["one", "two"].map { try pleat.start($0, ["PLEAT_POSTGRES_URL": url]) }
    try Wait.until("the partitions are shared\(pleat.logs)") {
      try pleat.sql(
        "SELECT count(DISTINCT owner) FROM pleat.leases WHERE resource LIKE 'partition/%' AND until > clock_timestamp()"
      )
        == "2"
    }
    let before = try measure()
    let owners = try owners()

    let began = Date()
    begin()
    let feeder = Feeder(pleat, world: take(backlog), linesAChunk: 500)
    while Date().timeIntervalSince(began) < Double(seconds) {
      turn()
      try #require(try self.owners() == owners, "a lease was lost\(pleat.logs)")
    }
    try stop()
    let ended = Date()
    try feeder.finish(within: 120)
    try pleat.waitCaughtUp(seconds: 300)
    let caughtUpAfter = Date().timeIntervalSince(ended)
    #expect(try self.owners() == owners, "a lease was lost\(pleat.logs)")
    let afterwards = try measure()
    let megabytes = try daemons.map { try Self.peakMegabytes($0.pid) }.max()!
    #expect(megabytes < Self.mostMegabytes, "an instance took \(megabytes) MB")
    try pleat.expectRight(produced: Data(lines[..<used].map { $0 + "\n" }.joined().utf8))
    for daemon in daemons { #expect(daemon.terminate() == 0, "\(pleat.logs)") }
    return Outcome(before: before, afterwards: afterwards, caughtUpAfter: caughtUpAfter, megabytes: megabytes)
  }

  private func take(_ count: Int) -> Data {
    defer { used += count }
    return Data(lines[used..<used + count].map { $0 + "\n" }.joined().utf8)
  }

  /// Events a second until they are folded.
  private func measure() throws -> Double {
    let events = take(measured)
    let began = Date()
    try pleat.produce(events)
    try pleat.waitCaughtUp()
    return Double(measured) / Date().timeIntervalSince(began)
  }

  /// Who holds what; what has run out is missing.
  private func owners() throws -> String {
    try pleat.sql(
      "SELECT string_agg(resource || ' ' || owner, ', ' ORDER BY resource) FROM pleat.leases WHERE until > clock_timestamp()"
    )
  }

  private func begin() {
    switch fault {
    case .slowPostgres: proxy.slowDown(milliseconds: Self.delayMilliseconds)
    case .brokerAway: servers.kafka!.kill()
    default: break
    }
  }

  private func turn() {
    guard fault == .slowBroker else {
      sleep(1)
      return
    }
    servers.kafka!.suspend()
    usleep(Self.stopped)
    servers.kafka!.resume()
    usleep(Self.running)
  }

  private func stop() throws {
    switch fault {
    case .slowPostgres: proxy.slowDown(milliseconds: 0)
    case .brokerAway: try servers.kafka!.start()
    default: break
    }
  }

  /// The most that a process ever held in memory.
  static func peakMegabytes(_ pid: pid_t) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1])) / 1024
  }
}
