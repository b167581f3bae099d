package import Engine
import Projections

/// A generation in the making, where the functions of `0006_generations.sql` keep it.
extension PostgresProjectionStore: RebuildStore {
  /// Rows of an old generation deleted in one transaction.
  private static let dropRows: Int32 = 5_000
  /// Under load the live fold keeps its transaction open for so long; then it writes the rest, and commits.
  private static let livePatienceMilliseconds =
    Int32(ProjectionSettings.loadedFlushNanoseconds / 1_000_000) + restMilliseconds
  private static let restMilliseconds: Int32 = 5_000

  package func liveGeneration() throws(StoreError) -> LiveGeneration? {
    try Self.liveGeneration(of: projection, idle)
  }

  static func liveGeneration(of projection: String, _ connection: StoreConnection) throws(StoreError)
    -> LiveGeneration?
  {
    try connection.query(
      """
      SELECT c.generation, c.position, c.fold_version, c.catalog_version,
        c.key_digest = (SELECT sha256(s.hash_key) FROM pleat.secrets s),
        EXISTS (SELECT FROM pleat.projection_cursors o WHERE o.projection = $1 AND o.phase = 'old')
      FROM pleat.live_generations g JOIN pleat.projection_cursors c USING (projection, generation)
      WHERE g.projection = $1
      """, [.text(projection)]
    ).map { row in
      LiveGeneration(
        generation: row.int() ?? 0, position: row.bigint() ?? 0, foldVersion: Int(row.int() ?? 0),
        catalogVersion: Int(row.int() ?? 0), hasCurrentKey: row.bool() ?? false, hasOld: row.bool() ?? false)
    }.first
  }

  package func beginRebuild(_ owner: InstanceID, seconds: Int, acceptLoss: Bool) throws(StoreError) -> ProjectionCursor
  {
    reset()
    let cursors = try store.queryEndingBlockers(
      """
      SELECT own_generation, new_epoch, at_position, at_chain, at_greatest_time, at_last_day_turn
      FROM pleat.begin_rebuild($1, $2, $3, $4, $5, $6, $7)
      """,
      [
        .text(projection), .text(owner.name), .bigint(owner.start), .int(Int32(seconds)), .int(foldVersion),
        .int(catalogVersion), .bool(acceptLoss),
      ]
    ).map { Self.cursor(&$0) }
    guard let cursor = cursors.first else { throw .refused("a rebuild of \(projection) has no cursor") }
    generation = cursor.generation
    return cursor
  }

  static func cursor(_ row: inout RowReader) -> ProjectionCursor {
    ProjectionCursor(
      generation: row.int() ?? 0, epoch: row.bigint() ?? 0,
      place: ProjectionPlace(
        position: row.bigint() ?? 0, chain: row.bytea() ?? [], greatestTime: row.timestamptz(),
        lastDayTurn: row.bigint() ?? 0))
  }

  package func renewRebuild(_ owner: InstanceID, seconds: Int) throws(StoreError) {
    _ = try idle.query(
      "SELECT pleat.renew_rebuild($1, $2, $3, $4)",
      [.text(projection), .text(owner.name), .bigint(owner.start), .int(Int32(seconds))])
  }

  package func seizeLive(_ owner: InstanceID, seconds: Int) throws(StoreError) -> SeizedGeneration {
    let seized = try store.queryEndingBlockers(
      """
      SELECT live_generation, new_epoch, at_position, at_chain, at_greatest_time, at_last_day_turn, previous_owner,
        previous_start
      FROM pleat.seize_projection($1, $2, $3, $4)
      """, [.text(projection), .text(owner.name), .bigint(owner.start), .int(Int32(seconds))],
      patienceMilliseconds: Self.livePatienceMilliseconds
    ).map { row in
      let cursor = Self.cursor(&row)
      let name = row.text()
      let start = row.bigint()
      return SeizedGeneration(cursor: cursor, holder: name.map { InstanceID(name: $0, start: start ?? 0) })
    }
    guard let live = seized.first else { throw .refused("\(projection) has no live generation") }
    return live
  }

  package func returnLive(_ owner: InstanceID, _ live: SeizedGeneration, seconds: Int) throws(StoreError) {
    _ = try idle.query(
      "SELECT pleat.return_projection($1, $2, $3, $4, $5, $6)",
      [
        .text(projection), .text(owner.name), .bigint(owner.start), .int(Int32(seconds)), .text(live.holder?.name),
        .bigint(live.holder?.start),
      ])
  }

  package func swap(_ own: ProjectionCursor, for live: SeizedGeneration, _ owner: InstanceID, seconds: Int)
    throws(StoreError)
  {
    _ = try store.query(
      "SELECT pleat.swap_generation($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
      [
        .text(projection), .int(live.cursor.generation), .bigint(live.cursor.epoch), .int(own.generation),
        .bigint(own.epoch), .bigint(own.place.position), .bytea(own.place.chain), .text(owner.name),
        .bigint(owner.start), .int(Int32(seconds)), .text(live.holder?.name), .bigint(live.holder?.start),
      ])
  }

  package func endRebuild(_ owner: InstanceID) throws(StoreError) {
    _ = try idle.query(
      "SELECT pleat.end_rebuild($1, $2, $3)", [.text(projection), .text(owner.name), .bigint(owner.start)])
  }

  package func dropOld() throws(StoreError) -> Bool {
    let counts = try store.query(
      "SELECT pleat.drop_old_generation($1, $2)", [.text(projection), .int(Self.dropRows)]
    ).map { $0.bigint() ?? 0 }
    return (counts.first ?? 0) > 0
  }
}

extension PostgresProjectionStore {
  /// Gives the projection up: an empty generation, which it returns, is the live one, and nothing waits for it. What it had is for
  /// `dropOld`. `.refused`: somebody folds it, or nobody ever did.
  package func retire() throws(StoreError) -> Int32 {
    try store.query("SELECT pleat.retire_projection($1)", [.text(projection)]).map { $0.int() ?? 0 }.first ?? 0
  }

  /// Gives up the generations in the making; returns how many there were. `.lost`: somebody is at it.
  package func discardRebuild() throws(StoreError) -> Int {
    Int(try store.query("SELECT pleat.discard_rebuild($1)", [.text(projection)]).map { $0.int() ?? 0 }.first ?? 0)
  }
}

extension PostgresProjectionStore {
  /// The position at which a generation became live: derived events behind it are its own.
  package func liveSince(_ generation: Int32) throws(StoreError) -> Int64 {
    let since = try idle.query(
      "SELECT live_since FROM pleat.projection_cursors WHERE projection = $1 AND generation = $2",
      [.text(projection), .int(generation)]
    ).map { $0.bigint() }
    guard let position = since.first ?? nil else {
      throw .lost("generation \(generation) of \(projection) is not live any more")
    }
    return position
  }
}
