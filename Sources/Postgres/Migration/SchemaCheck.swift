import Projections

/// Why `run` does not begin: all of it is configuration (exit code 78), but for `unavailable`.
package enum SchemaError: Error, Sendable, CustomStringConvertible {
  case unavailable(String)
  /// Files that are not applied yet.
  case notMigrated([String])
  case newer(number: Int32, name: String)
  case changed(file: String)
  /// The login, and what it may do that `pleat_writer` may not.
  case tooManyRights(login: String, [String])
  /// The login, and what it would need.
  case tooFewRights(login: String, String)
  /// What of the server's, or of what stands before it, a daemon cannot work with.
  case unfitServer(String)

  /// A superuser has too many rights to name.
  private static func list(_ rights: [String]) -> String {
    rights.prefix(4).joined(separator: ", ") + (rights.count > 4 ? ", …" : "")
  }

  private static func missing(_ files: [String]) -> String {
    guard let first = files.first, files.count > 3 else { return files.joined(separator: ", ") }
    return "\(first) and \(files.count - 1) more"
  }

  package var description: String {
    switch self {
    case .unavailable(let text): text
    case .notMigrated(let files): "the database is not migrated (\(Self.missing(files))): run `pleat migrate`"
    case .newer(let number, let name): MigrationError.newer(number: number, name: name).description
    case .changed(let file): MigrationError.changed(file: file).description
    case .tooManyRights("pleat_writer", let rights):
      "pleat_writer may do more than it should (\(Self.list(rights))): revoke that"
    case .tooManyRights(let login, let rights):
      "the login \(login) may do more than pleat_writer (\(Self.list(rights))): use pleat_writer in postgres.url"
    case .tooFewRights(let login, let text): "the login \(login) \(text): use pleat_writer in postgres.url"
    case .unfitServer(let text): text
    }
  }
}

