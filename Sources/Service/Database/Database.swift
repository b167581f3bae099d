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
  package static func adminTarget(_ configuration: Configuration, for purpose: String) -> ConnectionTarget {
    let postgres = configuration.postgres
    guard let url = postgres.adminURL else {
      var target = target(configuration, for: purpose)
      if let password = postgres.adminPassword { target.password = password.reveal() }
      return target
    }
    return ConnectionTarget(
      url.reveal(), password: postgres.adminPassword?.reveal(), applicationName: "pleat \(purpose)")
  }

  /// A connection for one command.
  package static func connect(_ configuration: Configuration, for purpose: String) throws(CommandFailure) -> Connection
  {
    let target = target(configuration, for: purpose)
    do throws(PostgresError) { return try Connection(target) } catch {
      throw CommandFailure(error, connectingTo: target)
    }
  }
}
