import Events
import Postgres
import Projections

/// A database with every migration, and rows of every table that a view reads.
///
/// Two turns of the day stand at the positions 100 and 200, the journal ends at 250: its first 150 events were appended at ten
/// o'clock, the others at eleven. Keys that begin with `hidden` have people too few to be shown, everywhere but in views without
/// a threshold; the keys of the others are numbers.
struct ReadingDatabase {
  let database: TestDatabase

  /// For tests that only read.
  static let shared = Result { try ReadingDatabase() }

  init() throws {
    database = try TestDatabase(migrated: false)
    let files = try MigrationFile.read(directory: TestCluster.migrations)
    _ = try Migrator(database.target(user: "postgres"), files: files).migrate()
    try database.connect().execute(Self.rows)
  }

  /// A session that acts as a role.
  func connect(as role: String, onNotice: @escaping (String) -> Void = { _ in }) throws -> Connection {
    let connection = try Connection(try database.target(user: "postgres"), onNotice: onNotice)
    try connection.execute("SET ROLE \(role)")
    return connection
  }

  /// The views of a schema that `role` may read.
  func views(_ schema: String, of role: String) throws -> [String] {
    try database.connect().query(
      """
      SELECT c.relname::text FROM pg_class c
      WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'v'
        AND has_schema_privilege($2::text, $1, 'USAGE') AND has_table_privilege($2::text, c.oid, 'SELECT')
      ORDER BY c.relname COLLATE "C"
      """, [.text(schema), .text(role)]
    ).map { $0.text() ?? "" }
  }

  static let withoutPast: Set = ["freshness", "technology_catalog"]

