-- The read contract's other half: what its views and columns mean, their past as functions, and who may read them.

-- Comments --------------------------------------------------------------------------------------------------------------------

COMMENT ON VIEW insights.technology_usage IS
  'Public projects and selections of a technology on a UTC day of event time. Shown to everybody from 10 people on.';
COMMENT ON COLUMN insights.technology_usage.technology IS 'Canonical name.';
COMMENT ON COLUMN insights.technology_usage.day IS 'UTC day of the project or selection.';
COMMENT ON COLUMN insights.technology_usage.category IS 'The catalog''s, else that of its first event, else other.';
COMMENT ON COLUMN insights.technology_usage.projects IS 'Public projects generated that day with the technology.';
COMMENT ON COLUMN insights.technology_usage.selections IS 'Times it was selected that day (stack_selected).';
COMMENT ON COLUMN insights.technology_usage.people IS 'People of those projects; exact up to 256, then an estimate.';
COMMENT ON COLUMN insights.technology_usage.successes IS 'Of those projects, with a success as newest feedback.';
COMMENT ON COLUMN insights.technology_usage.failures IS 'Of those projects, with a failure as newest feedback.';

COMMENT ON VIEW insights.technology_trends IS
  'How a technology does in the 30 days that end today (the date of the watermark), against the 30 days before. Shown to everybody from 10 people on.';
COMMENT ON COLUMN insights.technology_trends.technology_name IS 'Canonical name.';
COMMENT ON COLUMN insights.technology_trends.category IS 'The catalog''s, else that of its first event, else other.';
COMMENT ON COLUMN insights.technology_trends.usage_count IS 'Public projects with it in the current window.';
COMMENT ON COLUMN insights.technology_trends.people IS 'People of those projects; exact up to 256, then an estimate.';
COMMENT ON COLUMN insights.technology_trends.outcomes IS
  'Projects of the current window with an outcome: successes plus failures.';
COMMENT ON COLUMN insights.technology_trends.success_rate IS 'successes / outcomes; NULL where there are none.';
COMMENT ON COLUMN insights.technology_trends.success_rate_low IS 'Lower end of its Wilson 95% interval.';
COMMENT ON COLUMN insights.technology_trends.success_rate_high IS 'Upper end of its Wilson 95% interval.';
COMMENT ON COLUMN insights.technology_trends.previous_usage_count IS 'Public projects with it in the previous window.';
COMMENT ON COLUMN insights.technology_trends.share IS
  'Part of the current window''s public projects with it; NULL where there are none.';
COMMENT ON COLUMN insights.technology_trends.previous_share IS 'The same of the previous window.';
COMMENT ON COLUMN insights.technology_trends.trend_percentage IS
  '100 × (share / previous_share − 1); NULL where previous_share is 0 or NULL.';
COMMENT ON COLUMN insights.technology_trends.trend_z IS
  'Pooled two-proportion z of share against previous_share; NULL where a window has no project at all.';
COMMENT ON COLUMN insights.technology_trends.trend_direction IS
  'up, down or stable: up or down where |trend_z| ≥ 2.576 and |trend_percentage| ≥ 5 or NULL.';
COMMENT ON COLUMN insights.technology_trends.first_seen IS 'Least event time of the projects ever counted here.';
COMMENT ON COLUMN insights.technology_trends.aggregated_at IS
  'The watermark: the greatest event time folded, less 5 minutes.';

COMMENT ON VIEW insights.stack_combinations IS
  'The whole set of a project''s technologies, over all time. Shown to everybody from 10 people on.';
