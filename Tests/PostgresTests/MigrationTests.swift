import Events
import Postgres
import Projections
import Testing

@Suite("Migrations and rights")
struct MigrationTests {
  private func admin(_ database: TestDatabase) throws -> ConnectionTarget { try database.target(user: "postgres") }

  @Test("a database is brought up to date once")
  func migrate() throws {
    let database = try TestDatabase(migrated: false)
    let core = try TestCluster.core()
    let second = MigrationFile(number: 2, name: "second", sql: "CREATE TABLE pleat.second (a integer)")
    #expect(try Migrator(admin(database), files: [core]).migrate() == [.applied("0001_core.sql")])
    #expect(try Migrator(admin(database), files: [core, second]).migrate() == [.applied("0002_second.sql")])
    #expect(try Migrator(admin(database), files: [core, second]).migrate() == [])
    #expect(
      try database.value("SELECT tableowner FROM pg_tables WHERE schemaname = 'pleat' AND tablename = 'second'")
        == "pleat_owner")
    let checksum = try database.connect().query("SELECT checksum FROM pleat.migrations WHERE number = 1")
    #expect(checksum.map { $0.bytea() } == [SHA256.digest(of: Array(core.sql.utf8))])
    try SchemaCheck.requireSchema(try database.connect(user: "pleat_writer"), files: [core, second])
  }

  /// What a release, or main, has had: databases are migrated with it, and refuse another text. A new migration is added here.
  private static let landed = [
    "0001_core.sql": "afeece61a4923dfc",
    "0002_projects.sql": "32ab908d13206d00",
    "0003_models.sql": "b08531197744c234",
    "0004_reading.sql": "c0eff4572a640754",
    "0005_activity.sql": "40b655e965e49354",
    "0006_generations.sql": "c70f5f55f369823b",
    "0007_erasure.sql": "4a4e4beedb5ccd96",
    "0008_retention.sql": "0c9ff2db2bbeac1c",
    "0009_views.sql": "898759367139cc44",
    "0010_read_contract.sql": "29b4b50de4b6770f",
    "0011_told.sql": "981b35ac1c570d91",
    "0012_endurance.sql": "5926dadab6dd3461",
    "0013_noted_ends.sql": "acbb9844f26ee872",
    "0014_scrubbed_letters.sql": "2fe917b1ba71b8ff",
    "0015_one_turn.sql": "0edb9b14710d3399",
    "0016_searches.sql": "ba900b3898de54df",
    "0017_many.sql": "23d68808e982de9e",
    "0018_journal_from.sql": "65778171f610c695",
    "0019_read_again.sql": "0ffa9418ec3dbdaa",
    "0020_years.sql": "757b6b8227bc373e",
    "0021_retired.sql": "2d1beb9f3d826c63",
  ]

  @Test("a migration that has landed stays as it is: what changes is another one's")
  func unchanged() throws {
    let files = try MigrationFile.read(directory: TestCluster.migrations)
    let found = files.map { ($0.fileName, Hexadecimal.text($0.checksum.prefix(8))) }
    #expect(Dictionary(uniqueKeysWithValues: found) == Self.landed)
  }

  @Test("a newer database and a changed file are refused, and a missing migration is named")
  func refused() throws {
    let database = try TestDatabase()
    let core = try TestCluster.core()
    let writer = try database.connect(user: "pleat_writer")
    let second = MigrationFile(number: 2, name: "second", sql: "SELECT 1")
    let missing = #expect(throws: SchemaError.self) { try SchemaCheck.requireSchema(writer, files: [core, second]) }
    guard case .notMigrated(["0002_second.sql"]) = missing else { throw TestFailure("\(String(describing: missing))") }

    let changed = [MigrationFile(number: 1, name: "core", sql: core.sql + " ")]
    let changedMigrate = #expect(throws: MigrationError.self) {
      try Migrator(admin(database), files: changed).migrate()
    }
    guard case .changed("0001_core.sql") = changedMigrate else {
      throw TestFailure("\(String(describing: changedMigrate))")
    }
    let changedRun = #expect(throws: SchemaError.self) { try SchemaCheck.requireSchema(writer, files: changed) }
    guard case .changed = changedRun else { throw TestFailure("\(String(describing: changedRun))") }

    _ = try Migrator(admin(database), files: [core, second]).migrate()
    let newerMigrate = #expect(throws: MigrationError.self) { try Migrator(admin(database), files: [core]).migrate() }
    guard case .newer(2, "second") = newerMigrate else { throw TestFailure("\(String(describing: newerMigrate))") }
    let newerRun = #expect(throws: SchemaError.self) { try SchemaCheck.requireSchema(writer, files: [core]) }
    guard case .newer(2, "second") = newerRun else { throw TestFailure("\(String(describing: newerRun))") }
  }

  @Test("a database without Pleat is not migrated")
  func empty() throws {
    let database = try TestDatabase(migrated: false)
    let error = #expect(throws: SchemaError.self) {
      try SchemaCheck.requireSchema(try database.connect(user: "pleat_writer"), files: [try TestCluster.core()])
    }
    guard case .notMigrated(["0001_core.sql"]) = error else { throw TestFailure("\(String(describing: error))") }
  }

  @Test("a migration that fails leaves nothing, and says where")
  func failing() throws {
    let database = try TestDatabase()
    let bad = MigrationFile(number: 2, name: "bad", sql: "CREATE TABLE pleat.half (a integer);\n\nSELECT nonsense;")
    let error = #expect(throws: MigrationError.self) {
      try Migrator(admin(database), files: [try TestCluster.core(), bad]).migrate()
    }
    guard case .failed("0002_bad.sql", 3, _) = error else { throw TestFailure("\(String(describing: error))") }
    #expect(try database.value("SELECT to_regclass('pleat.half')") == nil)
    #expect(try database.value("SELECT max(number) FROM pleat.migrations") == "1")
  }

  @Test("without rights, migrate says so")
  func noRights() throws {
    let database = try TestDatabase(migrated: false)
    let error = #expect(throws: MigrationError.self) {
      try Migrator(try database.target(user: "pleat_writer"), files: [try TestCluster.core()]).migrate()
    }
    guard case .notPermitted = error else { throw TestFailure("\(String(describing: error))") }
  }

  @Test("with --no-roles, roles and their rights must be there")
  func noRoles() throws {
    let cluster = try PrivateCluster(settings: [("fsync", "off")])
    defer { cluster.remove() }
    try cluster.start()
    let core = try TestCluster.core()
    let missing = #expect(throws: MigrationError.self) {
      try Migrator(cluster.target(), files: [core], createsRoles: false).migrate()
    }
    guard case .missingRoles(let roles) = missing else { throw TestFailure("\(String(describing: missing))") }
    #expect(roles == ["pleat_operator", "pleat_owner", "pleat_reader", "pleat_team_reader", "pleat_writer"])
    let admin = try Connection(cluster.target())
    try admin.execute(
      """
      CREATE ROLE pleat_owner; CREATE ROLE pleat_operator; CREATE ROLE pleat_reader; CREATE ROLE pleat_team_reader;
      CREATE ROLE pleat_writer LOGIN; CREATE ROLE deployer LOGIN; GRANT pleat_owner TO deployer;
      GRANT pleat_reader, pleat_team_reader TO pleat_operator;
      """)
    let deployer = cluster.target(user: "deployer")
    let ungranted = #expect(throws: MigrationError.self) {
      try Migrator(deployer, files: [core], createsRoles: false).migrate()
    }
    guard case .notPermitted(let text) = ungranted else { throw TestFailure("\(String(describing: ungranted))") }
    #expect(text.contains("GRANT pleat_writer TO pleat_owner"))
    try admin.execute("GRANT pleat_writer TO pleat_owner; GRANT CREATE ON DATABASE postgres TO pleat_owner")
    #expect(try Migrator(deployer, files: [core], createsRoles: false).migrate() == [.applied("0001_core.sql")])
  }

  @Test(
    "pleat_writer cannot rewrite anything",
    arguments: [
      "journal", "journal_1", "journal_tables", "journal_start", "kept_identities", "erased_segments", "outbox",
      "sample", "turns", "partitions", "projection_cursors", "live_generations",
      "leases",
      "instances", "installation", "first_ends", "secrets", "dead_letters", "skips", "journal_head", "relay_cursor",
      "relay_places", "migrations",
    ])
  func appendOnly(_ table: String) throws {
    let database = try TestDatabase()
    try database.makeSample()
    let writer = try database.connect(user: "pleat_writer")
    let column = try #require(
      try database.value(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'pleat.\(table)'::regclass AND attnum > 0 AND attidentity = '' ORDER BY attnum LIMIT 1"
      ))
    for statement in [
      "UPDATE pleat.\(table) SET \(column) = \(column)", "DELETE FROM pleat.\(table)", "TRUNCATE pleat.\(table)",
      "ALTER TABLE pleat.\(table) ADD COLUMN x integer", "DROP TABLE pleat.\(table)",
    ] {
      let error = #expect(throws: PostgresError.self) { try writer.execute(statement) }
      guard case .server(let server) = error, server.sqlState == "42501" else {
        Issue.record("\(statement): \(String(describing: error))")
        continue
      }
    }
  }

  @Test("no other role may call what moves cursors, or see the hash key")
  func strangers() throws {
    let database = try TestDatabase()
    let admin = try database.connect()
    for role in ["pleat_reader", "pleat_team_reader", "pleat_operator"] {
      let callable = try admin.query(
        """
        SELECT p.proname::text FROM pg_proc p
        WHERE p.pronamespace = 'pleat'::regnamespace AND has_function_privilege($1, p.oid, 'EXECUTE') ORDER BY 1
        """, [.text(role)]
      ).map { $0.text() ?? "" }
      #expect(
        callable
          == (role == "pleat_operator"
            ? ["chain_value", "journal_from", "journal_has", "old_snapshots", "resume", "skip"] : []))
      let secret = try admin.query("SELECT has_table_privilege($1, 'pleat.secrets', 'SELECT')", [.text(role)])
      #expect(secret.map { $0.bool() } == [false])
    }
  }

  @Test("a database of another encoding is refused before anything is made in it")
  func encoding() throws {
    let admin = try TestDatabase(migrated: false).connect()
    for encoding in ["SQL_ASCII", "LATIN1"] {
      let name = "encoded_in_\(encoding.lowercased())"
      try admin.execute("CREATE DATABASE \(name) ENCODING '\(encoding)' LOCALE 'C' TEMPLATE template0")
      let target = ConnectionTarget(try TestCluster.conninfo(database: name, user: "postgres"))
      let error = #expect(throws: MigrationError.self) {
        try Migrator(target, files: [TestCluster.core()]).migrate()
      }
      guard case .notPermitted(let text) = error else { throw TestFailure("\(String(describing: error))") }
      #expect(text.contains("is \(encoding), and must be UTF8"))
      #expect(try Connection(target).query("SELECT to_regnamespace('pleat') IS NULL").map { $0.bool() } == [true])
    }
  }

  @Test("what the writer sends is kept out of the server's log, unless somebody has decided that")
  func silence() throws {
    let cluster = try PrivateCluster(settings: [("fsync", "off")])
    try cluster.start()
    func setting() throws -> String {
      try Connection(cluster.target()).query(
        """
        SELECT coalesce((SELECT setconfig::text FROM pg_db_role_setting
          WHERE setrole = 'pleat_writer'::regrole AND setdatabase = 0), 'none')
        """
      ).map { $0.text() ?? "" }.joined()
    }
    _ = try Migrator(cluster.target(), files: [TestCluster.core()]).migrate()
    #expect(try setting() == "{log_parameter_max_length=0}")
    try Connection(cluster.target()).execute("ALTER ROLE pleat_writer SET log_parameter_max_length = 64")
    _ = try Migrator(cluster.target(), files: [TestCluster.core()]).migrate()
    #expect(try setting() == "{log_parameter_max_length=64}")
    try Connection(cluster.target()).execute("ALTER DATABASE postgres SET track_activities = off")
    let error = #expect(throws: SchemaError.self) {
      try SchemaCheck.requireSession(try Connection(cluster.target()))
    }
    #expect(error?.description.contains("track_activities is off") == true)
  }

  @Test("run takes pleat_writer, and refuses a login with more rights")
  func logins() throws {
    let database = try TestDatabase()
    try database.migrate(2, 3, 4, 5, 6)
    try SchemaCheck.requireWriter(try database.connect(user: "pleat_writer"))
    func excess(_ user: String) throws -> [String] {
      let connection = try database.connect(user: user)
      let error = #expect(throws: SchemaError.self) { try SchemaCheck.requireWriter(connection) }
      switch error {
      case .tooManyRights(user, let rights): return rights
      case .tooFewRights(user, let text): return [text]
      default: throw TestFailure("\(String(describing: error))")
      }
    }
    #expect(try excess("postgres").contains("is a superuser"))
    try database.connect().execute(
      """
      CREATE ROLE as_owner LOGIN; GRANT pleat_owner TO as_owner;
      CREATE ROLE maker LOGIN CREATEROLE; GRANT pleat_writer TO maker; GRANT maker TO pleat_owner;
      CREATE ROLE granted LOGIN; GRANT pleat_writer TO granted; GRANT granted TO pleat_owner;
      CREATE ROLE unreachable LOGIN; GRANT pleat_writer TO unreachable;
      CREATE ROLE nobody_special LOGIN;
      CREATE ROLE reads_teams LOGIN; GRANT pleat_writer, pleat_operator TO reads_teams; GRANT reads_teams TO pleat_owner;
      CREATE ROLE adds LOGIN; GRANT pleat_writer TO adds; GRANT adds TO pleat_owner;
      CREATE ROLE founds LOGIN CREATEDB; GRANT pleat_writer TO founds; GRANT founds TO pleat_owner;
      CREATE ROLE makes LOGIN; GRANT pleat_writer TO makes; GRANT makes TO pleat_owner;
      CREATE ROLE watches LOGIN; GRANT pleat_writer, pg_signal_backend TO watches; GRANT watches TO pleat_owner;
      CREATE ROLE calls LOGIN; GRANT pleat_writer TO calls; GRANT calls TO pleat_owner;
      GRANT CREATE ON SCHEMA pleat TO makes;
      GRANT CREATE ON DATABASE "\(database.name)" TO makes;
      CREATE FUNCTION pleat.of_owners() RETURNS void LANGUAGE sql AS '';
      REVOKE EXECUTE ON FUNCTION pleat.of_owners FROM PUBLIC; GRANT EXECUTE ON FUNCTION pleat.of_owners TO calls;
      CREATE ROLE alters LOGIN; GRANT pleat_writer TO alters; GRANT alters TO pleat_owner;
      GRANT UPDATE ON pleat.outbox TO granted;
      GRANT INSERT ON pleat.journal TO adds;
      GRANT UPDATE (payload) ON pleat.journal TO alters;
      """)
    #expect(try excess("reads_teams").contains("is a member of pleat_operator"))
    #expect(try excess("adds") == ["may change pleat.journal"])
    #expect(try excess("alters") == ["may change pleat.journal"])
    #expect(try excess("as_owner").contains("is a member of pleat_owner"))
    #expect(try excess("maker") == ["may create roles"])
    #expect(try excess("founds") == ["may create databases"])
    #expect(try excess("makes") == ["may create in the schema pleat", "may create schemas"])
    #expect(try excess("watches") == ["is a member of pg_signal_backend"])
    #expect(try excess("calls") == ["may call pleat.of_owners()"])
    #expect(try excess("granted") == ["may change pleat.outbox"])
    #expect(try excess("unreachable") == ["has backends that pleat_owner may not end"])
    #expect(try excess("nobody_special") == ["is no member of pleat_writer"])
  }
}
