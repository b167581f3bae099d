import Engine
import Events
import Service
import Testing

private let p0 = TopicPartition("t", 0)
private let p1 = TopicPartition("t", 1)

private func status(_ positions: [TopicPartition: Int64], journal: Int64, projects: Int64?, models: Int64?)
  -> DatabaseStatus
{
  func projection(_ name: String, _ position: Int64?) -> DatabaseStatus.Projection? {
    position.map {
      DatabaseStatus.Projection(
        name: name, generation: 1, position: $0, watermark: Timestamp(microseconds: 0), behindPositions: journal - $0,
        behindSeconds: 1.5, updatedAt: nil, state: "live", reason: nil)
    }
  }
  return DatabaseStatus(
    journalPosition: journal, watermark: Timestamp(microseconds: 1_000_000),
    partitions: positions.sorted { $0.key < $1.key }.map {
      DatabaseStatus.Partition(
        partition: $0.key, position: $0.value, endOffset: nil, owner: "a", state: "running", reason: nil, duplicates: 2,
        deadLetters: 3)
    },
    projections: [projection("models", models), projection("projects", projects)].compactMap { $0 },
    relay: DatabaseStatus.Relay(state: "running", delivery: "exactly_once", behind: 0))
}

private func isReached(_ goal: inout CatchUpGoal, _ status: DatabaseStatus) -> Bool { goal.isReached(by: status) }

@Suite("The status")
struct StatusTests {
  @Test(
    "is caught up once every partition was read to its end at the call, and every projection has the journal's end then"
  )
  func goal() {
    var goal = CatchUpGoal(
      ends: [p0: PartitionEnds(low: 0, high: 10), p1: PartitionEnds(low: 5, high: 5)],
      projections: ["projects", "models"])
    #expect(isReached(&goal, status([:], journal: 0, projects: nil, models: nil)) == false)
    #expect(isReached(&goal, status([p0: 9], journal: 9, projects: 9, models: 9)) == false)
    // Read to the end; the journal's end is 12 from here on.
    #expect(isReached(&goal, status([p0: 12], journal: 12, projects: 11, models: 12)) == false)
    #expect(isReached(&goal, status([p0: 20], journal: 20, projects: 12, models: nil)) == false)
    #expect(isReached(&goal, status([p0: 20], journal: 20, projects: 12, models: 11)) == false)
    #expect(isReached(&goal, status([p0: 20], journal: 20, projects: 12, models: 13)) == true)
  }

  @Test("says how many events a second, and warns where the server may run out of locks for the journal's tables")
  func journal() {
    var known = status([:], journal: 5, projects: 5, models: 5)
    known.eventsPerSecond = 12.6
    known.journalTables = (400, 6_400)
    func report() -> StatusReport { StatusReport(instance: "a", status: known, ends: nil, projections: ["projects"]) }
    #expect(report().text.contains("journal at 5, 13 events a second of late\n"))
    #expect(report().warnings.isEmpty)
    known.journalTables.count = 401
    #expect(report().warnings.count == 1 && report().warnings[0].contains("max_locks_per_transaction"))
  }

  @Test("names what nobody has folded, once there is something to fold")
  func unfolded() {
    func report(journal: Int64) -> StatusReport {
      StatusReport(
        instance: "a", status: status([:], journal: journal, projects: nil, models: journal), ends: nil,
        projections: ["projects", "models", "activity"])
    }
    #expect(report(journal: 0).warnings.isEmpty)
    #expect(report(journal: 5).warnings.map { $0.hasPrefix("no instance has folded activity, projects yet") } == [true])
  }