COMMENT ON COLUMN insights.stack_combinations.technologies IS 'The set: an array of names, sorted by bytes.';
COMMENT ON COLUMN insights.stack_combinations.size IS 'How many they are.';
COMMENT ON COLUMN insights.stack_combinations.usage_count IS 'Public projects with exactly this set.';
COMMENT ON COLUMN insights.stack_combinations.people IS 'People of those projects; exact up to 256, then an estimate.';
COMMENT ON COLUMN insights.stack_combinations.outcomes IS 'Projects with an outcome: successes plus failures.';
COMMENT ON COLUMN insights.stack_combinations.avg_success_rate IS 'successes / outcomes; NULL where there are none.';
COMMENT ON COLUMN insights.stack_combinations.success_rate_low IS 'Lower end of its Wilson 95% interval.';
COMMENT ON COLUMN insights.stack_combinations.success_rate_high IS 'Upper end of its Wilson 95% interval.';
COMMENT ON COLUMN insights.stack_combinations.avg_complexity IS
  'Mean complexity, 0–1, of those projects that have one.';
COMMENT ON COLUMN insights.stack_combinations.first_seen IS 'Least event time of the projects ever counted here.';
COMMENT ON COLUMN insights.stack_combinations.last_seen IS 'Greatest event time of the projects ever counted here.';
COMMENT ON COLUMN insights.stack_combinations.current_usage_count IS
  'Public projects with this set in the 30 days that end today.';
COMMENT ON COLUMN insights.stack_combinations.previous_usage_count IS 'The same in the 30 days before.';
COMMENT ON COLUMN insights.stack_combinations.share IS
  'Part of the current window''s public projects with this set; NULL where there are none.';
COMMENT ON COLUMN insights.stack_combinations.previous_share IS 'The same of the previous window.';
COMMENT ON COLUMN insights.stack_combinations.trend_percentage IS
  '100 × (share / previous_share − 1); NULL where previous_share is 0 or NULL.';
COMMENT ON COLUMN insights.stack_combinations.trend_z IS
  'Pooled two-proportion z of share against previous_share; NULL where a window has no project at all.';
COMMENT ON COLUMN insights.stack_combinations.trend_direction IS
  'up, down or stable: up or down where |trend_z| ≥ 2.576 and |trend_percentage| ≥ 5 or NULL.';

COMMENT ON VIEW insights.technology_pairs IS
  'Two technologies in one project, over all time. Shown to everybody from 10 people on.';
COMMENT ON COLUMN insights.technology_pairs.technology_a IS 'The one whose name comes first by its bytes.';
COMMENT ON COLUMN insights.technology_pairs.technology_b IS 'The other.';
COMMENT ON COLUMN insights.technology_pairs.together IS 'Public projects with both.';
COMMENT ON COLUMN insights.technology_pairs.people IS 'People of those projects; exact up to 256, then an estimate.';
COMMENT ON COLUMN insights.technology_pairs.jaccard IS 'together / the public projects with either.';
COMMENT ON COLUMN insights.technology_pairs.lift IS
  'together × projects / (a × b): 1 where they go together as often as chance has it.';
COMMENT ON COLUMN insights.technology_pairs.g IS 'Log-likelihood ratio, 2·Σ o·ln(o/e) over the four cells.';
COMMENT ON COLUMN insights.technology_pairs.outcomes IS 'Of those projects, with an outcome: successes plus failures.';
COMMENT ON COLUMN insights.technology_pairs.success_rate IS 'successes / outcomes; NULL where there are none.';
COMMENT ON COLUMN insights.technology_pairs.success_rate_low IS 'Lower end of its Wilson 95% interval.';
COMMENT ON COLUMN insights.technology_pairs.success_rate_high IS 'Upper end of its Wilson 95% interval.';

COMMENT ON VIEW insights.domain_patterns IS
  'What projects of a domain are built with, over all time. Shown to everybody from 10 people on.';
COMMENT ON COLUMN insights.domain_patterns.domain IS 'The project_type.';
COMMENT ON COLUMN insights.domain_patterns.sample_size IS 'Public projects of the domain.';
COMMENT ON COLUMN insights.domain_patterns.people IS 'People of those projects; exact up to 256, then an estimate.';
COMMENT ON COLUMN insights.domain_patterns.popular_stacks IS
  'The 10 most used combinations, each technologies, usage_count, success_rate; to everybody, of those with 10 people or more.';
COMMENT ON COLUMN insights.domain_patterns.average_languages_count IS 'Technologies of category language a project.';
COMMENT ON COLUMN insights.domain_patterns.success_metrics IS
  'success_rate with its Wilson 95% interval low to high, and outcomes.';

