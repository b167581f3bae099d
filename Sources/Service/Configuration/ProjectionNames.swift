/// The projections there are, as `projections.only`, leases and `freshness` name them.
package enum ProjectionNames {
  package static let all = ["projects", "models"]
}
