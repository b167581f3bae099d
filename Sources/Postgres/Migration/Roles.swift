/// Pleat's roles, which are the cluster's and not one database's: made by `migrate`, before the migrations that grant to them.
enum Roles {
  static let all = ["pleat_owner", "pleat_operator", "pleat_reader", "pleat_team_reader", "pleat_writer"]

  static let missing = """
    SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) ORDER BY name
    """

  /// By role; `pleat_writer` alone logs in, with a password that is somebody else's to set.
  static let create = [
    "pleat_owner": "CREATE ROLE pleat_owner NOLOGIN",
    "pleat_operator": "CREATE ROLE pleat_operator NOLOGIN",
    "pleat_reader": "CREATE ROLE pleat_reader NOLOGIN",
    "pleat_team_reader": "CREATE ROLE pleat_team_reader NOLOGIN",
    "pleat_writer": "CREATE ROLE pleat_writer LOGIN",
  ]

  /// The owner is a member of the writer, since after `SET ROLE` PostgreSQL lets nobody else end a backend of it.
  static let memberships: [(role: String, member: String, grant: String)] = [
    ("pleat_reader", "pleat_operator", "GRANT pleat_reader TO pleat_operator"),
    ("pleat_team_reader", "pleat_operator", "GRANT pleat_team_reader TO pleat_operator"),
    ("pleat_writer", "pleat_owner", "GRANT pleat_writer TO pleat_owner"),
  ]

  /// Whose snapshots are how old is hidden from who may not read all statistics; where the login may let the owner, it does.
  static let mayWatch = """
    SELECT NOT pg_has_role('pleat_owner', 'pg_read_all_stats', 'USAGE')
      AND (r.rolsuper OR r.rolcreaterole AND current_setting('server_version_num')::integer < 160000)
    FROM pg_roles r WHERE r.rolname = current_user
    """
  static let watch = "GRANT pg_read_all_stats TO pleat_owner"

  /// Where statements are logged, their parameters are events and people. Whether the login may keep them out: a superuser, and
  /// nobody has decided yet.
  static let maySilence = """
    SELECT r.rolsuper AND NOT EXISTS (
      SELECT FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c (setting)
      WHERE s.setdatabase = 0 AND s.setrole = 'pleat_writer'::regrole AND c.setting LIKE 'log_parameter_max_length=%')
    FROM pg_roles r WHERE r.rolname = current_user
    """
  static let silence = "ALTER ROLE pleat_writer SET log_parameter_max_length = 0"

  static let isMember = "SELECT pg_has_role($2, $1, 'USAGE')"

  /// `SET ROLE pleat_owner` is what a migration begins with. From PostgreSQL 16 on a member may be one without that right, as who
  /// made the role is.
  static let isOwner = """
    SELECT pg_has_role(session_user, 'pleat_owner',
      CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END)
    """
  static let becomeOwner = "GRANT pleat_owner TO CURRENT_USER"

  static let ownerMayCreate =
    "SELECT has_database_privilege('pleat_owner', current_database(), 'CREATE')"
  /// The database's name is no parameter of a `GRANT`.
  static let letOwnerCreate = """
    DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO pleat_owner', current_database()); END $$
    """

  static let writerMayConnect = """
    SELECT has_database_privilege('pleat_writer', current_database(), 'CONNECT')
       AND has_database_privilege('pleat_writer', current_database(), 'TEMPORARY')
    """
  static let letWriterConnect = """
    DO $$ BEGIN EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO pleat_writer', current_database()); END $$
    """

  /// Whether the database says nothing about `jit` yet, and the login may: its owner, or a superuser.
  static let mayInterpret = """
    SELECT pg_has_role(session_user, d.datdba, 'USAGE') AND NOT EXISTS (
      SELECT FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c (setting)
      WHERE s.setdatabase = d.oid AND s.setrole = 0 AND c.setting LIKE 'jit=%')
    FROM pg_database d WHERE d.datname = current_database()
    """
  /// Compiling the many expressions of a view takes longer than reading it, and the planner cannot tell.
  static let interpret = """
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = off', current_database()); END $$
    """
}
