import Foundation
import Glibc
import TestSupport
import Testing

extension SystemTests {
  @Suite("Slow servers, broken projections, clocks that step")
  struct ResourceTests {
    /// `make campaign` with SLOW_SECONDS=600 takes the ten minutes.
    @Test(
      "a slow database, or broker: leases kept, memory bounded, all of it made good afterwards",
      .enabled(if: Servers.hasRealKafka), arguments: [Fault.slowPostgres, .slowBroker])
    func slow(_ fault: Fault) throws {
      let trial = try SlowTrial(fault, on: Servers.shared(), measured: 300)
      _ = try trial.run(seconds: 8, backlog: 1_000, days: 12)
    }

    private func state(_ pleat: Installation, _ projection: String) throws -> String {
      try pleat.sql(
        "SELECT state || ' ' || coalesce(reason, '') FROM pleat_unmasked.freshness WHERE projection = '\(projection)'")
    }

    @Test("a projection that throws stops alone, shows in freshness and status, and goes on by itself when mended")
    func throwing() throws {
      let pleat = try Installation(topics: ["in": 2], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      let (first, rest) = (
        try pleat.world(events: 400, seed: 51, days: 8), try pleat.world(events: 400, seed: 52, days: 8)
      )
      let daemon = try pleat.start()
      try pleat.produce(first)
      try pleat.waitCaughtUp()
      _ = try pleat.sql(
        """
        CREATE FUNCTION pleat.broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          RAISE EXCEPTION 'no model is good enough';
        END $$;
        CREATE TRIGGER broken BEFORE INSERT OR UPDATE ON pleat.model_metrics_current FOR EACH ROW
          EXECUTE FUNCTION pleat.broken();
        """)
      try pleat.produce(rest)
      try Wait.until("freshness says so\(pleat.logs)") {
        let state = try state(pleat, "models")
        return state.hasPrefix("failed ") && state.contains("no model is good enough")
      }
      let status = try pleat.pleat("status")
      #expect(status.contains("models, failed: ") && status.contains("no model is good enough"), "\(status)")
      #expect(try pleat.pleat("status", "--json").contains(#""state":"failed""#))
      // The others go on, and are caught up with a journal that goes on, too.
      try Wait.until("everything else is caught up\(pleat.logs)") {
        let status =
          try JSONSerialization.jsonObject(with: Data(pleat.pleat("status", "--json").utf8)) as! [String: Any]
        let partitions = status["partitions"] as! [[String: Any]]
        let projections = status["projections"] as! [[String: Any]]
        return partitions.allSatisfy { $0["lag"] as? Int == 0 }
          && projections.allSatisfy {
            ($0["behind_positions"] as? Int == 0) == ($0["projection"] as? String != "models")
          }
      }
      for other in ["projects", "activity"] { #expect(try !state(pleat, other).hasPrefix("failed"), "\(other)") }
      try pleat.pleat("status", "--wait-caught-up", "1", expecting: 75)
      _ = try pleat.sql("DROP TRIGGER broken ON pleat.model_metrics_current")
      try pleat.waitCaughtUp()
      #expect(try !state(pleat, "models").hasPrefix("failed"))
      // Ids of the two worlds may be the same: the journal decides.
      try pleat.expect(SlowFold(try pleat.journal()).views())
      #expect(daemon.terminate() == 0)
    }

    /// Of the machine's clocks only that of the day: the other cannot step.
    @Test("a clock that steps, back and forth, by hours and months, does nothing")
    func clockSteps() throws {
      // A lease that a slow machine keeps, too.
      let pleat = try Installation(
        topics: ["in": 3], environment: ["PLEAT_RELAY_PUBLISH": "all", "PLEAT_LIMITS_LEASE_SECONDS": "10"])
      let clock = try SteppingClock(in: pleat.folder)
      let events = try pleat.world(events: 1_200, seed: 53, days: 10)
      let lines = events.split(separator: UInt8(ascii: "\n"))
      let one = try pleat.start("one", clock.environment)
      let two = try pleat.start("two")
      func owners() throws -> String {
        try pleat.sql(
          "SELECT string_agg(resource || owner, ' ' ORDER BY resource) FROM pleat.leases WHERE until > clock_timestamp()"
        )
      }
      try pleat.produce(Data(lines[0..<100].joined(separator: [10])))
      try pleat.waitCaughtUp()
      try Wait.until("the partitions are shared") {
        try pleat.sql(
          "SELECT count(DISTINCT owner) FROM pleat.leases WHERE resource LIKE 'partition/%' AND until > clock_timestamp()"
        )
          == "2"
      }
      let before = try owners()
      var next = 100
      for hours in [-1, 5, -200, 24 * 90, -3, 0] {
        clock.step(hours: hours)
        try pleat.produce(Data(lines[next..<next + 150].joined(separator: [10])))
        next += 150
        try pleat.waitCaughtUp()
        #expect(try owners() == before, "\(hours) hours: a lease was lost\(pleat.logs)")
      }
      try pleat.produce(Data(lines[next...].joined(separator: [10])))
      try pleat.waitCaughtUp()
      try pleat.expectRight(produced: events)
      #expect(clock.reads() > 100, "nobody asked the stepping clock")
      #expect(one.terminate() == 0 && two.terminate() == 0)
    }
  }
}
