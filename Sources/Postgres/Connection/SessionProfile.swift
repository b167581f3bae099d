/// What a session sets once it is connected.
package enum SessionProfile: Sendable {
  /// A stage of the pipeline, or a command.
  case standard
  /// A projection: few rows by key at a time, so that no plan may read a whole table because statistics are old.
  case fold
  /// What only the owner of the tables may do, by an administrator who is one.
  case owner

  /// A transaction whose client is silent for longer gives its locks back; connections that lead nowhere are noticed by
  /// `tcp_user_timeout` and keepalives, which stand in the connection's parameters.
  var statements: String {
    switch self {
    case .standard: Self.common
    case .fold: Self.common + Self.byKey
    case .owner: Self.common + Self.silent + "SET ROLE pleat_owner;"
    }
  }

  /// Whatever is set for the server, the database or the role: a commit is durable, a statement sees what was committed before it,
  /// and waits are bounded by who waits; who waits no longer (a timeout) leaves no session behind that waits for a lock. `transaction_timeout` is PostgreSQL 17's.
  private static let common = """
    SET statement_timeout = 0;
    SET lock_timeout = 0;
    SET idle_session_timeout = 0;
    SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout' AND setting <> '0';
    SELECT set_config(name, '2s', false) FROM pg_catalog.pg_settings
      WHERE name = 'client_connection_check_interval' AND pg_catalog.version() ~ 'linux|darwin|bsd';
    SET idle_in_transaction_session_timeout = '30s';
    SET synchronous_commit = on;
    SET default_transaction_isolation = 'read committed';
    SET log_parameter_max_length_on_error = 0;
    SET TimeZone = 'UTC';
    SET standard_conforming_strings = on;
    SET quote_all_identifiers = off;
    SET extra_float_digits = 1;
    SET jit = off;
    """

  /// Whom an erasure is about is not said in the server's log, where the login may decide that.
  private static let silent = """
    SELECT set_config('log_parameter_max_length', '0', false) FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper;
    """

  /// What is too large for a page (sketches, histograms) is hardly smaller by pglz, and takes it ten times as long as LZ4, which not
  /// every server has.
  private static let byKey = """
    SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_catalog.pg_settings
    WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals);
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET enable_seqscan = off;
    SET enable_material = off;
    SET max_parallel_workers_per_gather = 0;
    SET temp_buffers = '16MB';
    """
}
