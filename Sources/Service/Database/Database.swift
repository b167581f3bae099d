package import Postgres

/// How commands and the daemon reach the database that the configuration names.
package enum Database {
  /// As `pleat_writer`, the login of `run`.
  package static func target(_ configuration: Configuration, for purpose: String) -> ConnectionTarget {
    ConnectionTarget(
      configuration.postgres.url?.reveal() ?? "", password: configuration.postgres.password?.reveal(),
      applicationName: "pleat \(purpose)")
  }

  /// As the administrator, where there is one.
  package static func adminTarget(
    _ configuration: Configuration, for purpose: String
  ) throws(CommandFailure) -> ConnectionTarget {
    let postgres = configuration.postgres
    if !postgres.adminProblems.isEmpty { throw ConfigurationError(postgres.adminProblems).failure }
    guard let url = postgres.adminURL else {
      var target = target(configuration, for: purpose)
      if let password = postgres.adminPassword { target.password = password.reveal() }
      return target
    }
    return ConnectionTarget(
      url.reveal(), password: postgres.adminPassword?.reveal(), applicationName: "pleat \(purpose)")
  }

  /// A connection for one command, to a database that this program fits.
  package static func connect(_ configuration: Configuration, for purpose: String) throws(CommandFailure) -> Connection
  {
    let target = target(configuration, for: purpose)
    let connection: Connection
    do throws(PostgresError) { connection = try Connection(target) } catch {
      throw CommandFailure(error, connectingTo: target)
    }
    try requireSchema(connection)
    return connection
  }

  /// Requires what this program's migrations make, and no more: what a newer one has made would be read, or changed, wrongly.
  package static func requireSchema(_ connection: Connection) throws(CommandFailure) {
    let files: [MigrationFile]
    do throws(ConfigurationError) { files = try Preparation.migrations(Installation()) } catch { throw error.failure }
    do throws(SchemaError) {
      try SchemaCheck.requireSchema(connection, files: files)
    } catch {
      if case .unavailable(let text) = error {
        throw CommandFailure(.unavailable, "PostgreSQL is not available: \(text)")
      }
      throw CommandFailure(.configuration, "\(error).")
    }
  }
}
