import Engine
import Events

final class SimulatedLeaseStore: LeaseStore {
  private let world: World
  private let process: Process
  private let connection: Connection

  init(_ world: World, _ process: Process) {
    (self.world, self.process) = (world, process)
    connection = Connection(world, process, "leases")
  }

  func register(name: String) throws(StoreError) -> InstanceID {
    let last = try connection.call("last start") { session throws(StoreError) in session.state.instances[name]?.start }
    let start = try connection.call("register") { session throws(StoreError) in
      try session.registerInstance(name, after: last)
    }
    let id = InstanceID(name: name, start: start)
    if world.instances.contains(where: { $0.isRunning && $0.process !== process && $0.leases.instance == id }) {
      world.violation("two run as \(name), start \(start)")
    }
    return id
  }
  func heartbeat(
    _ instance: InstanceID, seconds: Int, resources: [String], held: [String], renew: [String], release: [String]
  ) throws(StoreError) -> HeartbeatReply {
    try connection.call("heartbeat") { session throws(StoreError) in
      try session.heartbeat(
        instance, seconds: seconds, resources: resources, held: held, renew: renew, release: release)
    }
  }
  func acquire(_ instance: InstanceID, seconds: Int, resources: [String]) throws(StoreError) -> [String] {
    try connection.call("acquire") { session throws(StoreError) in
      try session.acquireLeases(instance, seconds: seconds, resources)
    }
  }
  func leave(_ instance: InstanceID) throws(StoreError) {
    try connection.call("leave") { session throws(StoreError) in try session.leave(instance) }
  }
}
