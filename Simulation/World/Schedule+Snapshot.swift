import Engine

extension Schedule {
  /// What an hour's snapshot does to a database: nothing that is replaced goes away, so that writing rows takes longer and longer, in
  /// the end longer than a lease; and what it has read stays as it was.
  static let heldSnapshot = Schedule("a snapshot held open for an hour") { world in
    let minutes = 60
    world.write(40, of: "ann")
    world.wait("everything is folded") { world.isFolded }
    let snapshot = world.database.state
    let right = DatabaseState.GenerationKey(projection: "right", number: 1)
    func epochs() -> [Int64?] {
      let state = world.database.state
      return [state.partitions[world.inputs[0]]?.epoch, state.generations[right]?.epoch]
    }
    var held: [Int64?] = []

    for minute in 1...minutes {
      world.before("rows", of: "i") { _ in world.nextSlowness = Int64(minute) * 60_000_000 }
      world.write(3, secondsApart: 1_200)
      switch minute {
      case 5: Rebuilder.start("left", in: world)
      case 10: Forgetting.start("ann", in: world)
      case 15: held = epochs()
      case 45:
        world.expect(epochs() == held, "a lease was lost")
        if let instance = world.instance("i0") { world.kill(instance.process) }
      case 46: Instance.start("i0", in: world)
      default: break
      }
      world.pass(seconds: 60)
      // Whoever has a lease is never slower than what comes in the meantime.
      world.expect(world.isFolded, "minute \(minute): \(Checks(world).whatIsBehind)")
    }
    world.expect(world.times(.overlongStatement) > minutes / 4, "no statement was longer than a lease")
    world.expect(world.database.state.live["left"] == 2, "the rebuild has not switched")
    world.expect(world.times(.erased) == 1, "ann is not erased")
    // The reader's numbers are those of its journal still.
    let checks = Checks(world, of: snapshot)
    for key in snapshot.generations.keys { checks.checkGeneration(key) }
  }
}
