-- The tables of the projection `activity`: wizard steps, caches, errors. They belong to no project and always count.
--
-- T_current holds each key's newest state, T its versions, as in 0002. See projections.md: wizard_activity, wizard_now,
-- cache_stats, errors.

-- wizard_activity -----------------------------------------------------------------------------------------------------

CREATE TABLE pleat.wizard_activity_current (
  generation       integer NOT NULL,
  step             smallint NOT NULL,
  hour             timestamptz NOT NULL,
  completions      bigint NOT NULL,
  sessions         bigint NOT NULL,
  duration_buckets integer[] NOT NULL,
  duration_ranks   bigint[] NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, step, hour)
) WITH (fillfactor = 80);
CREATE TABLE pleat.wizard_activity (
  generation       integer NOT NULL,
  step             smallint NOT NULL,
  hour             timestamptz NOT NULL,
  completions      bigint NOT NULL,
  sessions         bigint NOT NULL,
  duration_buckets integer[] NOT NULL,
  duration_ranks   bigint[] NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, step, hour, position)
);
-- The order of the view, where steps are bigint.
CREATE INDEX wizard_activity_in_order ON pleat.wizard_activity_current (generation, (step::bigint), hour);
COMMENT ON TABLE pleat.wizard_activity_current IS 'Wizard steps completed, by UTC hour of event time.';
COMMENT ON COLUMN pleat.wizard_activity_current.completions IS 'wizard_step_completed events.';
COMMENT ON COLUMN pleat.wizard_activity_current.sessions IS 'Of wizard_sketches: exact, or an estimate.';
COMMENT ON COLUMN pleat.wizard_activity_current.duration_buckets IS
  'Histogram of the durations, in microseconds: the buckets in use, ascending; pleat.bucket_middle says what they cover.';
COMMENT ON COLUMN pleat.wizard_activity_current.duration_ranks IS
  'For each of the buckets, how many durations lie in it or below it.';
COMMENT ON TABLE pleat.wizard_activity IS 'Wizard steps completed, by UTC hour of event time: versions.';
COMMENT ON COLUMN pleat.wizard_activity.completions IS 'wizard_step_completed events.';
COMMENT ON COLUMN pleat.wizard_activity.sessions IS 'Of wizard_sketches: exact, or an estimate.';
COMMENT ON COLUMN pleat.wizard_activity.duration_buckets IS
  'Histogram of the durations, in microseconds: the buckets in use, ascending; pleat.bucket_middle says what they cover.';
COMMENT ON COLUMN pleat.wizard_activity.duration_ranks IS
  'For each of the buckets, how many durations lie in it or below it.';
GRANT SELECT, INSERT, UPDATE ON pleat.wizard_activity_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.wizard_activity TO pleat_writer;

-- wizard_sketches -----------------------------------------------------------------------------------------------------

CREATE TABLE pleat.wizard_sketches_current (
  generation integer NOT NULL,
  step       smallint NOT NULL,
  hour       timestamptz NOT NULL,
  hashes     bigint[] NOT NULL,
  counts     bigint[] NOT NULL,
  estimate   boolean NOT NULL,
  position   bigint NOT NULL,
  PRIMARY KEY (generation, step, hour)
) WITH (fillfactor = 80);
COMMENT ON TABLE pleat.wizard_sketches_current IS
  'The sessions behind wizard_activity: k minimum values. Inner state: no versions.';
COMMENT ON COLUMN pleat.wizard_sketches_current.hashes IS
  'Smallest keyed hashes of session ids, at most 256, sorted, in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.wizard_sketches_current.counts IS
  'Steps behind each of hashes; empty for an estimate, which nobody leaves.';
COMMENT ON COLUMN pleat.wizard_sketches_current.estimate IS
  'More than 256 sessions came: their number is an estimate for good.';
GRANT SELECT, INSERT, UPDATE ON pleat.wizard_sketches_current TO pleat_writer;

-- wizard_sessions -----------------------------------------------------------------------------------------------------

CREATE TABLE pleat.wizard_sessions_current (
  generation integer NOT NULL,
  session    bigint NOT NULL,
  step       smallint NOT NULL,
  time       timestamptz NOT NULL,
  position   bigint NOT NULL,
  PRIMARY KEY (generation, session)
) WITH (fillfactor = 80);
CREATE TABLE pleat.wizard_sessions (
  generation integer NOT NULL,
  step       smallint NOT NULL,
  sessions   bigint NOT NULL,
  position   bigint NOT NULL,
  PRIMARY KEY (generation, position, step)
);
COMMENT ON TABLE pleat.wizard_sessions_current IS 'The newest completed step of each session that may still count in wizard_now.';
COMMENT ON COLUMN pleat.wizard_sessions_current.session IS
  'Keyed hash of the session_id, in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.wizard_sessions_current.step IS 'Of the newest event: greatest (event time, position).';
