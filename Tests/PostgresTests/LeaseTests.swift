import Engine
import Events
import Projections
import Testing

@testable import Postgres

@Suite("Leases in PostgreSQL")
struct LeaseTests {
  private func overview(_ reply: HeartbeatReply) throws -> LeaseOverview {
    guard case .overview(let overview) = reply else { throw TestFailure("\(reply)") }
    return overview
  }

  private func beat(
    _ leases: PostgresLeaseStore, _ instance: InstanceID, seconds: Int = 60, resources: [String] = [],
    held: [String] = [], renew: [String] = [], release: [String] = []
  ) throws -> HeartbeatReply {
    try leases.heartbeat(
      instance, seconds: seconds, resources: resources, held: held, renew: renew, release: release)
  }

  @Test("what is free is taken once, shown to everybody, and given back")
  func share() throws {
    let leases = try TestDatabase().leases()
    let one = try leases.register(name: "one")
    let two = try leases.register(name: "two")
    let resources = ["partition/e/0", "partition/e/1", "relay"]
    let before = try overview(beat(leases, one, resources: resources))
    #expect(before.instances == ["one", "two"])
    #expect(before.leases.map(\.resource) == resources && before.leases.allSatisfy { $0.owner == nil })
    #expect(try leases.acquire(one, seconds: 60, resources: ["relay", "partition/e/0"]) == ["partition/e/0", "relay"])
    #expect(try leases.acquire(two, seconds: 60, resources: resources) == ["partition/e/1"])
    #expect(try overview(beat(leases, two)).leases.map(\.owner) == [one, two, one])
    _ = try beat(leases, one, release: ["relay"])
    #expect(try leases.acquire(two, seconds: 60, resources: ["relay"]) == ["relay"])
    try leases.leave(one)
    let after = try overview(beat(leases, two))
    #expect(after.instances == ["two"])
    #expect(after.leases.map(\.owner) == [nil, two, two])
  }

  @Test("a lease that ran out is free; one that is renewed is not")
  func expiry() throws {
    let leases = try TestDatabase().leases()
    let one = try leases.register(name: "one")
    let two = try leases.register(name: "two")
    _ = try leases.acquire(one, seconds: 0, resources: ["a", "b"])
    _ = try beat(leases, one, held: ["a", "b"], renew: ["b"])
    #expect(try leases.acquire(two, seconds: 60, resources: ["a", "b"]) == ["a"])
  }

  @Test("a name belongs to its youngest start")
  func superseded() throws {
    let database = try TestDatabase()
    let leases = try database.leases()
    let old = try leases.register(name: "one")
    _ = try leases.acquire(old, seconds: 60, resources: ["relay"])
    let young = try leases.register(name: "one")
    #expect(young.start > old.start)
    guard case .superseded = try beat(leases, old, renew: ["relay"]) else {
      Issue.record("the older start lives on")
      return
    }
    #expect(try leases.acquire(old, seconds: 60, resources: ["relay"]) == [])
    #expect(try leases.acquire(young, seconds: 60, resources: ["relay"]) == ["relay"])
    try leases.leave(old)
    #expect(try overview(beat(leases, young)).leases.map(\.owner) == [young])
  }

  @Test("a start that the database does not know, since it went back, registers again")
  func unknown() throws {
    let database = try TestDatabase()
    let leases = try database.leases()
    let instance = try leases.register(name: "one")
    for change in ["UPDATE pleat.instances SET start = start - 1", "DELETE FROM pleat.instances"] {
      try database.connect().execute(change)
      guard case .unknown = try beat(leases, instance) else {
        Issue.record("known after \(change)")
        return
      }
    }
    #expect(try leases.register(name: "one").start > instance.start)
  }

