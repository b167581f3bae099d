import Engine

/// A generation in the making.
extension SimulatedProjectionStore: RebuildStore {
  func liveGeneration() throws(StoreError) -> LiveGeneration? {
    try idle.call("live generation") { [projection] session throws(StoreError) in session.liveGeneration(projection) }
  }

  func beginRebuild(_ owner: InstanceID, seconds: Int, acceptLoss: Bool) throws(StoreError) -> ProjectionCursor {
    reset()
    let cursor = try writer.call("begin of a rebuild") { [projection, version] session throws(StoreError) in
      try session.beginRebuild(projection, owner, seconds: seconds, version: version)
    }
    generation = cursor.generation
    return cursor
  }

  func renewRebuild(_ owner: InstanceID, seconds: Int) throws(StoreError) {
    try idle.call("renewal of a rebuild") { [projection] session throws(StoreError) in
      try session.claimRebuild(projection, owner, seconds: seconds)
    }
  }

  func seizeLive(_ owner: InstanceID, seconds: Int) throws(StoreError) -> SeizedGeneration {
    try writer.call("seizure") { [projection] session throws(StoreError) in
      try session.seizeProjection(projection, owner, seconds: seconds)
    }
  }

  func returnLive(_ owner: InstanceID, _ live: SeizedGeneration, seconds: Int) throws(StoreError) {
    try idle.call("return of the live fold") { [projection] session throws(StoreError) in
      try session.returnProjection(projection, owner, to: live.holder, seconds: seconds)
    }
  }

  func swap(
    _ own: ProjectionCursor, for live: SeizedGeneration, _ owner: InstanceID, seconds: Int
  ) throws(StoreError) {
    try writer.call("swap") { [projection] session throws(StoreError) in
      try session.swapGeneration(projection, own, for: live, owner, seconds: seconds)
    }
  }

  func endRebuild(_ owner: InstanceID) throws(StoreError) {
    try idle.call("end of a rebuild") { [projection] session throws(StoreError) in
      try session.endRebuild(projection, owner)
    }
  }

  func dropOld() throws(StoreError) -> Bool {
    try writer.call("drop of an old generation") { [projection] session throws(StoreError) in
      try session.dropOldGeneration(projection)
    }
  }
}