COMMENT ON VIEW insights.team_stats IS 'A team over all time, of projects with any sharing but none.';
COMMENT ON COLUMN insights.team_stats.team_id IS 'As the events carry it.';
COMMENT ON COLUMN insights.team_stats.name IS 'Of the newest team_created; NULL without one.';
COMMENT ON COLUMN insights.team_stats.members IS 'Those whose newest membership event is not a removal.';
COMMENT ON COLUMN insights.team_stats.projects_generated IS 'Projects of the team.';
COMMENT ON COLUMN insights.team_stats.projects_opened IS 'Openings of these projects.';
COMMENT ON COLUMN insights.team_stats.wizard_steps IS 'Wizard steps that carry the team_id.';
COMMENT ON COLUMN insights.team_stats.active_members IS
  'People of the team''s events in the current window; exact up to 256, then an estimate.';
COMMENT ON COLUMN insights.team_stats.outcomes IS 'Projects with an outcome: successes plus failures.';
COMMENT ON COLUMN insights.team_stats.success_rate IS 'successes / outcomes; NULL where there are none.';
COMMENT ON COLUMN insights.team_stats.success_rate_low IS 'Lower end of its Wilson 95% interval.';
COMMENT ON COLUMN insights.team_stats.success_rate_high IS 'Upper end of its Wilson 95% interval.';
COMMENT ON COLUMN insights.team_stats.avg_complexity IS 'Mean complexity, 0–1, of the projects that have one.';
COMMENT ON COLUMN insights.team_stats.first_activity IS 'Least event time of the events that carry the team_id.';
COMMENT ON COLUMN insights.team_stats.last_activity IS 'Greatest event time of the events that carry the team_id.';

COMMENT ON VIEW insights.team_activity IS 'A team on a UTC day of event time.';
COMMENT ON COLUMN insights.team_activity.team_id IS 'As the events carry it.';
COMMENT ON COLUMN insights.team_activity.day IS 'UTC day.';
COMMENT ON COLUMN insights.team_activity.projects_generated IS 'Projects of the team generated that day.';
COMMENT ON COLUMN insights.team_activity.projects_opened IS 'Openings that day of the team''s projects.';
COMMENT ON COLUMN insights.team_activity.wizard_steps IS 'Wizard steps that day.';
COMMENT ON COLUMN insights.team_activity.active_members IS
  'People of that day''s events; exact up to 256, then an estimate.';
COMMENT ON COLUMN insights.team_activity.successes IS
  'Of the projects generated that day, with a success as newest feedback.';
COMMENT ON COLUMN insights.team_activity.failures IS
  'Of the projects generated that day, with a failure as newest feedback.';

COMMENT ON VIEW insights.team_technologies IS 'What a team builds with, over all time.';
COMMENT ON COLUMN insights.team_technologies.team_id IS 'As the events carry it.';
COMMENT ON COLUMN insights.team_technologies.technology IS 'Canonical name.';
COMMENT ON COLUMN insights.team_technologies.usage_count IS 'Projects of the team with it.';
COMMENT ON COLUMN insights.team_technologies.successes IS 'Of these, with a success as newest feedback.';
COMMENT ON COLUMN insights.team_technologies.failures IS 'Of these, with a failure as newest feedback.';
COMMENT ON COLUMN insights.team_technologies.weight IS '(successes + 1) / (successes + failures + 2) × usage_count.';

COMMENT ON VIEW insights.model_metrics IS
  'Calls of a model for a task type and complexity in a UTC hour of event time.';
COMMENT ON COLUMN insights.model_metrics.model_name IS 'As the events name it.';
COMMENT ON COLUMN insights.model_metrics.task_type IS 'As the events name it.';
COMMENT ON COLUMN insights.model_metrics.complexity_level IS 'simple, medium, complex or very_high.';
COMMENT ON COLUMN insights.model_metrics.hour IS 'Start of the UTC hour.';
COMMENT ON COLUMN insights.model_metrics.requests IS 'Calls.';
COMMENT ON COLUMN insights.model_metrics.response_time_ms IS 'Mean response time, in milliseconds.';
COMMENT ON COLUMN insights.model_metrics.response_time_ms_p50 IS
  'Median response time by nearest rank, within 1%, in milliseconds.';
