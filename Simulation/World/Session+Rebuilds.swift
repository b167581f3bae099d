import Engine

/// The functions of `0006_generations.sql`, written after the SQL.
extension Session {
  private func generation(_ projection: String, _ number: Int32) -> DatabaseState.GenerationKey {
    DatabaseState.GenerationKey(projection: projection, number: number)
  }

  private static func resource(_ projection: String) -> String { LeaseResource.rebuildPrefix + projection }

  func liveGeneration(_ projection: String) -> LiveGeneration? {
    guard let number = state.live[projection], let row = state.generations[generation(projection, number)] else {
      return nil
    }
    return LiveGeneration(
      generation: number, position: row.place.position, foldVersion: row.version, catalogVersion: 1,
      hasCurrentKey: true,
      hasOld: state.generations.contains { $0.key.projection == projection && $0.value.phase == .old })
  }

  /// `pleat.claim_rebuild`
  func claimRebuild(_ projection: String, _ owner: InstanceID, seconds: Int) throws(StoreError) {
    let resource = Self.resource(projection)
    try lock(.lease(resource))
    if state.leases[resource]?.owner != owner {
      guard !world.holds(.rebuildLease) else { throw .lost("the rebuild of \(projection) is no more \(owner.name)'s") }
      world.violation("\(owner.name) goes on with the rebuild of \(projection), which is no more its own")
    }
    let until = database.clock + Int64(seconds) * 1_000_000
    change { $0.leases[resource]?.until = until }
  }

  /// `pleat.begin_rebuild`
  func beginRebuild(
    _ projection: String, _ owner: InstanceID, seconds: Int, version: Int
  ) throws(StoreError) -> ProjectionCursor {
    try requireUnclaimed(projection, by: owner)
    for number in making(projection) { try lock(.generation(projection, number), endsBlockers: true) }
    guard let number = state.live[projection], let live = state.generations[generation(projection, number)] else {
      throw .refused("nothing of \(projection) is folded yet: there is nothing to rebuild")
    }
    guard version >= live.version || !world.holds(.versionsOnlyGrow) else {
      throw .foreign("generation \(number) of \(projection) was folded by a higher version")
    }
    for number in making(projection)
    where (state.generations[generation(projection, number)]?.version ?? 0) < live.version {
      try giveUp(projection, number)
    }
    let own: (number: Int32, row: DatabaseState.Generation)
    if let found = try takeMaking(projection, version: version) {
      own = found
    } else {
      let numbers = state.generations.keys.filter { $0.projection == projection }.map(\.number)
      own = ((numbers.max() ?? 0) + 1, DatabaseState.Generation(version: version, phase: .making, epoch: 1))
      // The primary key: whoever inserts it as well is waited for.
      try lock(.generation(projection, own.number), endsBlockers: true)
      guard state.generations[generation(projection, own.number)] == nil else {
        throw .lost("somebody else has begun to rebuild \(projection)")
      }
    }
    let resource = Self.resource(projection)
    try lock(.lease(resource), endsBlockers: true)
    try requireUnclaimed(projection, by: owner)
    let until = database.clock + Int64(seconds) * 1_000_000
    let key = generation(projection, own.number)
    change { [self] in
      $0.leases[resource] = DatabaseState.LeaseRecord(owner: owner, until: until, backend: self)
      $0.generations[key] = own.row
    }
    world.count(.rebuild)
    return ProjectionCursor(generation: own.number, epoch: own.row.epoch, place: own.row.place)
  }

  /// `pleat.rebuilt_by_another`
  private func requireUnclaimed(_ projection: String, by owner: InstanceID) throws(StoreError) {
    guard let lease = state.leases[Self.resource(projection)], let other = lease.owner, other != owner else { return }
    if lease.until > database.clock || lease.backend?.isAtWork == true {
      throw .lost("\(projection) is being rebuilt by \(other.name)")
    }
  }

