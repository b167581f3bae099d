import Engine

/// For schedules that are written out: nothing goes wrong by itself, and what is to happen is said step by step.
extension World {
  /// A schedule that does not come to its point within so long, in virtual seconds, is a failure.
  private static let patienceNanoseconds: Int64 = 120_000_000_000
  private static let lookNanoseconds: Int64 = 1_000_000

  /// Lets the world go on until it holds; a violation if it never does.
  func wait(_ what: String, until holds: () -> Bool) {
    let deadline = scheduler.now + Self.patienceNanoseconds
    while !holds(), !scheduler.isEnding {
      guard scheduler.now < deadline else { return violation("the schedule does not come to: \(what)") }
      scheduler.sleep(Self.lookNanoseconds)
    }
  }

  func pass(seconds: Double) { scheduler.sleep(Int64(seconds * 1e9)) }

  /// Before the `nth` such call of processes of this name, once.
  func before(_ what: String, of name: String = "", nth: Int = 1, _ act: @escaping (Process) -> Void) {
    var left = nth
    let earlier = onCall
    onCall = { process, call in
      earlier?(process, call)
      guard left > 0, call.hasPrefix(what), process.name.hasPrefix(name) else { return }
      left -= 1
      if left == 0 { act(process) }
    }
  }

  /// SIGSTOP, and SIGCONT so much later. Of the process that is running now, at once.
  func stop(_ process: Process, seconds: Double) {
    trace("-- \(process.name) is stopped for \(seconds) s")
    process.pausedUntil = scheduler.now + Int64(seconds * 1e9)
    if scheduler.current.process === process { scheduler.sleep(1) }
  }

  func kill(_ process: Process) {
    trace("-- \(process.name) is killed")
    process.die(scheduler)
    for session in process.sessions where !session.isTerminated { session.terminate() }
  }

  /// Events of somebody, in order, hours apart so that turns come.
  func write(
    _ count: Int, of person: String? = nil, to partition: TopicPartition? = nil, id: String? = nil,
    secondsApart: Int64 = 3_600, source: Int? = nil
  ) {
    for _ in 0..<count {
      producers.write(to: partition ?? inputs[0], of: person, id: id, secondsLater: secondsApart, source: source)
    }
  }

  var isFolded: Bool { Checks(self).isCaughtUp }

  /// What a `read_committed` reader of the output topics has.
  var publishedCount: Int {
    (0..<SimulatedOutputLog.outputPartitions).map { TopicPartition(SimulatedOutputLog.eventsTopic, $0) }
      .reduce(broker.committed(TopicPartition(SimulatedOutputLog.teamsTopic, 0)).count) {
        $0 + broker.committed($1).filter { $0.id != nil }.count
      }
  }

  func owner(of resource: String) -> InstanceID? { database.state.leases[resource]?.owner }

  func instance(_ name: String) -> Instance? { instances.last { $0.name == name && $0.isRunning } }

  func times(_ kind: FaultKind) -> Int { faults.first { $0.kind == kind }?.count ?? 0 }

  func expect(_ condition: Bool, _ what: String) { if !condition { violation("not as it should be: \(what)") } }
}
