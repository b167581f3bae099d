package import Engine
import Events
import Projections

/// The outbox and the relay's cursor in PostgreSQL.
package final class PostgresOutboxStore: OutboxStore {
  private let store: StoreConnection

  package init(_ target: ConnectionTarget, onNotice: @escaping (String) -> Void = { _ in }) {
    store = StoreConnection(target, onNotice: onNotice)
  }

  package func takeOver(instance: InstanceID) throws(StoreError) -> RelayCursor {
    let epochs = try store.queryEndingBlockers(
      "SELECT pleat.take_over_relay($1, $2)", [.text(instance.name), .bigint(instance.start)]
    ).map { $0.bigint() }
    guard let epoch = epochs.first ?? nil else { throw .refused("a takeover of the relay has no epoch") }
    var places: [String: RelayPlace] = [:]
    let stored = try store.query(
      """
      SELECT projection, position, ordinal, chain, checked_until, passed_position, passed_chain
      FROM pleat.relay_places
      """)
    stored.eachRow { row in
      let projection = row.text() ?? ""
      var place = RelayPlace(
        position: row.bigint() ?? 0, ordinal: row.int() ?? -1, chain: row.bytea() ?? [],
        checkedUntil: row.timestamptz())
      if let position = row.bigint(), let chain = row.bytea() {
        place.passed = RelayPlace.Passed(position: position, chain: chain)
      }
      places[projection] = place
    }
    return RelayCursor(epoch: epoch, places: places, publishAfter: try publishAfter())
  }

  package func publishAfter() throws(StoreError) -> Int64? {
    try store.query("SELECT live_from FROM pleat.installation").map { $0.bigint() }.first ?? nil
  }

  package func entries(_ projection: String, after place: RelayPlace, limit: Int) throws(StoreError) -> [OutboxEntry] {
    let found = try store.query(
      """
      SELECT position, ordinal, chain, topic, subject, id, as_of, json
      FROM pleat.outbox WHERE projection = $1 AND (position, ordinal) > ($2, $3)
      ORDER BY position, ordinal LIMIT $4
      """, [.text(projection), .bigint(place.position), .int(place.ordinal), .bigint(Int64(limit))])
    var entries: [OutboxEntry] = []
    entries.reserveCapacity(found.rowCount)
    try found.eachRow { (row: inout RowReader) throws(StoreError) in
      let position = row.bigint() ?? 0
      let ordinal = row.int() ?? 0
      let chain = row.bytea() ?? []
      guard let topic = OutputTopic(rawValue: UInt8(clamping: row.smallint() ?? -1)) else {
        throw .refused(
          "the outbox entry \(projection)/\(position)/\(ordinal) has a topic that this version does not know")
      }
      entries.append(
        OutboxEntry(
          position: position, ordinal: ordinal, chain: chain, topic: topic,
          subject: row.text() ?? "", id: row.text() ?? "",
          asOf: row.timestamptz() ?? Timestamp(microseconds: 0), json: row.text() ?? ""))
    }
    return entries
  }

  package func journalHas(chain: [UInt8], at position: Int64) throws(StoreError) -> Bool {
    let answers = try store.query("SELECT pleat.journal_has($1, $2)", [.bigint(position), .bytea(chain)])
    return answers.map { $0.bool() ?? false }.first ?? false
  }

  package func foldedPlaces() throws(StoreError) -> [String: ProjectionPlace] {
    var places: [String: ProjectionPlace] = [:]
    let found = try store.query(
      """
      SELECT projection, position, chain, greatest_time, last_day_turn
      FROM pleat.live_generations JOIN pleat.projection_cursors USING (projection, generation)
      """)
    found.eachRow { row in
      places[row.text() ?? ""] = ProjectionPlace(
        position: row.bigint() ?? 0, chain: row.bytea() ?? [], greatestTime: row.timestamptz(),
        lastDayTurn: row.bigint() ?? 0)
    }
    return places
  }

  package func move(epoch: Int64, places: [String: RelayPlace], state: String, delivery: String) throws(StoreError) {
    var projections = ArrayBuilder(.text)
    var positions = ArrayBuilder(.bigint)
    var ordinals = ArrayBuilder(.integer)
    var chains = ArrayBuilder(.bytea)
    var checkedUntil = ArrayBuilder(.timestamptz)
    var passedPositions = ArrayBuilder(.bigint)
    var passedChains = ArrayBuilder(.bytea)
    for (projection, place) in places.sorted(by: { $0.key < $1.key }) {
      projections.append(text: projection)
      positions.append(bigint: place.position)
      ordinals.append(int: place.ordinal)
      chains.append(bytea: place.chain)
      checkedUntil.append(timestamptz: place.checkedUntil)
      passedPositions.append(bigint: place.passed?.position)
      passedChains.append(bytea: place.passed?.chain)
    }
    _ = try store.query(
      "SELECT pleat.move_relay($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
      [
        .bigint(epoch), .text(state), .text(delivery), .array(projections), .array(positions), .array(ordinals),
        .array(chains), .array(checkedUntil), .array(passedPositions), .array(passedChains),
      ])
  }

  package func fail(epoch: Int64, delivery: String, reason: String) throws(StoreError) {
    _ = try store.query("SELECT pleat.fail_relay($1, $2, $3)", [.bigint(epoch), .text(delivery), .text(reason)])
  }

  package func reset() { store.reset() }
}
