/// Why a database is not brought up to date.
package enum MigrationError: Error, Sendable, CustomStringConvertible {
  /// A file or directory of migrations, and why.
  case unreadable(String, String)
  /// The database answers not, or not in time.
  case unavailable(String)
  /// The database has a migration that this program does not know.
  case newer(number: Int32, name: String)
  /// A migration was applied with other text than its file has now.
  case changed(file: String)
  /// Roles that do not exist, and may not be made here.
  case missingRoles([String])
  /// The login may not do what is needed.
  case notPermitted(String)
  /// A migration failed; the database is as it was before that file.
  case failed(file: String, line: Int?, message: String)

  package var description: String {
    switch self {
    case .unreadable(let path, let reason): "\(path): \(reason)"
    case .unavailable(let text): text
    case .newer(let number, let name):
      "the database has migration \(number) (\(name)), which this program does not know: use a newer program"
    case .changed(let file):
      "\(file) is not what was applied to the database: its checksum differs; the program that "
        + "migrated the database has the right one"
    case .missingRoles(let roles):
      "missing roles: \(roles.joined(separator: ", ")); create them, or migrate without --no-roles"
    case .notPermitted(let text): text
    case .failed(let file, let line, let message): "\(file)\(line.map { ":\($0)" } ?? ""): \(message)"
    }
  }

  init(_ error: PostgresError) {
    switch error {
    case .connection, .timeout, .unexpected: self = .unavailable(error.description)
    case .server(let server):
      // 42501 insufficient privilege; 0LP01 invalid grant operation.
      self =
        ["42501", "0LP01"].contains(server.sqlState)
        ? .notPermitted(
          "\(server.message): migrate with a superuser, or with a login that may create roles (admin_url)")
        : .unavailable(server.description)
    }
  }
}
