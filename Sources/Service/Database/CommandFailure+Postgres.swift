package import Postgres

extension CommandFailure {
  /// What a command says when it cannot connect: a server that is away may come back, one that refuses the login will not let
  /// it in by itself.
  package init(_ error: PostgresError, connectingTo target: ConnectionTarget, of key: String = "postgres.url") {
    if case .connection = error, let refusal = LoginRefusal.diagnose(target) {
      guard refusal.sqlState != "3D000" else {
        self.init(
          .configuration, "PostgreSQL says: \(refusal.message). Create it, then run `pleat migrate`; or mend \(key).")
        return
      }
      self.init(
        .configuration,
        "PostgreSQL refuses the login: \(refusal.message). Where the database is new, run `pleat migrate`; else mend \(key), or its password."
      )
    } else {
      self.init(error)
    }
  }

  /// What a command says when PostgreSQL does not do what it asks.
  package init(_ error: PostgresError) {
    switch error {
    case .connection, .timeout: self.init(.unavailable, "PostgreSQL is not available: \(error)")
    case .unexpected: self.init(.failure, "\(error)")
    case .server(let server):
      switch server.sqlState {
      case "3F000", "42P01", "42883", "42703":
        self.init(.configuration, "the database is not migrated (\(server.message)): run `pleat migrate`.")
      case "42501":
        self.init(.configuration, "the login of postgres.url may not do this: \(server.message).")
      case SQLState.lost, SQLState.lockNotAvailable:
        self.init(.tryAgain, "\(server.message): call it again.")
      case SQLState.foreign: self.init(.configuration, "\(server.message).")
      case SQLState.unfitDecision: self.init(.failure, "\(server.message).")
      default:
        self.init(SQLState.isPassing(server.sqlState) ? .unavailable : .failure, "PostgreSQL says: \(error)")
      }
    }
  }
}

extension CommandFailure {
  package init(_ error: MigrationError) {
    switch error {
    case .unavailable: self.init(.unavailable, "PostgreSQL is not available: \(error)")
    case .failed: self.init(.failure, "\(error)")
    case .unreadable, .newer, .changed, .missingRoles, .notPermitted: self.init(.configuration, "\(error).")
    }
  }
}
