/// What `freshness` says of a projection.
package enum ProjectionState: String, Sendable {
  case live
  case catchingUp = "catching_up"
  case failed, stopped
}

/// Where a generation of a projection stands; writing with a lower epoch is `lost`.
package struct ProjectionCursor: Sendable {
  package var generation: Int32
  package var epoch: Int64
  package var place: ProjectionPlace
  package init(generation: Int32, epoch: Int64, place: ProjectionPlace) {
    (self.generation, self.epoch, self.place) = (generation, epoch, place)
  }
}