  private static let rows = """
    INSERT INTO pleat.projection_cursors (
      projection, generation, position, chain, greatest_time, last_day_turn, state, fold_version, catalog_version, key_digest,
      phase, live_since, updated_at)
    SELECT p, 1, 250, 'x', '2026-01-03T12:05:00Z', 200, 'live', 1, 1, 'x', 'live', 0, now()
    FROM unnest(ARRAY['projects', 'models', 'activity']) p;
    INSERT INTO pleat.live_generations SELECT p, 1 FROM unnest(ARRAY['projects', 'models', 'activity']) p;
    INSERT INTO pleat.turns (projection, generation, position, watermark)
    SELECT p, 1, t.position, t.watermark FROM unnest(ARRAY['projects', 'models', 'activity']) p
    CROSS JOIN (VALUES (100, '2026-01-02T00:00:00Z'::timestamptz), (200, '2026-01-03T00:00:00Z')) t (position, watermark);
    INSERT INTO pleat.journal (
      first_position, event_count, topic, partition, incarnation, first_offset, next_offset, least_time, greatest_time,
      greatest_so_far, appended_at, payload, payload_digest, identities, identities_digest, chain)
    SELECT p, c, 't', 0, 0, p, p + c, '2026-01-01Z', '2026-01-01Z', '2026-01-01Z', a, '', d, '', d, d
    FROM (VALUES (1, 150, '2026-01-05T10:00:00Z'::timestamptz), (151, 100, '2026-01-05T11:00:00Z')) s (p, c, a)
    CROSS JOIN (SELECT sha256('') AS d) x;

    CREATE TABLE public.state (key text COLLATE "C", people bigint, n bigint, position bigint);
    INSERT INTO public.state VALUES ('1', 12, 9, 240), ('hidden', 9, 9, 240), ('2', 30, 7, 50);
    CREATE TABLE public.past (key text COLLATE "C", people bigint, n bigint, position bigint);
    INSERT INTO public.past VALUES
      ('1', 12, 5, 100), ('1', 12, 8, 200), ('hidden', 4, 5, 100), ('hidden', 9, 8, 200), ('2', 30, 7, 100);

    INSERT INTO pleat.technologies_current (generation, technology, category, projects, selections, position)
    SELECT 1, key, 'other', 20, 0, position FROM public.state;
    INSERT INTO pleat.technologies (generation, technology, category, projects, selections, position)
    SELECT 1, key, 'other', 20, 0, position FROM public.past;
    INSERT INTO pleat.technology_usage_current (
      generation, technology, day, projects, selections, successes, failures, people, people_taken_out, position)
    SELECT 1, key, '2026-01-01', n, 0, 1, 1, people, 0, position FROM public.state;
    INSERT INTO pleat.technology_usage (
      generation, technology, day, projects, selections, successes, failures, people, people_taken_out, position)
    SELECT 1, key, '2026-01-01', n, 0, 1, 1, people, 0, position FROM public.past;
    INSERT INTO pleat.project_days_current SELECT (jsonb_populate_record(NULL::pleat.project_days_current, to_jsonb(d))).*
    FROM (SELECT 1 AS generation, '2026-01-01'::date AS day, 40 AS projects, 1 AS successes, 1 AS failures, 0 AS people,
      0 AS people_taken_out, 50 AS position) d;
    INSERT INTO pleat.stack_combinations_current (
      generation, stack_id, technologies, usage_count, successes, failures, complexity_sum_millionths, complexity_count,
      people, people_taken_out, position, public_turns)
    SELECT 1, substring(sha256(convert_to(to_jsonb(ARRAY[key])::text, 'UTF8')) FOR 16), ARRAY[key], n, 1, 1, 0, 0, people, 0,
      position, CASE WHEN key <> 'hidden' THEN ARRAY[100::bigint] END
    FROM public.state;
    INSERT INTO pleat.stack_combinations (
      generation, stack_id, technologies, usage_count, successes, failures, complexity_sum_millionths, complexity_count,
      people, people_taken_out, position)
    SELECT 1, substring(sha256(convert_to(to_jsonb(ARRAY[key])::text, 'UTF8')) FOR 16), ARRAY[key], n, 1, 1, 0, 0, people, 0,
      position
    FROM public.past;
    INSERT INTO pleat.technology_pairs_current (
      generation, technology_a, technology_b, together, successes, failures, people, people_taken_out, announced, position)
    SELECT 1, key, '2', n, 1, 1, people, 0, false, position FROM public.state WHERE key <> '2';
    INSERT INTO pleat.technology_pairs (
      generation, technology_a, technology_b, together, successes, failures, people, people_taken_out, announced, position)
    SELECT 1, key, '2', n, 1, 1, people, 0, false, position FROM public.past WHERE key <> '2';
    INSERT INTO pleat.domains_current (
      generation, domain, projects, languages_sum, successes, failures, people, people_taken_out, position)
    SELECT 1, key, n, 9, 1, 1, people, 0, position FROM public.state;
    INSERT INTO pleat.domains (
      generation, domain, projects, languages_sum, successes, failures, people, people_taken_out, position)
    SELECT 1, key, n, 9, 1, 1, people, 0, position FROM public.past;
    INSERT INTO pleat.domain_stacks_current (
      generation, domain, stack_id, technologies, usage_count, successes, failures, people, people_taken_out, position)
    SELECT 1, d.key, s.key::bytea, ARRAY[s.key], s.n, 1, 0, s.people, 0, 50 FROM public.state d, public.state s;

    INSERT INTO pleat.team_stats_current (
      generation, team_id, name, members, projects_generated, projects_opened, wizard_steps, successes, failures,
      complexity_sum_millionths, complexity_count, first_activity, last_activity, position)
    SELECT 1, key, 'hidden from others', n, n, n, n, 1, 1, 0, 0, '2026-01-01Z', '2026-01-01Z', position FROM public.state;
    INSERT INTO pleat.team_stats (
      generation, team_id, name, members, projects_generated, projects_opened, wizard_steps, successes, failures,
      complexity_sum_millionths, complexity_count, first_activity, last_activity, position)
    SELECT 1, key, 'hidden from others', n, n, n, n, 1, 1, 0, 0, '2026-01-01Z', '2026-01-01Z', position FROM public.past;
    INSERT INTO pleat.team_activity_current (
      generation, team_id, day, events, projects_generated, projects_opened, wizard_steps, active_members, successes, failures,
      hashes, counts, estimate, position)
    SELECT 1, key, '2026-01-01', n, n, n, n, 1, 1, 1, '{7}', '{1}', false, position FROM public.state;
    INSERT INTO pleat.team_activity (
      generation, team_id, day, events, projects_generated, projects_opened, wizard_steps, active_members, successes, failures,
      hashes, counts, estimate, position)
    SELECT 1, key, '2026-01-01', n, n, n, n, 1, 1, 1, '{7}', '{1}', false, position FROM public.past;
    INSERT INTO pleat.team_technologies_current (
      generation, team_id, technologies, usage_counts, successes, failures, position)
    SELECT 1, key, '{1}', ARRAY[n], '{1}', '{1}', position FROM public.state;
    INSERT INTO pleat.team_technologies (
      generation, team_id, technologies, usage_counts, successes, failures, position)
    SELECT 1, key, '{1}', ARRAY[n], '{1}', '{1}', position FROM public.past;
    INSERT INTO pleat.prediction_calibration_current (
      generation, model_version, decile, predictions, outcomes, successes, probability_sum_millionths, squared_error_sum, position)
    SELECT 1, key, 3, n, 0, 0, n * 300000, 0, position FROM public.state WHERE key <> 'hidden';
    INSERT INTO pleat.prediction_calibration (
      generation, model_version, decile, predictions, outcomes, successes, probability_sum_millionths, squared_error_sum, position)
    SELECT 1, key, 3, n, 0, 0, n * 300000, 0, position FROM public.past WHERE key <> 'hidden';

    INSERT INTO pleat.model_metrics_current (
      generation, model_name, task_type, complexity_level, hour, requests, response_time_us, tokens_used, cost_nanodollars,
      quality_millionths, quality_samples, fallbacks, buckets, bucket_ranks, position)
    SELECT 1, key, 'chat', 'simple', '2026-01-01Z', n, 5, 5, 5, 0, 0, 0, '{1}', ARRAY[n], position FROM public.state
    WHERE key <> 'hidden';
    INSERT INTO pleat.model_metrics (
      generation, model_name, task_type, complexity_level, hour, requests, response_time_us, tokens_used, cost_nanodollars,
      quality_millionths, quality_samples, fallbacks, buckets, bucket_ranks, position)
    SELECT 1, key, 'chat', 'simple', '2026-01-01Z', n, 5, 5, 5, 0, 0, 0, '{1}', ARRAY[n], position FROM public.past
    WHERE key <> 'hidden';
    INSERT INTO pleat.model_days_current
    SELECT (jsonb_populate_record(NULL::pleat.model_days_current, to_jsonb(d))).*
    FROM (
      SELECT 1 AS generation, key AS model_name, 'chat' AS task_type, '2026-01-01'::date AS day, n AS requests,
        5 AS response_time_us, 0 AS response_time_squares, 5 AS tokens_used, 5 AS cost_nanodollars, 0 AS cost_squares,
        0 AS quality_millionths, 0 AS quality_squares, 0 AS quality_samples, 0 AS fallbacks, '{1}'::integer[] AS buckets,
        ARRAY[n] AS bucket_ranks, 0 AS announced, 50 AS position
      FROM public.state WHERE key <> 'hidden'
    ) d;

    INSERT INTO pleat.wizard_activity_current (
      generation, step, hour, completions, sessions, duration_buckets, duration_ranks, position)
    VALUES (1, 1, '2026-01-01Z', 9, 3, '{}', '{}', 240);
    INSERT INTO pleat.wizard_activity (generation, step, hour, completions, sessions, duration_buckets, duration_ranks, position)
    VALUES (1, 1, '2026-01-01Z', 5, 3, '{}', '{}', 100), (1, 1, '2026-01-01Z', 8, 3, '{}', '{}', 200);
    INSERT INTO pleat.wizard_sessions_current (generation, session, step, time, position)
    VALUES (1, 7, 1, '2026-01-03T11:30:00Z', 240), (1, 8, 2, '2026-01-03T11:29:59.999999Z', 239);
    INSERT INTO pleat.wizard_sessions (generation, step, sessions, position) VALUES (1, 1, 5, 100), (1, 3, 2, 100), (1, 4, 1, 200);
    INSERT INTO pleat.cache_stats_current (generation, cache, day, hits, misses, tokens_saved, cost_saved_nanodollars, position)
    VALUES (1, '1', '2026-01-01', 3, 1, 10, 1500000000, 240);
    INSERT INTO pleat.cache_stats (generation, cache, day, hits, misses, tokens_saved, cost_saved_nanodollars, position)
    VALUES (1, '1', '2026-01-01', 1, 1, 10, 500000000, 100), (1, '1', '2026-01-01', 2, 1, 10, 1000000000, 200);
    INSERT INTO pleat.errors_current (generation, component, severity, hour, occurrences, position)
    VALUES (1, '1', 'error', '2026-01-01Z', 9, 240);
    INSERT INTO pleat.errors (generation, component, severity, hour, occurrences, position)
    VALUES (1, '1', 'error', '2026-01-01Z', 5, 100), (1, '1', 'error', '2026-01-01Z', 8, 200);
    INSERT INTO pleat.technology_catalog (alias, technology, category, version) VALUES ('1', '1', 'other', 1);
    """
}