/// What `run` requires of its database and of its login.
package enum SchemaCheck {
  package struct Applied: Hashable, Sendable {
    package var number: Int32
    package var name: String
    package var checksum: [UInt8]
  }

  /// The migrations of a database, by number; none where there is no Pleat in it.
  static func applied(_ connection: Connection) throws(PostgresError) -> [Applied] {
    let exists = try connection.query("SELECT to_regclass('pleat.migrations') IS NOT NULL")
    guard exists.map({ $0.bool() ?? false }).first == true else { return [] }
    return try connection.query("SELECT number, name, checksum FROM pleat.migrations ORDER BY number").map { row in
      Applied(number: row.int() ?? 0, name: row.text() ?? "", checksum: row.bytea() ?? [])
    }
  }

  /// Requires that what is applied is a beginning of `files`.
  static func compare(_ applied: [Applied], with files: [MigrationFile]) throws(MigrationError) {
    for (index, migration) in applied.enumerated() {
      guard index < files.count else { throw .newer(number: migration.number, name: migration.name) }
      guard files[index].number == migration.number, files[index].checksum == migration.checksum else {
        throw .changed(file: files[index].fileName)
      }
    }
  }

  /// Requires the schema that `files` make.
  package static func requireSchema(_ connection: Connection, files: [MigrationFile]) throws(SchemaError) {
    let applied: [Applied]
    do throws(PostgresError) {
      applied = try self.applied(connection)
    } catch {
      // 42501: not even the schema may be read.
      if case .server(let server) = error, server.sqlState == "42501" {
        throw .tooFewRights(login: connection.login, "may not read pleat.migrations")
      }
      throw .unavailable(error.description)
    }
    do throws(MigrationError) {
      try compare(applied, with: files)
    } catch {
      switch error {
      case .newer(let number, let name): throw .newer(number: number, name: name)
      case .changed(let file): throw .changed(file: file)
      default: throw .unavailable(error.description)
      }
    }
    let missing = files.dropFirst(applied.count).map(\.fileName)
    guard missing.isEmpty else { throw .notMigrated(missing) }
  }

  /// Requires that the login is `pleat_writer`, or one with no more rights, and one whose backends the owner may end.
  package static func requireWriter(_ connection: Connection) throws(SchemaError) {
    let excess: [String]
    let fits: [(isWriter: Bool, isTheOwners: Bool)]
    do throws(PostgresError) {
      fits = try connection.query(
        "SELECT pg_has_role(session_user, 'pleat_writer', 'USAGE'), pg_has_role('pleat_owner', session_user, 'USAGE')"
      ).map { (isWriter: $0.bool() ?? false, isTheOwners: $0.bool() ?? false) }
      // Only a writer may read all of what that asks.
      excess =
        fits.first?.isWriter == true ? try connection.query(excessRights).map { $0.text() ?? "" } : []
    } catch {
      throw .unavailable(error.description)
    }
    guard fits.first?.isWriter == true else {
      throw .tooFewRights(login: connection.login, "is no member of pleat_writer")
    }
    guard excess.isEmpty else { throw .tooManyRights(login: connection.login, excess) }
    guard fits.first?.isTheOwners == true else {
      throw .tooFewRights(login: connection.login, "has backends that pleat_owner may not end")
    }
  }

  /// Requires a session with one backend, and a server that tells which backends are at work.
  package static func requireSession(_ connection: Connection) throws(SchemaError) {
    let found: [(backend: Int32, tracks: Bool)]
    do throws(PostgresError) {
      // Behind a pooler a prepared statement may be another session's.
      found = try connection.queryUnprepared("SELECT pg_backend_pid(), current_setting('track_activities')::boolean")
        .map {
          (backend: $0.int() ?? 0, tracks: $0.bool() ?? false)
        }
    } catch {
      throw .unavailable(error.description)
    }
    guard found.first?.backend == connection.backendPID else {
      throw .unfitServer(
        "a pooler stands between Pleat and PostgreSQL, and hides whose backend is whose: let postgres.url lead to PostgreSQL itself"
      )
    }
    guard found.first?.tracks == true else {
      throw .unfitServer(
        "track_activities is off, so nobody can tell who is at work and keeps a lease: as a superuser, `ALTER ROLE \(connection.login) SET track_activities = on`"
      )
    }
  }

  /// What the login, or a role that it can become, may do beyond its work.
  private static let excessRights = """
    SELECT excess FROM (
    SELECT 'is a superuser' AS excess FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') AND r.rolsuper
    UNION
    SELECT 'may create databases' FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') AND r.rolcreatedb
    UNION
    SELECT 'may create roles' FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') AND r.rolcreaterole
    UNION
    SELECT 'passes row security' FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') AND r.rolbypassrls
    UNION
    SELECT 'may replicate' FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') AND r.rolreplication
    UNION
    SELECT format('is a member of %s', r.rolname) FROM pg_roles r
    WHERE pg_has_role(session_user, r.oid, 'MEMBER')
      AND (r.rolname IN ('pleat_owner', 'pleat_operator', 'pleat_team_reader', 'pleat_reader') OR r.rolname LIKE 'pg\\_%')
    UNION
    SELECT 'may create schemas' WHERE has_database_privilege(session_user, current_database(), 'CREATE')
    UNION
    SELECT format('may create in the schema %I', n.nspname) FROM pg_namespace n
    WHERE n.nspname IN ('pleat', 'insights', 'pleat_unmasked') AND has_schema_privilege(session_user, n.oid, 'CREATE')
    UNION
    SELECT format('may call %s', p.oid::regprocedure) FROM pg_proc p
    WHERE p.pronamespace = 'pleat'::regnamespace AND has_function_privilege(session_user, p.oid, 'EXECUTE')
      AND NOT has_function_privilege('pleat_writer', p.oid, 'EXECUTE')
    UNION
    SELECT format('may change %s', c.oid::regclass) FROM pg_class c
    WHERE c.relnamespace = 'pleat'::regnamespace AND c.relkind IN ('r', 'p')
      AND (has_table_privilege(session_user, c.oid, 'DELETE, TRUNCATE')
        OR c.relname NOT LIKE '%\\_current' AND (
          has_any_column_privilege(session_user, c.oid, 'UPDATE')
          -- Versions and derived events are added, and nothing else is.
          OR has_any_column_privilege(session_user, c.oid, 'INSERT') AND c.relname <> 'outbox'
            AND c.relname NOT IN (SELECT t.table_name FROM pleat.projection_tables t)))
    ) rights ORDER BY excess <> 'is a superuser', excess
    """
}
