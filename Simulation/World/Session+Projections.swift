import Engine
import Events
import Projections

/// The functions of `0001_core.sql` that projections and the relay call.
extension Session {
  /// `pleat.take_over_projection`
  func takeOverProjection(
    _ projection: String, _ me: InstanceID, version: Int
  ) throws(StoreError) -> ProjectionCursor {
    // As of the statement's beginning: what it waits for may be a switch to another generation.
    let isFirst = state.live[projection] == nil
    let number = state.live[projection] ?? 1
    let key = DatabaseState.GenerationKey(projection: projection, number: number)
    if world.holds(.takeoverWaits) { try lock(.generation(projection, number), endsBlockers: true) }
    // Only the first one is made here: of another, the row may be gone once it is not waited for any more.
    let found = state.generations[key] ?? (isFirst ? DatabaseState.Generation(version: version, phase: .live) : nil)
    guard var row = found, row.phase == .live || !world.holds(.livePhase) else {
      throw .lost("another generation of \(projection) has become live")
    }
    guard row.version == version || !world.holds(.ownVersion) else {
      throw .foreign("generation \(number) of \(projection) was folded by version \(row.version)")
    }
    if world.holds(.takeoverRaisesEpoch) { row.epoch += 1 }
    let taken = row
    change {
      if isFirst {
        $0.live[projection] = number
        $0.reigns[projection] = [DatabaseState.Reign(since: 0, version: taken.version)]
      }
      $0.generations[key] = taken
    }
    try claimLease(LeaseResource.projection(projection), me)
    afterCommit { [world] in
      if taken.phase != .live { world.violation("generation \(number) of \(projection) is taken over, and not live") }
    }
    return ProjectionCursor(generation: number, epoch: taken.epoch, place: taken.place)
  }

  /// `pleat.move_projection`
  func moveProjection(
    _ projection: String, _ cursor: ProjectionCursor, to place: ProjectionPlace, _ newState: ProjectionState
  ) throws(StoreError) {
    let key = DatabaseState.GenerationKey(projection: projection, number: cursor.generation)
    try lock(.generation(projection, cursor.generation))
    guard let row = state.generations[key] else {
      throw world.lost("no generation \(cursor.generation) of \(projection)")
    }
    let stands = places[key] ?? row.place
    let isThere =
      stands.position == cursor.place.position && stands.chain == cursor.place.chain
      && cursor.place.position <= place.position
    guard row.epoch == cursor.epoch || !world.holds(.projectionEpoch), isThere || !world.holds(.projectionPlace) else {
      throw world.lost("the cursor of \(projection) is not at epoch \(cursor.epoch) and \(cursor.place.position)")
    }
    guard state.journal.has(place.position, place.chain) || !world.holds(.chainValue) else {
      throw .lost("the journal does not have the events up to \(place.position)")
    }
    if row.phase == .making, let live = liveGeneration(projection), place.position > live.position {
      if world.holds(.makingStaysBehind) {
        throw world.lost("generation \(key.number) of \(projection) is not to pass the live one")
      }
      world.violation("generation \(key.number) of \(projection) passes the live one, at \(place.position)")
    }
    places[key] = place
    change {
      $0.generations[key]?.place = place
      $0.generations[key]?.state = newState
    }
  }

  /// `pleat.take_over_relay`
  func takeOverRelay(_ me: InstanceID) throws(StoreError) -> RelayCursor {
    try lock(.relayCursor, endsBlockers: true)
    let epoch = state.relayEpoch + 1
    change { $0.relayEpoch = epoch }
    try claimLease(LeaseResource.relay, me)
    return RelayCursor(epoch: epoch, places: state.relayPlaces.dictionary, publishAfter: state.liveFrom)
  }

  /// `pleat.move_relay`
  func moveRelay(epoch: Int64, places: [String: RelayPlace]) throws(StoreError) {
    try lock(.relayCursor)
    guard state.relayEpoch == epoch || !world.holds(.relayEpoch) else {
      throw world.lost("the epoch of the relay is not \(epoch) any more")
    }
    func isOfThisJournal(_ place: RelayPlace) -> Bool {
      state.journal.has(place.position, place.chain)
        && place.passed.map { state.journal.has($0.position, $0.chain) } ?? true
    }
    guard !world.holds(.relayPlaceChain) || places.values.allSatisfy(isOfThisJournal) else {
      throw .lost("the journal does not have the events that the relay has published")
    }
    for (projection, place) in places {
      let kept = state.relayPlaces[projection] ?? .beginning
      if (place.position, place.ordinal) < (kept.position, kept.ordinal) {
        world.violation("the relay's copy of \(projection) goes back from \(kept.position) to \(place.position)")
      }
      if !isOfThisJournal(place) {
        world.violation("the relay's copy of \(projection) is of another journal")
      }
    }
    change { for (projection, place) in places { $0.relayPlaces[projection] = place } }
  }

  // MARK: Rows

  /// A row as the transaction sees it.
  func row(_ table: TableKey, _ key: Int64) -> [UInt8]? { overlay[table]?[key] ?? state.tables[table]?.current[key] }

  /// Every row as the transaction sees it, in key order.
  func rows(_ table: TableKey) -> [(key: Int64, row: [UInt8])] {
    var all = state.tables[table]?.current ?? [:]
    all.merge(overlay[table] ?? [:]) { $1 }
    return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  func put(_ table: TableKey, _ rows: [(key: Int64, row: [UInt8])], replacing: Bool) throws(StoreError) {
    for (key, bytes) in rows {
      if (row(table, key) != nil) != replacing {
        throw world.constraint("row \(key) of \(table.projection)/\(table.table): \(replacing ? "missing" : "twice")")
      }
      overlay[table, default: [:]][key] = bytes
    }
    if rows.isEmpty { return }
    change { state in for (key, bytes) in rows { state.tables[table, default: TableRows()].current[key] = bytes } }
  }

  func makeVersions(_ table: TableKey, at position: Int64, since last: Int64) {
    let versions = rows(table).filter { StoredRow.position(of: $0.row) >= last }
      .map { TableRows.Version(key: $0.key, position: position, row: $0.row) }
    change { $0.tables[table, default: TableRows()].versions += versions }
  }

  func addTurn(_ projection: String, _ generation: Int32, at position: Int64) throws(StoreError) {
    let key = DatabaseState.GenerationKey(projection: projection, number: generation)
    guard state.turns[key]?.contains(position) != true else { throw world.constraint("the turn \(position) twice") }
    change { $0.turns[key, default: []].append(position) }
  }

  func addOutbox(
    _ projection: String, _ events: [DerivedEvent], at position: Int64, chain: [UInt8]
  ) throws(StoreError) {
    let entries = events.enumerated().map { ordinal, event in
      OutboxEntry(
        position: position, ordinal: Int32(ordinal), chain: chain, topic: event.topic,
        subject: event.subject, id: event.id, asOf: event.asOf, json: event.json)
    }
    guard state.outbox[projection]?.entries.contains(where: { $0.position == position }) != true else {
      throw world.constraint("the outbox has entries of \(projection) at \(position) already")
    }
    change { state in
      var all = state.outbox[projection]?.entries ?? []
      all.append(contentsOf: entries)
      // The primary key's order; a projection appends at its end, but for one that went back.
      if all.count > entries.count, all[all.count - entries.count - 1].position > position {
        all.sort { ($0.position, $0.ordinal) < ($1.position, $1.ordinal) }
      }
      state.outbox[projection] = DatabaseState.Outbox(entries: all)
    }
  }
}
