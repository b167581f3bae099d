import Engine

/// Somebody who watches for alarms and decides, as `pleat skip` does.
final class Operator {
  private let world: World
  private static let patienceNanoseconds: Int64 = 25_000_000_000

  init(_ world: World) { self.world = world }

  func start() {
    world.scheduler.spawn("operator") { [world] in
      while !world.scheduler.isEnding {
        world.scheduler.sleep(world.scheduler.random.nanoseconds(0.3...1.5))
        for partition in world.inputs where world.database.state.partitions[partition]?.state == .alarm {
          Self.decide(partition, world)
        }
      }
    }
  }

  /// Who has asked for an erasure asks again while it is not done: what a `forget` has left that was killed may need the id.
  func watchErasures() {
    world.scheduler.spawn("owner") { [world] in
      while !world.scheduler.isEnding {
        for erasure in world.newestErasures {
          // That may be an earlier one, which began late, when the newest was done.
          let isLeft = world.database.state.erasures.values.contains {
            $0.record.hash == erasure.record.hash && $0.position == nil && $0.busyUntil <= world.database.clock
          }
          if isLeft { Forgetting.start(erasure.person, in: world) }
        }
        world.scheduler.sleep(Self.patienceNanoseconds)
      }
    }
  }

  private static func decide(_ partition: TopicPartition, _ world: World) {
    guard world.database.awayUntil <= world.scheduler.now, let log = world.broker.log(partition),
      let row = world.database.state.partitions[partition]
    else { return }
    var choices = [log.low, log.low, log.low]
    if world.isTroubled { choices += [log.high, (log.low + log.high) / 2] }
    if log.low <= row.nextOffset, row.nextOffset <= log.high { choices.append(row.nextOffset) }
    let to = world.scheduler.random.pick(choices)
    let session = world.database.open(for: "operator")
    defer { session.terminate() }
    do throws(StoreError) {
      try session.execute { session throws(StoreError) in
        // Decided for what stood there: if somebody else decided meanwhile, not again.
        try session.lock(.erasures)
        try session.lock(.partition(partition))
        guard session.state.partitions[partition]?.state == .alarm else { return }
        try session.skip(partition, to: to, end: log.high)
      }
      world.trace("operator: \(partition) goes on at \(to)")
    } catch {
      world.trace("operator: \(error.message)")
    }
  }
}