  @Test("tells why partitions and the relay stand still besides the contract's object")
  func reasons() {
    var known = status([p0: 1, p1: 1], journal: 5, projects: 5, models: 5)
    #expect(StatusReport(instance: "a", status: known, ends: nil, projections: []).reasons.isEmpty)
    (known.partitions[1].state, known.partitions[1].reason) = ("alarm", "why")
    (known.relay.state, known.relay.reason) = ("failed", "because")
    let report = StatusReport(instance: "a", status: known, ends: nil, projections: [])
    #expect(report.reasons == ["t/1, alarm: why", "relay, failed: because"])
    #expect(report.text.contains("\nt/1, alarm: why\n") && report.text.contains("\nrelay, failed: because\n"))
  }

  @Test("waits for projections of the configuration and for those of the database")
  func goalProjections() {
    var one = CatchUpGoal(ends: [:], projections: ["projects"])
    #expect(isReached(&one, status([:], journal: 5, projects: 5, models: 4)) == false)
    #expect(isReached(&one, status([:], journal: 5, projects: 5, models: nil)) == true)
  }

  @Test(
    "caught_up is lag 0 everywhere and every projection at the journal's end",
    arguments: [
      (10, 7, 7, true), (9, 7, 7, false), (10, 6, 7, false), (10, 7, nil, false),
    ] as [(Int64, Int64, Int64?, Bool)])
  func caughtUp(position: Int64, projects: Int64, models: Int64?, expected: Bool) {
    let report = StatusReport(
      instance: "i", status: status([p0: position], journal: 7, projects: projects, models: models),
      ends: TopicEnds(known: [p0: PartitionEnds(low: 0, high: 10)]), projections: ["projects", "models"])
    #expect(report.isCaughtUp == expected)
  }

  @Test("what was waited for has come, whatever followed it")
  func goalBeforeMore() {
    let known = status([p0: 10], journal: 9, projects: 7, models: 9)
    let ends = TopicEnds(known: [p0: PartitionEnds(low: 0, high: 10)])
    for isReached in [true, false] {
      let report = StatusReport(
        instance: "i", status: known, ends: ends, projections: ["projects", "models"], goalIsReached: isReached)
      #expect(report.isCaughtUp == isReached)
    }
  }

