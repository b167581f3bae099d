/// Where a database is and who asks: what it takes to connect.
package struct ConnectionTarget: Sendable, CustomStringConvertible {
  /// A libpq connection string or URL; empty for libpq's own variables (`PGHOST`, …).
  package var conninfo: String
  /// Overrides the connection string's; from a file or a credential.
  package var password: String?
  /// As `pg_stat_activity` shows it.
  package var applicationName: String

  package init(_ conninfo: String, password: String? = nil, applicationName: String = "pleat") {
    (self.conninfo, self.password, self.applicationName) = (conninfo, password, applicationName)
  }

  /// The same database for another purpose, told apart in `pg_stat_activity`.
  package func named(_ applicationName: String) -> ConnectionTarget {
    ConnectionTarget(conninfo, password: password, applicationName: applicationName)
  }

  /// Without the connection string, which may hold a password.
  package var description: String { "PostgreSQL for \(applicationName)" }
}
