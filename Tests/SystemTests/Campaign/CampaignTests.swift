import Foundation
import TestSupport
import Testing

extension SystemTests {
  /// A short one in `make test`; `make campaign` asks for as many faults as one likes.
  @Suite("A campaign of faults", .enabled(if: Servers.hasRealKafka, "it needs a real Kafka (KAFKA_HOME)"))
  struct CampaignTests {
    private static let defaultFaults = 6
    /// So many a round: each has fresh servers and a fresh installation.
    private static let faultsARound = 25
    private static let environment = ProcessInfo.processInfo.environment
    private static let isAsked = environment["SOAK_FAULTS"] != nil

    @Test("whatever is killed, stopped or cut, everything is there once")
    func campaign() throws {
      let environment = Self.environment
      var left = environment["SOAK_FAULTS"].flatMap { Int($0) } ?? Self.defaultFaults
      var seed = environment["SOAK_SEED"].flatMap { UInt64($0) } ?? 1
      var themes = try Theme.asked(environment["SOAK_THEME"])
      if !LimitedDisk.isPossible, themes.contains(.disks) {
        say("Without root there is no file system to fill: full disks are left out.")
        themes.removeAll { $0 == .disks }
      }
      var log = FaultLog()
      while left > 0, !themes.isEmpty {
        let faults = min(left, Self.faultsARound)
        let theme = themes[Int(seed) % themes.count]
        do {
          let campaign = try Campaign(seed: seed, theme: Self.isAsked ? theme : .rushes)
          defer { log.add(campaign.log) }
          let outcome = Result { try campaign.run(faults: faults) }
          if let file = environment["SOAK_LOG"] { try campaign.log.append(to: file) }
          try outcome.get()
        } catch {
          Issue.record("the round with the seed \(seed), \(theme): \(error)")
        }
        say("seed \(seed), \(theme): \(log.count) faults, \(log.kills) kills")
        left -= faults
        seed += 1
      }
      say(log.table)
      if let file = environment["SOAK_LOG"], FileManager.default.fileExists(atPath: file) {
        say("All of \(file):\n\(try FaultLog.read(file).table)")
      }
    }

    @Test("a theme that there is not is an error that names all there are")
    func themes() throws {
      #expect(try Theme.asked(nil) == Theme.allCases)
      #expect(try Theme.asked("disks") == [.disks])
      let error = #expect(throws: UnknownTheme.self) { try Theme.asked("disk") }
      #expect(
        error?.description
          == "SOAK_THEME=disk is none of the themes: rushes, disks, nodes, restores, topics; leave it out for all.")
    }

    /// `SOAK_SLOW_SECONDS`: so long each, such as 600.
    @Test(
      "slow or away for minutes: leases kept, memory bounded, all of it made good afterwards",
      .enabled(if: environment["SOAK_SLOW_SECONDS"] != nil, "it takes minutes (SOAK_SLOW_SECONDS)"),
      arguments: [Fault.slowPostgres, .slowBroker, .brokerAway])
    func slow(_ fault: Fault) throws {
      let environment = Self.environment
      if let only = environment["SOAK_SLOW"], "\(fault)" != only { return }
      let servers = try Servers.own()
      defer { servers.stop() }
      let trial = try SlowTrial(fault, on: servers)
      let outcome = try trial.run(seconds: environment["SOAK_SLOW_SECONDS"].flatMap { Int($0) } ?? 0)
      say("\(fault.rawValue): \(outcome)")
      var log = FaultLog()
      log.note(fault, kills: fault == .brokerAway ? 1 : 0, recoveredAfter: outcome.caughtUpAfter)
      if let file = environment["SOAK_LOG"] { try log.append(to: file) }
    }

    /// At once, also into a file.
    private func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
  }
}
