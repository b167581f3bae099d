import Events

/// What the live generation is, and whether there is something to do beside it.
package struct LiveGeneration: Hashable, Sendable {
  package var generation: Int32
  package var position: Int64
  package var foldVersion: Int
  package var catalogVersion: Int
  /// Of no version: it is given up, and empty.
  package var isRetired: Bool { foldVersion == 0 }
  /// It was folded with the hash key that the installation has now.
  package var hasCurrentKey: Bool
  /// Generations that are neither live nor in the making wait to be deleted.
  package var hasOld: Bool
  package init(
    generation: Int32, position: Int64, foldVersion: Int, catalogVersion: Int, hasCurrentKey: Bool, hasOld: Bool
  ) {
    (self.generation, self.position, self.foldVersion) = (generation, position, foldVersion)
    (self.catalogVersion, self.hasCurrentKey, self.hasOld) = (catalogVersion, hasCurrentKey, hasOld)
  }
}

/// The live generation, paused by a rebuild that is about to switch.
package struct SeizedGeneration: Sendable {
  package var cursor: ProjectionCursor
  /// Whoever folded it, and gets the lease back.
  package var holder: InstanceID?
  package init(cursor: ProjectionCursor, holder: InstanceID?) { (self.cursor, self.holder) = (cursor, holder) }
}

/// A generation in the making, on connections of its own; its versions are this program's.
///
/// `owner` is whoever rebuilds, under a name that no instance has: it holds the lease `rebuild/NAME`, and for a switch the live
/// one, which the instance's own fold must not take for its own.
package protocol RebuildStore: FoldStore {
  /// nil where nothing was ever folded.
  func liveGeneration() throws(StoreError) -> LiveGeneration?
  /// Takes the lease (`.lost` if somebody has it), and takes over the generation in the making of these versions, or makes one.
  /// `.foreign`: the live generation is of a higher version. `.refused`: there is nothing to rebuild, or the journal does not
  /// begin at its beginning and `acceptLoss` is false.
  func beginRebuild(_ owner: InstanceID, seconds: Int, acceptLoss: Bool) throws(StoreError) -> ProjectionCursor
  func renewRebuild(_ owner: InstanceID, seconds: Int) throws(StoreError)
  /// Pauses the live fold for at most so many seconds: takes its lease, raises its epoch, and tells where it stands.
  func seizeLive(_ owner: InstanceID, seconds: Int) throws(StoreError) -> SeizedGeneration
  /// Lets the live fold go on, if it is still paused.
  func returnLive(_ owner: InstanceID, _ live: SeizedGeneration, seconds: Int) throws(StoreError)
  /// Puts `own` in the place of `live`, if both stand at the same place and nobody has raised an epoch since; `.lost` else.
  func swap(_ own: ProjectionCursor, for live: SeizedGeneration, _ owner: InstanceID, seconds: Int) throws(StoreError)
  func endRebuild(_ owner: InstanceID) throws(StoreError)
  /// Deletes some thousand rows of a generation that is neither live nor in the making; false when there are none left.
  func dropOld() throws(StoreError) -> Bool
}