  private func numbers(_ projection: String, in phase: DatabaseState.Phase) -> [Int32] {
    state.generations.filter { $0.key.projection == projection && $0.value.phase == phase }.map(\.key.number)
  }
  private func making(_ projection: String) -> [Int32] { numbers(projection, in: .making) }

  private func giveUp(_ projection: String, _ number: Int32) throws(StoreError) {
    try lock(.generation(projection, number), endsBlockers: true)
    let key = generation(projection, number)
    guard state.generations[key]?.phase == .making else { return }
    change {
      $0.generations[key]?.phase = .old
      $0.generations[key]?.epoch += 1
    }
  }

  /// The one in the making of this version, its epoch raised, if it fits the journal.
  private func takeMaking(
    _ projection: String, version: Int
  ) throws(StoreError) -> (number: Int32, row: DatabaseState.Generation)? {
    let numbers = making(projection).filter { state.generations[generation(projection, $0)]?.version == version }
    guard let number = numbers.first else { return nil }
    try lock(.generation(projection, number), endsBlockers: true)
    guard var row = state.generations[generation(projection, number)], row.phase == .making else { return nil }
    if world.holds(.rebuildRaisesEpoch) { row.epoch += 1 }
    // Retention, which there is none of here, may have dropped what would come next.
    if state.journal.has(row.place.position, row.place.chain) { return (number, row) }
    row.phase = .old
    let key = generation(projection, number)
    let given = row
    change { $0.generations[key] = given }
    return nil
  }

  /// `pleat.seize_projection`
  func seizeProjection(_ projection: String, _ owner: InstanceID, seconds: Int) throws(StoreError) -> SeizedGeneration {
    guard let number = state.live[projection] else { throw .refused("\(projection) has no live generation") }
    let key = generation(projection, number)
    try lock(.generation(projection, number), endsBlockers: true)
    guard var row = state.generations[key], row.phase == .live || !world.holds(.livePhase) else {
      throw .lost("another generation of \(projection) has become live")
    }
    row.epoch += 1
    let seized = row
    change { $0.generations[key] = seized }
    try claimRebuild(projection, owner, seconds: seconds)
    let resource = LeaseResource.projection(projection)
    try lock(.lease(resource))
    let lease = state.leases[resource]
    let holder = lease.flatMap { $0.until > database.clock ? $0.owner : nil }
    let until = database.clock + Int64(seconds) * 1_000_000
    change { $0.leases[resource] = DatabaseState.LeaseRecord(owner: owner, until: until) }
    world.count(.seizure)
    return SeizedGeneration(
      cursor: ProjectionCursor(generation: number, epoch: row.epoch, place: row.place), holder: holder)
  }

  /// `pleat.return_projection`
  func returnProjection(
    _ projection: String, _ owner: InstanceID, to holder: InstanceID?, seconds: Int
  ) throws(StoreError) {
    let resource = LeaseResource.projection(projection)
    try lock(.lease(resource))
    guard state.leases[resource]?.owner == owner else { return }
    let now = database.clock
    let lives = holder.map {
      state.instances[$0.name]?.start == $0.start && (state.instances[$0.name]?.until ?? 0) > now
    }
    let isBack = lives ?? false
    let backend = state.leases[resource]?.backend
    change {
      $0.leases[resource] = DatabaseState.LeaseRecord(
        owner: isBack ? holder : nil, until: isBack ? now + Int64(seconds) * 1_000_000 : 0, backend: backend)
    }
  }

