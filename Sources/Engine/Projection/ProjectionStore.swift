/// The live generation of a projection in the database, on connections of its own.
package protocol ProjectionStore: FoldStore {
  /// The live generation's cursor, its epoch raised, if the instance holds the lease `projection/NAME`. Makes the first
  /// generation if there is none yet. Throws `.foreign` where another version folded it.
  func takeOver(instance: InstanceID) throws(StoreError) -> ProjectionCursor
  /// Keeps why the projection does not go on, for `freshness`.
  func noteState(_ state: ProjectionState, reason: String?) throws(StoreError)
}
