import Projections

@testable import Engine

/// A store without a background: what is to be written there is written at once, and how that ended is told when it is waited for.
protocol ImmediateStore: FoldStore {
  /// Of what was begun and is not waited for yet.
  var outcome: Result<Void, StoreError>? { get set }
}

extension ImmediateStore {
  func startFlush(
    _ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState, _ changes: [TableChanges]
  ) throws(StoreError) {
    do throws(StoreError) {
      try begin(cursor, to: place, state: state)
      try write(changes)
      try commit()
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
  }
  func startWrite(_ changes: [TableChanges]) throws(StoreError) {
    do throws(StoreError) {
      try write(changes)
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
  }
  func flushIsDone() -> Bool { true }
  func finishFlush() throws(StoreError) {
    defer { outcome = nil }
    try outcome!.get()
  }
}
