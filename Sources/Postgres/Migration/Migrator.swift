import Projections

/// Brings a database up to date: roles, then every migration that is not there yet, each in a transaction of its own.
package struct Migrator {
  /// What was done.
  package enum Step: Hashable, Sendable, CustomStringConvertible {
    case createdRole(String)
    case applied(String)

    package var description: String {
      switch self {
      case .createdRole(let role): "created the role \(role)"
      case .applied(let file): "applied \(file)"
      }
    }
  }

  /// For a file of several statements, on a large database.
  private static let fileSeconds = 14_400
  /// One migration at a time: two `migrate` wait for each other. The lock goes with the session.
  private static let lockStatement = "SELECT pg_advisory_lock(7813870561498362)"

  private let target: ConnectionTarget
  private let files: [MigrationFile]
  private let createsRoles: Bool
  private let onNotice: (String) -> Void

  /// - Parameter createsRoles: false for `--no-roles`: roles and their rights on the database must be there.
  package init(
    _ target: ConnectionTarget, files: [MigrationFile], createsRoles: Bool = true,
    onNotice: @escaping (String) -> Void = { _ in }
  ) {
    (self.target, self.files, self.createsRoles, self.onNotice) = (target, files, createsRoles, onNotice)
  }

  /// Returns what it did, in order: nothing where the database was up to date. `onStep` hears of each as it is done.
  package func migrate(onStep: (Step) -> Void = { _ in }) throws(MigrationError) -> [Step] {
    let connection = try passing { () throws(PostgresError) in
      let connection = try Connection(target, onNotice: onNotice)
      _ = try connection.query(Self.lockStatement, seconds: Connection.longReplySeconds)
      return connection
    }
    try requireEncoding(connection)
    var steps: [Step] = []
    let missing = try passing { () throws(PostgresError) in
      try connection.query(Roles.missing, [.texts(Roles.all)]).map { $0.text() ?? "" }
    }
    guard missing.isEmpty || createsRoles else { throw .missingRoles(missing) }
    for role in missing {
      guard let statement = Roles.create[role] else { throw .missingRoles([role]) }
      try passing { () throws(PostgresError) in try connection.execute(statement) }
      steps.append(.createdRole(role))
      onStep(.createdRole(role))
    }
    try arrangeRights(connection)
    let applied = try passing { () throws(PostgresError) in try SchemaCheck.applied(connection) }
    try SchemaCheck.compare(applied, with: files)
    for file in files.dropFirst(applied.count) {
      try apply(file, connection)
      steps.append(.applied(file.fileName))
      onStep(.applied(file.fileName))
    }
    return steps
  }

  /// Memberships and rights on the database, where they are missing.
  private func arrangeRights(_ connection: Connection) throws(MigrationError) {
    for membership in Roles.memberships {
      try ensure(
        connection, Roles.isMember, [.text(membership.role), .text(membership.member)], membership.grant)
    }
    try ensure(connection, Roles.isOwner, [], Roles.becomeOwner)
    try ensure(connection, Roles.ownerMayCreate, [], Roles.letOwnerCreate)
    try ensure(connection, Roles.writerMayConnect, [], Roles.letWriterConnect)
    if createsRoles {
      try arrange(connection, Roles.mayWatch, Roles.watch)
      try arrange(connection, Roles.maySilence, Roles.silence)
    }
    try arrange(connection, Roles.mayInterpret, Roles.interpret)
  }

  /// What is well to have, where the login may.
  private func arrange(_ connection: Connection, _ test: String, _ statement: String) throws(MigrationError) {
    try passing { () throws(PostgresError) in
      if try connection.query(test).map({ $0.bool() ?? false }).first == true { try connection.execute(statement) }
    }
  }

  /// Text of every language has a place, and functions of the migrations are read as they are written.
  private func requireEncoding(_ connection: Connection) throws(MigrationError) {
    let (encoding, isNew) = try passing { () throws(PostgresError) in
      try connection.query(
        "SELECT current_setting('server_encoding'), NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'pleat')"
      ).map {
        ($0.text() ?? "", $0.bool() ?? false)
      }.first ?? ("", false)
    }
    guard encoding == "UTF8" || !isNew else {
      throw .notPermitted(
        "the database's encoding is \(encoding), and must be UTF8: make one with `createdb -E UTF8 -T template0 --locale=C.UTF-8 NAME`"
      )
    }
  }

  private func ensure(_ connection: Connection, _ test: String, _ values: [SQLValue], _ statement: String)
    throws(MigrationError)
  {
    let holds = try passing { () throws(PostgresError) in
      try connection.query(test, values).map { $0.bool() ?? false }.first ?? false
    }
    if holds { return }
    guard createsRoles else { throw .notPermitted("with --no-roles this must be done before: \(statement)") }
    try passing { () throws(PostgresError) in try connection.execute(statement) }
  }

  private func apply(_ file: MigrationFile, _ connection: Connection) throws(MigrationError) {
    do throws(PostgresError) {
      try connection.execute("BEGIN; SET LOCAL ROLE pleat_owner")
      try connection.execute(file.sql, seconds: Self.fileSeconds)
      _ = try connection.query(
        "INSERT INTO pleat.migrations (number, name, checksum) VALUES ($1, $2, $3)",
        [.int(file.number), .text(file.name), .bytea(file.checksum)])
      try connection.execute("COMMIT")
    } catch {
      // The session ends with this error, and the transaction with it.
      guard case .server(let server) = error else { throw MigrationError(error) }
      throw .failed(
        file: file.fileName, line: server.position.map { file.line(atCharacter: $0) }, message: server.description)
    }
  }

  private func passing<R>(_ body: () throws(PostgresError) -> R) throws(MigrationError) -> R {
    do throws(PostgresError) { return try body() } catch { throw MigrationError(error) }
  }
}

extension MigrationFile {
  /// The line, from 1, of a character, from 1, as PostgreSQL counts.
  func line(atCharacter position: Int) -> Int {
    sql.unicodeScalars.prefix(position - 1).reduce(1) { $1 == "\n" ? $0 + 1 : $0 }
  }
}