COMMENT ON COLUMN insights.model_metrics.response_time_ms_p95 IS 'The same, 95th percentile.';
COMMENT ON COLUMN insights.model_metrics.response_time_ms_p99 IS 'The same, 99th percentile.';
COMMENT ON COLUMN insights.model_metrics.tokens_used IS 'Tokens of these calls.';
COMMENT ON COLUMN insights.model_metrics.cost_usd IS 'Cost of these calls in dollars, exact.';
COMMENT ON COLUMN insights.model_metrics.quality_score IS
  'Mean quality score, 0–1, of the calls that have one; NULL without any.';
COMMENT ON COLUMN insights.model_metrics.quality_samples IS 'How many have one.';
COMMENT ON COLUMN insights.model_metrics.fallbacks IS 'How many went to a fallback.';

COMMENT ON VIEW insights.model_performance IS
  'A model in the 30 days that end today (the date of the watermark), and means of the 30 days before.';
COMMENT ON COLUMN insights.model_performance.model_name IS 'As the events name it.';
COMMENT ON COLUMN insights.model_performance.requests IS 'Calls in the current window.';
COMMENT ON COLUMN insights.model_performance.response_time_ms IS 'Mean response time, in milliseconds.';
COMMENT ON COLUMN insights.model_performance.response_time_ms_p50 IS
  'Median response time by nearest rank, within 1%, in milliseconds.';
COMMENT ON COLUMN insights.model_performance.response_time_ms_p95 IS 'The same, 95th percentile.';
COMMENT ON COLUMN insights.model_performance.response_time_ms_p99 IS 'The same, 99th percentile.';
COMMENT ON COLUMN insights.model_performance.tokens_used IS 'Tokens of these calls.';
COMMENT ON COLUMN insights.model_performance.cost_usd IS 'Cost of these calls in dollars, exact.';
COMMENT ON COLUMN insights.model_performance.quality_score IS
  'Mean quality score, 0–1, of the calls that have one; NULL without any.';
COMMENT ON COLUMN insights.model_performance.quality_samples IS 'How many have one.';
COMMENT ON COLUMN insights.model_performance.fallbacks IS 'How many went to a fallback.';
COMMENT ON COLUMN insights.model_performance.mean_cost_usd IS 'Mean cost of a call in dollars.';
COMMENT ON COLUMN insights.model_performance.previous_requests IS 'Calls in the previous window.';
COMMENT ON COLUMN insights.model_performance.previous_mean_cost_usd IS 'Mean cost of those in dollars.';
COMMENT ON COLUMN insights.model_performance.previous_response_time_ms IS
  'Mean response time of those in milliseconds.';
COMMENT ON COLUMN insights.model_performance.previous_quality_score IS
  'Mean quality score, 0–1, of those that have one.';

COMMENT ON VIEW insights.prediction_calibration IS
  'How well a model version''s probabilities of success agree with what became of the projects, over all time.';
COMMENT ON COLUMN insights.prediction_calibration.model_version IS 'As the events name it.';
COMMENT ON COLUMN insights.prediction_calibration.decile IS '⌊10 × probability⌋; 1.0 is in 9.';
COMMENT ON COLUMN insights.prediction_calibration.predictions IS
  'One a project: the newest that is older than the project''s first feedback.';
COMMENT ON COLUMN insights.prediction_calibration.outcomes IS 'Of these, projects with an outcome.';
COMMENT ON COLUMN insights.prediction_calibration.successes IS 'Of these, successes.';
COMMENT ON COLUMN insights.prediction_calibration.mean_probability IS 'Of all predictions.';
COMMENT ON COLUMN insights.prediction_calibration.brier IS
  'Mean of (probability − outcome)² of those with an outcome; NULL without any.';

