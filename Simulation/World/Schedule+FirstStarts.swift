import Engine

/// What the first start stores is all that is known of a topic before anything of it is read.
extension Schedule {
  static let firstStarts: [Schedule] = [false, true].map(shortened) + [forgotten]

  private static func shortened(_ isTruncated: Bool) -> Schedule {
    Schedule(
      "a topic \(isTruncated ? "truncated" : "made anew, shorter,") between the first start and its first reading",
      instances: 0, publishAll: false
    ) { world in
      let partition = world.inputs[0]
      world.write(40)
      // Behind the question about its beginnings.
      world.before("cursor", of: "i0", nth: world.inputs.count + 1) { _ in
        world.disturb(partition, replaced: true)
        if isTruncated { return world.broker.truncate(partition, at: 20) }
        makeAnew(partition, world)
        world.write(10)
      }
      Instance.start("i0", in: world)
      expectSkip(world)
    }
  }

  private static let forgotten = Schedule(
    "a database that went back to before its first start, and a topic that is then made anew, shorter",
    instances: 0, publishAll: false
  ) { world in
    let partition = world.inputs[0]
    let empty = world.database.state
    Instance.start("i0", in: world)
    world.write(40)
    world.wait("everything is folded") { world.isFolded }
    // Somebody has started it, and everybody is gone: nothing of it is read yet.
    world.before("takeover of \(partition)", of: "i0") { world.kill($0) }
    if let instance = world.instance("i0") { world.kill(instance.process) }
    world.database.restart(awayFor: 100_000_000, with: empty)
    Instance.start("i0", in: world)
    world.wait("its beginnings are stored, and it is gone") {
      world.database.state.isPublishing != nil && world.instance("i0") == nil
    }
    world.disturb(partition, replaced: true)
    makeAnew(partition, world)
    world.write(10)
    Instance.start("i0", in: world)
    expectSkip(world)
  }

  private static func makeAnew(_ partition: TopicPartition, _ world: World) {
    world.broker.delete(partition)
    world.broker.recreate(partition)
  }

  private static func expectSkip(_ world: World) {
    world.wait("it is noticed") { world.times(.alarm) == 1 }
    world.wait("somebody decides") { world.times(.skip) == 1 }
    world.wait("everything is folded") { world.isFolded }
    let before = world.publishedCount
    world.write(40)
    world.wait("everything is folded") { world.isFolded }
    world.expect(world.publishedCount > before && world.times(.alarm) == 1, "what comes now is published")
  }
}