  @Test("nobody is caught up with what Kafka did not tell")
  func unknownEnds() {
    for partitions: [TopicPartition: Int64] in [[p0: 10], [:]] {
      let report = StatusReport(
        instance: "i", status: status(partitions, journal: 7, projects: 7, models: 7), ends: nil,
        projections: ["projects", "models"])
      #expect(!report.isCaughtUp)
      #expect(report.text.hasPrefix("i, pleat \(pleatVersion): what Kafka holds is not known, watermark "))
    }
    let failures = ["t", "u"].map { CommandFailure(.unavailable, "the topic \($0) does not exist: create it.") }
    let report = StatusReport(
      instance: "i", status: status([p0: 10], journal: 7, projects: 7, models: 7), ends: TopicEnds(failures: failures),
      projections: ["projects", "models"])
    #expect(!report.isCaughtUp)
    #expect(report.text.hasPrefix("i, pleat \(pleatVersion): what Kafka holds is not known, watermark "))
    for failure in failures { #expect(report.text.contains("\n\(failure.message)\n")) }
  }

  @Test(
    "nobody is caught up where one broker is silent, and its partitions are named beside what is known of the others")
  func silentBroker() {
    var known = status([p0: 10, p1: 4], journal: 7, projects: 7, models: 7)
    for index in known.partitions.indices { known.partitions[index].endOffset = 4 }
    let ends = TopicEnds(
      known: [p0: PartitionEnds(low: 0, high: 10)],
      failures: [CommandFailure(.unavailable, "the end of t/1 is not known: nobody answers")])
    let report = StatusReport(instance: "i", status: known, ends: ends, projections: ["projects", "models"])
    #expect(!report.isCaughtUp)
    #expect(report.text.hasPrefix("i, pleat \(pleatVersion): what Kafka holds is known in part, watermark "))
    #expect(report.text.contains("\nthe end of t/1 is not known: nobody answers\n"))
    #expect(throws: CommandFailure.self) { try ends.all() }
  }

  @Test("partitions that their topic does not have any more are named, where all brokers answer, and hold nobody up")
  func gone() {
    var known = status([p0: 10, p1: 4], journal: 7, projects: 7, models: 7)
    var ends = TopicEnds(known: [p0: PartitionEnds(low: 0, high: 10)])
    func report() -> StatusReport {
      StatusReport(instance: "i", status: known, ends: ends, projections: ["projects", "models"])
    }
    // The ends are older than the partition.
    #expect(report().warnings.isEmpty)
    known.partitions[1].owner = nil
    #expect(report().warnings == ["t/1 is gone: its topic was made anew, and has fewer partitions now."])
    for state in ["stopped", "alarm"] {
      known.partitions[1].state = state
      known.partitions[1].endOffset = 9
      #expect(report().isCaughtUp)
      var goal = CatchUpGoal(ends: ends.known, projections: ["projects", "models"])
      #expect(isReached(&goal, known))
    }
    ends.failures = [CommandFailure(.unavailable, "the end of t/1 is not known")]
    #expect(report().warnings.isEmpty && !report().isCaughtUp)
    // Of a topic that nobody is told to read any more.
    ends.failures = []
    known.partitions[1].partition = TopicPartition("old", 0)
    #expect(report().warnings.isEmpty && report().isCaughtUp)
    known.partitions[1].owner = "b"
    #expect(!report().isCaughtUp)
  }

  @Test("who holds a snapshot for long is named")
  func snapshot() {
    var held = status([p0: 10], journal: 7, projects: 7, models: 7)
    held.oldSnapshots = [.init(pid: 42, login: "ann", application: "psql", seconds: 190)]
    let report = StatusReport(instance: "i", status: held, ends: nil, projections: ["projects", "models"])
    #expect(report.warnings.count == 1)
    #expect(report.text.contains("Warning: backend 42 of ann (psql) has held a snapshot for 3 min"))
  }

  @Test("a partition with an alarm is not caught up, however far it was read")
  func alarm() {
    var stands = status([p0: 12], journal: 7, projects: 7, models: 7)
    stands.partitions[0].state = "alarm"
    let ends = [p0: PartitionEnds(low: 0, high: 10)]
    let report = StatusReport(
      instance: "i", status: stands, ends: TopicEnds(known: ends), projections: ["projects", "models"])
    #expect(!report.isCaughtUp)
    var goal = CatchUpGoal(ends: ends, projections: ["projects", "models"])
    #expect(!isReached(&goal, stands))
  }

  @Test("--json is one object of the members that the design lists")
  func json() {
    let report = StatusReport(
      instance: "i", status: status([p0: 8], journal: 7, projects: 7, models: nil),
      ends: TopicEnds(known: [p0: PartitionEnds(low: 0, high: 10), p1: PartitionEnds(low: 4, high: 4)]),
      projections: ["projects"])
    #expect(
      report.json.description
        == #"{"instance":"i","version":"\#(pleatVersion)","caught_up":false,"watermark":"1970-01-01T00:00:01Z","#
        + #""partitions":[{"topic":"t","partition":0,"position":8,"end_offset":10,"lag":2,"owner":"a","state":"running","#
        + #""duplicates":2,"dead_letters":3},{"topic":"t","partition":1,"position":4,"end_offset":4,"lag":0,"owner":null,"#
        + #""state":"stopped","duplicates":0,"dead_letters":0}],"projections":[{"projection":"projects","generation":1,"#
        + #""position":7,"watermark":"1970-01-01T00:00:00Z","behind_positions":0,"behind_seconds":1.5,"updated_at":null,"#
        + #""state":"live","reason":null}],"relay":{"state":"running","delivery":"exactly_once","behind":0}}"#)
  }

  @Test(
    "base64 is RFC 4648's",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"), ("\u{FF}\u{0}", "w78A"),
    ])
  func base64(text: String, expected: String) {
    #expect(Service.base64(Array(text.utf8)) == expected)
  }
}