COMMENT ON VIEW insights.wizard_activity IS 'Steps of the wizard completed in a UTC hour of event time.';
COMMENT ON COLUMN insights.wizard_activity.step IS 'The step, from 1.';
COMMENT ON COLUMN insights.wizard_activity.hour IS 'Start of the UTC hour.';
COMMENT ON COLUMN insights.wizard_activity.completions IS 'How often it was completed.';
COMMENT ON COLUMN insights.wizard_activity.sessions IS 'In how many sessions; exact up to 256, then an estimate.';
COMMENT ON COLUMN insights.wizard_activity.duration_ms_p50 IS
  'Median duration by nearest rank, within 1%, in milliseconds, of those that have one; NULL without any.';
COMMENT ON COLUMN insights.wizard_activity.duration_ms_p95 IS 'The same, 95th percentile.';

COMMENT ON VIEW insights.wizard_now IS
  'Where the wizard''s sessions are: by the newest step they completed, if no longer than 30 minutes before the watermark.';
COMMENT ON COLUMN insights.wizard_now.step IS 'The step completed last, by event time.';
COMMENT ON COLUMN insights.wizard_now.sessions IS 'How many sessions, exactly.';

COMMENT ON VIEW insights.cache_stats IS 'Look-ups in a cache on a UTC day of event time.';
COMMENT ON COLUMN insights.cache_stats.cache IS 'As the events name it.';
COMMENT ON COLUMN insights.cache_stats.day IS 'UTC day.';
COMMENT ON COLUMN insights.cache_stats.hits IS 'Look-ups that found something.';
COMMENT ON COLUMN insights.cache_stats.misses IS 'Look-ups that did not.';
COMMENT ON COLUMN insights.cache_stats.hit_rate IS 'hits / (hits + misses).';
COMMENT ON COLUMN insights.cache_stats.tokens_saved IS 'Tokens saved, as hits and misses say.';
COMMENT ON COLUMN insights.cache_stats.cost_saved_usd IS 'Dollars saved, as hits and misses say, exact.';

COMMENT ON VIEW insights.errors IS 'Errors of a component in a UTC hour of event time.';
COMMENT ON COLUMN insights.errors.component IS 'As the events name it.';
COMMENT ON COLUMN insights.errors.severity IS 'info, warning, error or critical.';
COMMENT ON COLUMN insights.errors.hour IS 'Start of the UTC hour.';
COMMENT ON COLUMN insights.errors.occurrences IS 'How many.';

COMMENT ON VIEW insights.freshness IS 'How far each projection is, and ingest before them.';
COMMENT ON COLUMN insights.freshness.projection IS 'projects, models, activity; and ingest, which fills the journal.';
COMMENT ON COLUMN insights.freshness.generation IS 'The live generation; NULL for ingest.';
COMMENT ON COLUMN insights.freshness.position IS
  'Journal position of the last event folded, 0 for none; for ingest the last one journaled.';
COMMENT ON COLUMN insights.freshness.watermark IS 'The greatest event time there, less 5 minutes.';
COMMENT ON COLUMN insights.freshness.behind_positions IS
  'Journaled events not folded yet; for ingest, records in Kafka not read yet.';
COMMENT ON COLUMN insights.freshness.behind_seconds IS 'The journal''s watermark less its own, in seconds.';
COMMENT ON COLUMN insights.freshness.updated_at IS 'The database''s clock at the last commit.';
COMMENT ON COLUMN insights.freshness.state IS 'live, catching_up, failed or stopped (nobody runs it).';

COMMENT ON VIEW insights.technology_catalog IS 'The names that technologies are known by.';
COMMENT ON COLUMN insights.technology_catalog.alias IS 'A name as events may spell it, without regard to ASCII case.';
COMMENT ON COLUMN insights.technology_catalog.technology IS 'The canonical name, under which it counts.';
COMMENT ON COLUMN insights.technology_catalog.category IS 'Its category.';
COMMENT ON COLUMN insights.technology_catalog.version IS 'Of the catalog.';

-- The views without the threshold have the same columns, and mean the same.
DO $copy$
DECLARE
  comment record;
