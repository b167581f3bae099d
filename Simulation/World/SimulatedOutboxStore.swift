import Engine
import Events

final class SimulatedOutboxStore: OutboxStore {
  private let connection: Connection

  init(_ world: World, _ process: Process) { connection = Connection(world, process, "relay") }

  func takeOver(instance: InstanceID) throws(StoreError) -> RelayCursor {
    try connection.call("takeover of the relay") { session throws(StoreError) in try session.takeOverRelay(instance) }
  }
  func publishAfter() throws(StoreError) -> Int64? {
    try connection.call("publish after") { session throws(StoreError) in session.state.liveFrom }
  }
  func entries(_ projection: String, after place: RelayPlace, limit: Int) throws(StoreError) -> [OutboxEntry] {
    try connection.call("entries") { session throws(StoreError) in
      session.state.outbox[projection]?.entries(after: place, limit: limit) ?? []
    }
  }
  func journalHas(chain: [UInt8], at position: Int64) throws(StoreError) -> Bool {
    try connection.call("journal has") { session throws(StoreError) in session.state.journal.has(position, chain) }
  }
  func foldedPlaces() throws(StoreError) -> [String: ProjectionPlace] {
    try connection.call("folded places") { session throws(StoreError) in
      var places: [String: ProjectionPlace] = [:]
      for (projection, number) in session.state.live {
        places[projection] =
          session.state.generations[DatabaseState.GenerationKey(projection: projection, number: number)]?.place
      }
      return places
    }
  }
  func move(epoch: Int64, places: [String: RelayPlace], state: String, delivery: String) throws(StoreError) {
    try connection.call("move of the relay") { session throws(StoreError) in
      try session.moveRelay(epoch: epoch, places: places)
    }
  }
  func fail(epoch: Int64, delivery: String, reason: String) throws(StoreError) {
    try move(epoch: epoch, places: [:], state: "failed", delivery: delivery)
  }
  func reset() { connection.reset() }
}
