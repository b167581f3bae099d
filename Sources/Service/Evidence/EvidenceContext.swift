package import Engine
package import Events
package import Postgres
package import Projections

/// What the commands that fold the journal themselves work with: the configuration's catalog, the installation's key, and a
/// database that this program fits.
package struct EvidenceContext {
  package let configuration: Configuration
  package let catalog: TechnologyCatalog
  package let key: HashKey

  package init(_ configuration: Configuration, installation: Installation = Installation()) throws(CommandFailure) {
    self.configuration = configuration
    do throws(ConfigurationError) {
      catalog = try CatalogFile.load(configuration, installation: installation)
    } catch {
      throw error.failure
    }
    let connection = try Database.connect(configuration, for: "check")
    do throws(PostgresError) { try PublishedCatalog.require(catalog, connection) } catch { throw CommandFailure(error) }
    let store = PostgresJournalStore(Database.target(configuration, for: "check"))
    defer { store.reset() }
    do throws(StoreError) { key = try store.hashKey() } catch { throw CommandFailure(error) }
  }

  /// The registry's entry for a name that somebody typed.
  package static func entry(_ name: String) throws(CommandFailure) -> ProjectionRegistry.Entry {
    if let entry = ProjectionRegistry.all.first(where: { $0.name == name }) { return entry }
    let nearest = nearestName(to: name, among: ProjectionRegistry.names) ?? ""
    throw CommandFailure(.usage, "there is no projection \"\(name)\"; the nearest is \"\(nearest)\".")
  }

  package func make(_ entry: ProjectionRegistry.Entry) -> any Projection { entry.make(catalog, key) }

  /// The live generation of a projection, on connections of its own.
  package func store(_ entry: ProjectionRegistry.Entry, for command: String) -> PostgresProjectionStore {
    PostgresProjectionStore(
      Database.target(configuration, for: command), projection: entry.name, foldVersion: entry.foldVersion,
      catalogVersion: entry.catalogVersion(catalog))
  }

  /// The journal, read ahead on connections of its own.
  package func journal(for command: String) -> JournalReadAhead {
    JournalReadAhead(
      PostgresProjectionStore(
        Database.target(configuration, for: command), projection: "", foldVersion: 0, catalogVersion: 0))
  }

  /// Memory for rows, of which a command has one projection's at a time.
  package var settings: ProjectionSettings {
    let plan = MemoryPlan(megabytes: configuration.limits.memoryMegabytes, projections: ["one"])
    return ProjectionSettings(cacheBytes: plan.cacheBytes(of: "one"), dirtyBytes: plan.dirtyBytes(of: "one"))
  }

  /// Memory for the rows of a fold that has no other store, as the fold holds them, and again as they are written.
  package var foldBytes: Int { (configuration.limits.memoryMegabytes << 20) * 3 / 10 }
}

extension CommandFailure {
  /// What a command says of a store's error.
  package init(_ error: StoreError) {
    switch error {
    case .unavailable(let text): self.init(.unavailable, "PostgreSQL is not available: \(text)")
    case .lost(let text): self.init(.tryAgain, "\(text).")
    case .foreign(let text): self.init(.configuration, "\(text).")
    case .refused(let text): self.init(.failure, "\(text).")
    }
  }

  /// What a command says of whatever a fold or its store threw.
  package init(any error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let failure as StoreError: self.init(failure)
    case let failure as PostgresError: self.init(failure)
    default: self.init(.failure, "\(error).")
    }
  }
}
