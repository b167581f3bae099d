import Foundation
import Testing

extension SystemTests {
  /// A short one in `make test`; `make soak` asks for as many faults as one likes.
  @Suite("A campaign of faults", .enabled(if: Servers.hasRealKafka, "it needs a real Kafka (KAFKA_HOME)"))
  struct CampaignTests {
    private static let defaultFaults = 6
    /// So many a round: each has a fresh installation.
    private static let faultsARound = 25

    @Test("whatever is killed, stopped or cut, everything is there once")
    func campaign() throws {
      let environment = ProcessInfo.processInfo.environment
      var left = environment["SOAK_FAULTS"].flatMap { Int($0) } ?? Self.defaultFaults
      var seed = environment["SOAK_SEED"].flatMap { UInt64($0) } ?? 1
      var log = FaultLog()
      while left > 0 {
        let faults = min(left, Self.faultsARound)
        do {
          let campaign = try Campaign(seed: seed)
          try campaign.run(faults: faults)
          log.add(campaign.log)
        } catch {
          Issue.record("the round with the seed \(seed): \(error)")
        }
        say("seed \(seed): \(log.count) faults, \(log.kills) kills")
        left -= faults
        seed += 1
      }
      say(log.table)
    }

    /// At once, also into a file.
    private func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
  }
}