COMMENT ON COLUMN pleat.wizard_sessions_current.time IS 'Its event time.';
COMMENT ON COLUMN pleat.wizard_sessions_current.position IS 'Its position.';
COMMENT ON TABLE pleat.wizard_sessions IS
  'wizard_now at each turn of the day: how many sessions of wizard_sessions_current counted. Whole, not only what had changed.';
GRANT SELECT, INSERT, UPDATE ON pleat.wizard_sessions_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.wizard_sessions TO pleat_writer;

-- Why a row older than 30 minutes before the watermark may go: it does not count. The watermark only grows, so it will not count
-- later either, unless its session gets a newer event. An event that counts then has a time at or after the watermark less 30
-- minutes, and so is newer than the row, which has none of that: it makes the same row with the old one there and without. And
-- an event older than that does not count, whichever of both is kept. So no view depends on when rows go; that they go at turns
-- of the hour makes the table itself a function of the journal.
CREATE FUNCTION pleat.end_wizard_sessions(p_generation integer, p_watermark timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  v_count bigint;
BEGIN
  IF NOT EXISTS (
    SELECT FROM pleat.projection_cursors c
    WHERE c.projection = 'activity' AND c.generation = p_generation
      AND c.greatest_time - interval '5 minutes' >= p_watermark
  ) THEN
    RAISE EXCEPTION 'generation % of activity has not reached the watermark %', p_generation, p_watermark
      USING ERRCODE = 'PL003';
  END IF;
  DELETE FROM pleat.wizard_sessions_current s
    WHERE s.generation = p_generation AND s.time < p_watermark - interval '30 minutes';
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END
$function$;
COMMENT ON FUNCTION pleat.end_wizard_sessions IS
  'Deletes the sessions that a watermark which the generation has reached leaves behind for good, in the transaction of a turn of the hour; returns how many.';
REVOKE EXECUTE ON FUNCTION pleat.end_wizard_sessions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pleat.end_wizard_sessions TO pleat_writer;

-- cache_stats ---------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.cache_stats_current (
  generation             integer NOT NULL,
  cache                  text COLLATE "C" NOT NULL,
  day                    date NOT NULL,
  hits                   bigint NOT NULL,
  misses                 bigint NOT NULL,
  tokens_saved           numeric NOT NULL,
  cost_saved_nanodollars numeric NOT NULL,
  position               bigint NOT NULL,
  PRIMARY KEY (generation, cache, day)
) WITH (fillfactor = 80);
CREATE TABLE pleat.cache_stats (
  generation             integer NOT NULL,
  cache                  text COLLATE "C" NOT NULL,
  day                    date NOT NULL,
  hits                   bigint NOT NULL,
  misses                 bigint NOT NULL,
  tokens_saved           numeric NOT NULL,
  cost_saved_nanodollars numeric NOT NULL,
  position               bigint NOT NULL,
  PRIMARY KEY (generation, cache, day, position)
);
COMMENT ON TABLE pleat.cache_stats_current IS 'Look-ups in a cache by UTC day of event time.';
COMMENT ON COLUMN pleat.cache_stats_current.tokens_saved IS 'Of hits and misses.';
COMMENT ON COLUMN pleat.cache_stats_current.cost_saved_nanodollars IS 'Of hits and misses, in 10^-9 dollars.';
COMMENT ON TABLE pleat.cache_stats IS 'Look-ups in a cache by UTC day of event time: versions.';
COMMENT ON COLUMN pleat.cache_stats.tokens_saved IS 'Of hits and misses.';
COMMENT ON COLUMN pleat.cache_stats.cost_saved_nanodollars IS 'Of hits and misses, in 10^-9 dollars.';
GRANT SELECT, INSERT, UPDATE ON pleat.cache_stats_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.cache_stats TO pleat_writer;

-- errors --------------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.errors_current (
  generation  integer NOT NULL,
  component   text COLLATE "C" NOT NULL,
  severity    text COLLATE "C" NOT NULL,
  hour        timestamptz NOT NULL,
  occurrences bigint NOT NULL,
  position    bigint NOT NULL,
  PRIMARY KEY (generation, component, severity, hour)
) WITH (fillfactor = 80);
CREATE TABLE pleat.errors (
  generation  integer NOT NULL,
  component   text COLLATE "C" NOT NULL,
  severity    text COLLATE "C" NOT NULL,
  hour        timestamptz NOT NULL,
  occurrences bigint NOT NULL,
  position    bigint NOT NULL,
  PRIMARY KEY (generation, component, severity, hour, position)
);
COMMENT ON TABLE pleat.errors_current IS 'Errors by component, severity and UTC hour of event time.';
COMMENT ON COLUMN pleat.errors_current.severity IS 'info, warning, error or critical.';
COMMENT ON TABLE pleat.errors IS 'Errors by component, severity and UTC hour of event time: versions.';
COMMENT ON COLUMN pleat.errors.severity IS 'info, warning, error or critical.';
GRANT SELECT, INSERT, UPDATE ON pleat.errors_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.errors TO pleat_writer;
