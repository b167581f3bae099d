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
    case .owner: Self.common + "SET ROLE pleat_owner;"
    }
  }

  private static let common = """
    SET synchronous_commit = on;
    SET idle_in_transaction_session_timeout = '30s';
    SET TimeZone = 'UTC';
    SET jit = off;
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