BEGIN
  FOR comment IN
    SELECT v.relname, a.attname, d.description
    FROM pg_catalog.pg_class v
    JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = v.oid
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid AND a.attnum = d.objsubid AND a.attnum > 0
    WHERE v.relnamespace = 'insights'::regnamespace AND v.relkind = 'v'
  LOOP
    IF comment.attname IS NULL THEN
      EXECUTE format('COMMENT ON VIEW pleat_unmasked.%I IS %L', comment.relname,
        replace(comment.description, 'Shown to everybody from 10 people on.', 'Without the threshold.'));
    ELSE
      EXECUTE format('COMMENT ON COLUMN pleat_unmasked.%I.%I IS %L', comment.relname, comment.attname, comment.description);
    END IF;
  END LOOP;
END
$copy$;
COMMENT ON COLUMN pleat_unmasked.freshness.reason IS 'Why it does not go on, where it does not.';
COMMENT ON COLUMN pleat_unmasked.domain_patterns.popular_stacks IS
  'The 10 most used combinations, each technologies, usage_count, success_rate.';

-- The past ---------------------------------------------------------------------------------------------------------------------

-- V_at, for each view that has a past: the view, as of a position or a time. It puts the setting back; where an error keeps it
-- from that, PostgreSQL does, since the setting was local to the transaction, or savepoint, that the error undoes. What is no
-- position, or no time that RFC 3339 can write, is the error 22023 of the setting. A whole view fits into work_mem.
DO $at$
DECLARE
  reading record;
BEGIN
  FOR reading IN
    SELECT n.nspname AS schema, v.relname AS view, a.type, a.value, a.meaning
    FROM pg_catalog.pg_class v
    JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
    CROSS JOIN (VALUES
      ('bigint', 'coalesce(as_of::text, ''NULL'')', 'a journal position'),
      ('timestamptz',
        'CASE WHEN as_of >= ''0001-01-01T00:00:00Z'' AND as_of < ''10000-01-01T00:00:00Z'''
        ' THEN to_char(as_of AT TIME ZONE ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.US"Z"'')'
        ' ELSE coalesce(as_of::text, ''NULL'') END',
        'a time')) AS a (type, value, meaning)
    WHERE n.nspname IN ('insights', 'pleat_unmasked') AND v.relkind = 'v'
      AND v.relname NOT IN ('freshness', 'technology_catalog')
  LOOP
    EXECUTE format($create$
      CREATE FUNCTION %1$I.%2$I(as_of %3$s) RETURNS SETOF %1$I.%4$I
      LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' AS $function$
      DECLARE
        v_before text := coalesce(current_setting('pleat.as_of', true), '');
      BEGIN
        PERFORM set_config('pleat.as_of', %5$s, true);
        RETURN QUERY SELECT * FROM %1$I.%4$I;
        PERFORM set_config('pleat.as_of', v_before, true);
      END
      $function$
      $create$, reading.schema, reading.view || '_at', reading.type, reading.view, reading.value);
    EXECUTE format('COMMENT ON FUNCTION %I.%I(%s) IS %L', reading.schema, reading.view || '_at', reading.type,
      format('%s.%s at the last turn of the day up to %s; the setting pleat.as_of stays what it was.',
        reading.schema, reading.view, reading.meaning));
  END LOOP;
END
$at$;

-- One stack -------------------------------------------------------------------------------------------------------------------