  /// `pleat.swap_generation`
  func swapGeneration(
    _ projection: String, _ own: ProjectionCursor, for live: SeizedGeneration, _ owner: InstanceID, seconds: Int
  ) throws(StoreError) {
    let (liveKey, ownKey) = (generation(projection, live.cursor.generation), generation(projection, own.generation))
    try lock(.generation(projection, live.cursor.generation))
    func stands(_ row: DatabaseState.Generation) -> Bool {
      row.place.position == own.place.position && row.place.chain == own.place.chain || !world.holds(.swapPlace)
    }
    guard let old = state.generations[liveKey], old.epoch == live.cursor.epoch || !world.holds(.swapLiveEpoch),
      stands(old), old.phase == .live
    else { throw world.lost("the live generation of \(projection) is not where it was seized any more") }
    try linger()
    try lock(.generation(projection, own.generation))
    guard let new = state.generations[ownKey], new.epoch == own.epoch || !world.holds(.swapOwnEpoch), stands(new),
      new.phase == .making
    else { throw world.lost("generation \(own.generation) of \(projection) is not the caller's any more") }
    if new.epoch != own.epoch {
      world.violation("generation \(own.generation) of \(projection) is switched to by who has lost it")
    }
    guard new.version >= old.version || !world.holds(.versionsOnlyGrow) else {
      throw .foreign("a lower version never takes the place of a higher one")
    }
    guard state.live[projection] == live.cursor.generation else {
      throw .lost("generation \(live.cursor.generation) of \(projection) is not the live one")
    }
    let reign = DatabaseState.Reign(since: own.place.position, version: new.version)
    change {
      $0.generations[liveKey]?.phase = .old
      $0.generations[liveKey]?.epoch += 1
      $0.generations[ownKey]?.phase = .live
      $0.generations[ownKey]?.epoch += 1
      $0.live[projection] = own.generation
      $0.reigns[projection, default: []].append(reign)
    }
    try claimRebuild(projection, owner, seconds: seconds)
    try returnProjection(projection, owner, to: new.version == old.version ? live.holder : nil, seconds: seconds)
    afterCommit { [world] in
      if new.version < old.version {
        world.violation("a lower version takes the place of a higher one of \(projection)")
      }
      world.noteSwap(projection, from: liveKey, to: ownKey, isHigher: new.version > old.version)
    }
  }

  /// `pleat.end_rebuild`
  func endRebuild(_ projection: String, _ owner: InstanceID) throws(StoreError) {
    let resource = Self.resource(projection)
    try lock(.lease(resource))
    guard state.leases[resource]?.owner == owner else { return }
    change { $0.leases[resource] = DatabaseState.LeaseRecord() }
  }

  /// `pleat.discard_rebuild`
  func discardRebuild(_ projection: String) throws(StoreError) {
    let resource = Self.resource(projection)
    func requireNobody() throws(StoreError) {
      guard let lease = state.leases[resource], lease.owner != nil, lease.until > database.clock else { return }
      throw .lost("somebody is rebuilding \(projection)")
    }
    try requireNobody()
    for number in making(projection) { try giveUp(projection, number) }
    try lock(.lease(resource))
    try requireNobody()
  }

  /// Rows of one statement: few, so that it is interrupted in between.
  private static let dropRows = 5

  /// `pleat.drop_old_generation`
  func dropOldGeneration(_ projection: String) throws(StoreError) -> Bool {
    guard let number = numbers(projection, in: .old).min() else { return false }
    let key = generation(projection, number)
    try lock(.generation(projection, number))
    guard state.generations[key]?.phase == .old else { return false }
    for name in ["seen", "tally"] {
      let table = TableKey(projection: projection, generation: number, table: name)
      guard let rows = state.tables[table], !rows.current.isEmpty || !rows.versions.isEmpty else { continue }
      let places = rows.current.keys.sorted().prefix(Self.dropRows)
      change {
        for place in places { $0.tables[table]?.current[place] = nil }
        if places.isEmpty { $0.tables[table]?.versions = [] }
      }
      return true
    }
    change {
      $0.turns[key] = nil
      $0.generations[key] = nil
      for name in ["seen", "tally"] {
        $0.tables[TableKey(projection: projection, generation: number, table: name)] = nil
      }
    }
    afterCommit { [world] in world.count(.drop) }
    return true
  }
}
