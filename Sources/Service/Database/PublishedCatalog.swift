import Postgres
import Projections

/// The technology catalog as the database knows it. A version says the same for ever: another catalog of the same version is refused
/// (`PL004`).
enum PublishedCatalog {
  private static let replace = "SELECT pleat.replace_technology_catalog($1, $2, $3, $4)"
  private static let record = "SELECT pleat.record_technology_catalog($1, $2, $3, $4)"
  private static let require = "SELECT pleat.require_technology_catalog($1, $2, $3, $4)"

  /// Shows readers the catalog that folds here use; an older one than theirs changes nothing.
  static func publish(_ catalog: TechnologyCatalog, _ connection: Connection) throws(PostgresError) {
    _ = try connection.query(replace, values(catalog))
  }

  /// Before something is folded that readers do not see yet.
  static func record(_ catalog: TechnologyCatalog, _ connection: Connection) throws(PostgresError) {
    _ = try connection.query(record, values(catalog))
  }

  /// For those who only read.
  static func require(_ catalog: TechnologyCatalog, _ connection: Connection) throws(PostgresError) {
    _ = try connection.query(require, values(catalog))
  }

  private static func values(_ catalog: TechnologyCatalog) -> [SQLValue] {
    let names = Self.names(of: catalog)
    return [
      .int(Int32(clamping: catalog.version)), .texts(names.map(\.alias)), .texts(names.map(\.technology)),
      .texts(names.map(\.category)),
    ]
  }

  /// What each technology goes by, once. Names are told apart by their bytes, and not as `String` does it, for which canonically
  /// equivalent ones are equal.
  static func names(of catalog: TechnologyCatalog) -> [(alias: String, technology: String, category: String)] {
    let names = catalog.entries.flatMap { entry in
      ([entry.name] + entry.aliases).map { (alias: $0, technology: entry.name, category: entry.category) }
    }
    // A name may be listed among its own aliases.
    var seen: Set<[UInt8]> = []
    return names.filter { seen.insert(Array($0.alias.utf8)).inserted }
  }
}
