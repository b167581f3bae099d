package import Engine
import Projections

/// Leases in `pleat.leases`, by the database's clock.
package final class PostgresLeaseStore: LeaseStore {
  private let store: StoreConnection

  package init(_ target: ConnectionTarget, onNotice: @escaping (String) -> Void = { _ in }) {
    store = StoreConnection(target, onNotice: onNotice)
  }

  package func register(name: String) throws(StoreError) -> InstanceID {
    // What arrives late, of a connection that broke, must not take the name from whoever has registered since: itself, mostly.
    let last =
      try store.query("SELECT start FROM pleat.instances WHERE name = $1", [.text(name)])
      .map { $0.bigint() }.first ?? nil
    let result = try store.query("SELECT pleat.register_instance($1, $2)", [.text(name), .bigint(last)])
    guard let start = result.map({ $0.bigint() }).first ?? nil else { throw .refused("no start was given out") }
    return InstanceID(name: name, start: start)
  }

  package func heartbeat(
    _ instance: InstanceID, seconds: Int, resources: [String], held: [String], renew: [String], release: [String]
  ) throws(StoreError) -> HeartbeatReply {
    let result = try store.query(
      """
      SELECT status, alive, resources, owners, owner_starts
      FROM (
        SELECT status, alive, resources, array_replace(owners, NULL, '') AS owners,
               array_replace(owner_starts, NULL, 0) AS owner_starts
        FROM pleat.heartbeat($1, $2, $3, $4, $5, $6, $7)) reply
      """,
      [
        .text(instance.name), .bigint(instance.start), .int(Int32(seconds)), .texts(resources), .texts(held),
        .texts(renew), .texts(release),
      ])
    let replies = result.map { row -> HeartbeatReply in
      switch row.text() {
      case "superseded": return .superseded
      case "unknown": return .unknown
      default:
        let instances = row.texts() ?? []
        let resources = row.texts() ?? []
        let owners = row.texts() ?? []
        let starts = row.bigints() ?? []
        return .overview(
          LeaseOverview(
            instances: instances,
            leases: resources.indices.map { index in
              LeaseRow(
                resource: resources[index],
                owner: owners[index].isEmpty ? nil : InstanceID(name: owners[index], start: starts[index]))
            }))
      }
    }
    guard let reply = replies.first else { throw .refused("a heartbeat has no answer") }
    return reply
  }

  package func acquire(_ instance: InstanceID, seconds: Int, resources: [String]) throws(StoreError) -> [String] {
    try store.query(
      "SELECT resource FROM pleat.acquire_leases($1, $2, $3, $4) AS resource ORDER BY resource COLLATE \"C\"",
      [.text(instance.name), .bigint(instance.start), .int(Int32(seconds)), .texts(resources)]
    ).map { $0.text() ?? "" }
  }

  package func leave(_ instance: InstanceID) throws(StoreError) {
    _ = try store.query("SELECT pleat.leave($1, $2)", [.text(instance.name), .bigint(instance.start)])
  }
}
