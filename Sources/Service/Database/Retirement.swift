import Engine
import Postgres

/// `pleat retire`: gives up a projection that is switched off for good.
package enum Retirement {
  /// Deletes what readers saw of it, in small transactions; called again, it goes on where it was. Returns the empty generation.
  package static func run(_ configuration: Configuration, projection: String) throws(CommandFailure) -> Int32 {
    let entry = try EvidenceContext.entry(projection)
    guard configuration.projections.only?.contains(entry.name) == false else {
      throw CommandFailure(
        .failure,
        "projections.only has \(entry.name) here: who starts with that folds it. Set it to the others, everywhere.")
    }
    let store = PostgresProjectionStore(
      Database.target(configuration, for: "retire"), projection: entry.name, foldVersion: entry.foldVersion,
      catalogVersion: 0)
    do throws(StoreError) {
      let generation = try store.retire()
      while try store.dropOld() {}
      return generation
    } catch {
      throw CommandFailure(error)
    }
  }
}