-- A condition `technologies = …` of a reader looks at the names of every stack that may be shown. This finds the one by its id: see 0002.
CREATE FUNCTION insights.stack_combination(technologies jsonb) RETURNS SETOF insights.stack_combinations
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT r.technologies, r.size, r.usage_count, r.people, r.outcomes, r.avg_success_rate, r.success_rate_low,
    r.success_rate_high, r.avg_complexity, r.first_seen, r.last_seen, r.current_usage_count, r.previous_usage_count, r.share,
    r.previous_share, r.trend_percentage, r.trend_z, r.trend_direction
  FROM pleat.stack_combinations_rows r
  WHERE r.people - r.people_taken_out >= 10
    AND r.stack_id = (
      SELECT substring(sha256(convert_to('[' || string_agg(name::text, ',' ORDER BY name #>> '{}' COLLATE "C") || ']', 'UTF8')) FOR 16)
      FROM jsonb_array_elements(CASE WHEN jsonb_typeof(stack_combination.technologies) = 'array'
        THEN stack_combination.technologies END) AS name);
END;
COMMENT ON FUNCTION insights.stack_combination IS
  'The row of insights.stack_combinations with these technologies (an array of names, in any order), found by index; none if there is none to be shown.';

-- Grants -----------------------------------------------------------------------------------------------------------------------

-- Views read their tables as their owner, but call functions as the reader.
REVOKE EXECUTE ON FUNCTION
  pleat.as_of_position, pleat.as_of_is_readable, pleat.seen, pleat.wilson_low, pleat.wilson_high, pleat.share,
  pleat.trend_percentage, pleat.trend_z, pleat.trend_direction, pleat.people, pleat.bucket_middle, pleat.quantile,
  pleat.as_count, pleat.likelihood, pleat.pair_g, pleat.replace_technology_catalog
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  pleat.as_of_position, pleat.as_of_is_readable, pleat.seen, pleat.wilson_low, pleat.wilson_high, pleat.share, pleat.trend_percentage, pleat.trend_z,
  pleat.trend_direction, pleat.people, pleat.bucket_middle, pleat.quantile, pleat.as_count, pleat.likelihood, pleat.pair_g
TO pleat_reader, pleat_team_reader, pleat_operator, pleat_writer;
GRANT EXECUTE ON FUNCTION pleat.replace_technology_catalog TO pleat_writer;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA insights, pleat_unmasked FROM PUBLIC;

GRANT USAGE ON SCHEMA insights TO pleat_reader, pleat_team_reader, pleat_operator;
GRANT USAGE ON SCHEMA pleat_unmasked TO pleat_operator;
GRANT SELECT ON
  insights.technology_usage, insights.technology_trends, insights.stack_combinations, insights.technology_pairs,
  insights.domain_patterns, insights.model_metrics, insights.model_performance, insights.prediction_calibration,
  insights.wizard_activity, insights.wizard_now, insights.cache_stats, insights.errors, insights.freshness,
  insights.technology_catalog
TO pleat_reader;
GRANT SELECT ON insights.team_stats, insights.team_activity, insights.team_technologies TO pleat_team_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pleat_unmasked TO pleat_operator;

-- Who may read a view may read its past.
GRANT EXECUTE ON FUNCTION
  insights.technology_usage_at(bigint), insights.technology_usage_at(timestamptz),
  insights.technology_trends_at(bigint), insights.technology_trends_at(timestamptz),
  insights.stack_combinations_at(bigint), insights.stack_combinations_at(timestamptz),
  insights.technology_pairs_at(bigint), insights.technology_pairs_at(timestamptz),
  insights.domain_patterns_at(bigint), insights.domain_patterns_at(timestamptz),
  insights.model_metrics_at(bigint), insights.model_metrics_at(timestamptz),
  insights.model_performance_at(bigint), insights.model_performance_at(timestamptz),
  insights.prediction_calibration_at(bigint), insights.prediction_calibration_at(timestamptz),
  insights.wizard_activity_at(bigint), insights.wizard_activity_at(timestamptz),
  insights.wizard_now_at(bigint), insights.wizard_now_at(timestamptz),
  insights.cache_stats_at(bigint), insights.cache_stats_at(timestamptz),
  insights.errors_at(bigint), insights.errors_at(timestamptz), insights.stack_combination
TO pleat_reader;
GRANT EXECUTE ON FUNCTION
  insights.team_stats_at(bigint), insights.team_stats_at(timestamptz),
  insights.team_activity_at(bigint), insights.team_activity_at(timestamptz),
  insights.team_technologies_at(bigint), insights.team_technologies_at(timestamptz)
TO pleat_team_reader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pleat_unmasked TO pleat_operator;
