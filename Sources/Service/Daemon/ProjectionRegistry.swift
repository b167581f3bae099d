package import Events
package import Projections

/// The projections there are: a line each.
package struct ProjectionRegistry {
  package struct Entry: Sendable {
    package var name: String
    package var foldVersion: Int
    /// Of the catalog, where the fold uses it; else 0, so that another catalog is no reason to fold again.
    package var catalogVersion: @Sendable (TechnologyCatalog) -> Int
    /// With nothing in memory.
    package var make: @Sendable (TechnologyCatalog, HashKey) -> any Projection
  }

  package static let all: [Entry] = [
    Entry(
      name: ProjectsProjection.name, foldVersion: ProjectsProjection.version, catalogVersion: { $0.version },
      make: { ProjectsProjection(catalog: $0, key: $1) }),
    Entry(
      name: ModelsProjection.name, foldVersion: ModelsProjection.version, catalogVersion: { _ in 0 },
      make: { _, _ in ModelsProjection() }),
    Entry(
      name: ActivityProjection.name, foldVersion: ActivityProjection.version, catalogVersion: { _ in 0 },
      make: { ActivityProjection(key: $1) }),
  ]

  package static var names: [String] { all.map(\.name) }
}