  @Test("a backend at work keeps its lease, and one that has just answered; one that waits for its client does not")
  func activeBackend() throws {
    let database = try TestDatabase()
    let instance = try database.instance(holding: ["projection/answering", "projection/busy", "projection/stuck"])
    let takeOver = "SELECT pleat.take_over_projection($1, $2, $3, 1, 1)"
    let answering = try database.connect(user: "pleat_writer")
    let busy = try database.connect(user: "pleat_writer")
    let stuck = try database.connect(user: "pleat_writer")
    _ = try answering.query(takeOver, [.text("answering"), .text(instance.name), .bigint(instance.start)])
    _ = try busy.query(takeOver, [.text("busy"), .text(instance.name), .bigint(instance.start)])
    _ = try stuck.query(takeOver, [.text("stuck"), .text(instance.name), .bigint(instance.start)])
    try database.connect().execute("UPDATE pleat.leases SET until = now() - interval '1 second'")
    _ = try StuckCopy(stuck)
    _ = try SentStatement(busy, "SELECT pg_sleep(600)")
    // The others have done nothing for longer than a lease.
    try database.waitUntil(
      """
      SELECT count(*) = 2 FROM pg_stat_activity WHERE pid IN (\(busy.backendPID), \(stuck.backendPID)) AND state = 'active'
        AND state_change < clock_timestamp() - interval '1.5 seconds'
      """)
    let leases = try database.leases()
    let held = ["projection/answering", "projection/busy", "projection/stuck"]
    func owners() throws -> [InstanceID?] {
      try overview(beat(leases, instance, seconds: 1, held: held)).leases.map(\.owner)
    }
    #expect(try owners() == [nil, instance, nil])
    // The heartbeat comes within a second of the answer, if not the first time.
    let deadline = Deadline(seconds: 60)
    repeat { try answering.execute("SELECT 1") } while try owners() == [nil, instance, nil] && !deadline.hasPassed
    #expect(!deadline.hasPassed)
    _ = try database.connect().query("SELECT pg_terminate_backend($1)", [.int(busy.backendPID)])
  }

  @Test("nobody takes over without the lease")
  func lost() throws {
    let database = try TestDatabase()
    let resources = ["partition/events/0", "projection/p", "relay"]
    let old = try database.instance("old", holding: resources)
    let journal = try database.journal()
    _ = try journal.takeOver(partition, instance: old, firstOffset: 3, clusterID: "c")
    // Another start of the name has it now.
    let young = try database.instance("old", holding: resources)
    func expectLost(_ body: () throws -> Void) {
      let error = #expect(throws: StoreError.self) { try body() }
      guard case .lost = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
    expectLost { _ = try journal.takeOver(partition, instance: old, firstOffset: 3, clusterID: "c") }
    expectLost { _ = try journal.takeOver(TopicPartition("new", 0), instance: old, firstOffset: 0, clusterID: "c") }
    expectLost { _ = try database.projection().takeOver(instance: old) }
    expectLost { _ = try database.outbox().takeOver(instance: old) }
    #expect(try journal.cursor(partition)?.epoch == 1)
    #expect(try journal.cursor(TopicPartition("new", 0)) == nil)
    #expect(try database.value("SELECT count(*) FROM pleat.projection_cursors") == "0")
    #expect(try journal.takeOver(partition, instance: young, firstOffset: 0, clusterID: "d").nextOffset == 3)
    #expect(try journal.cursor(partition)?.clusterID == "c")
  }

  @Test("a takeover ends a stopped client inside of a COPY, whose commit is then lost")
  func stoppedBlocker() throws {
    let database = try TestDatabase()
    try database.makeSample()
    let instance = try database.instance(holding: ["projection/p"])
    let store = try database.projection()
    let cursor = try store.takeOver(instance: instance)
    #expect(cursor.epoch == 1)
    let stopped = try database.connect(user: "pleat_writer")
    try stopped.execute("BEGIN")
    try stopped.execute("SELECT pleat.move_projection('p', 1, 1, 0, '', 0, '', NULL, 0, 'live')")
    let copy = try StuckCopy(stopped)
    #expect(try database.projection().takeOver(instance: instance).epoch == 2)
    #expect(!copy.canCommit())
    #expect(try database.value("SELECT count(*) FROM pleat.sample_current") == "0")
  }

  @Test("only the sessions of Pleat's own login are ended")
  func foreignBlocker() throws {
    let database = try TestDatabase()
    let admin = try database.connect()
    try admin.execute("CREATE TABLE t (a int); GRANT SELECT ON t TO pleat_writer")
    try admin.execute("BEGIN; LOCK TABLE t")
    let waiting = try database.connect(user: "pleat_writer")
    let work = try SentStatement(waiting, "SELECT * FROM t")
    try database.waitUntil(
      "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
    let ended = try database.connect(user: "pleat_writer").query(
      "SELECT ended FROM pleat.end_blockers($1)", [.int(waiting.backendPID)])
    #expect(ended.map { $0.bool() } == [false])
    try admin.execute("COMMIT")
    try work.wait()
  }
}
