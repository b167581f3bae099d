-- The read contract: what projections.md says of every view, over the rows of the live generations as pleat.as_of shows them.
--
-- Each view is written once. Where a threshold holds, the whole of it is `pleat.V_rows`; `insights.V` and `pleat_unmasked.V`
-- select from that, the former with the threshold in its outermost SELECT and as a security barrier. What is computed for a row
-- from other rows (windows, people) is a LATERAL subquery by its key: so one row, or the first hundred, cost as much as they
-- are, and a condition on a key reaches the scans, since equality of text, dates and numbers is leakproof. The views of
-- insights are in the order of their keys, which is that of an index: the planner does not look for it beyond the barrier.

CREATE SCHEMA IF NOT EXISTS insights AUTHORIZATION pleat_owner;
CREATE SCHEMA IF NOT EXISTS pleat_unmasked AUTHORIZATION pleat_owner;
COMMENT ON SCHEMA insights IS 'What Pleat tells everybody: the read contract.';
COMMENT ON SCHEMA pleat_unmasked IS 'The views of insights without the threshold, for operators.';

-- What is seen -----------------------------------------------------------------------------------------------------------------

-- Where the views of each projection stand: one row, or none where there is nothing to see (before the first turn of the day).
CREATE VIEW pleat.projects_now AS
SELECT s.generation, s.turn, s.watermark, s.today FROM pleat.seen('projects') s;
COMMENT ON VIEW pleat.projects_now IS 'Where the views of the projection projects stand: one row at most.';

CREATE VIEW pleat.models_now AS
SELECT s.generation, s.turn, s.watermark, s.today FROM pleat.seen('models') s;
COMMENT ON VIEW pleat.models_now IS 'Where the views of the projection models stand: one row at most.';

CREATE VIEW pleat.activity_now AS
SELECT s.generation, s.turn, s.watermark, s.today FROM pleat.seen('activity') s;
COMMENT ON VIEW pleat.activity_now IS 'Where the views of the projection activity stand: one row at most.';

-- The rows of each table as they are seen, with one form for all: T_current has every key there ever was, and leads. A row that
-- has not changed since the turn seen (or, now, any row) stands for itself; for any other the newest version at or before that
-- turn is looked up, if it has one. T_current stays a table that the planner can join, look up by key, or read in order; and
-- which of both branches a row needs is a filter that costs nothing to fail. Positions are greater than 0: what stands beside
-- that is never evaluated, but volatile, and keeps the planner from caching the branches by all that they read of a row. What
-- never changes (a technology's category, a stack's names) is T_current's. Of days and hours behind what was journaled by then (the
-- watermark lags 5 minutes behind that) there is no version to look for.

-- Only what technology_trends needs. That a technology counted at the turn seen, and its first_seen then, the row itself says for all
-- turns since either changed (see counted_since): a version is looked up for turns before that.
CREATE VIEW pleat.technologies_seen AS
SELECT c.technology, c.category, CASE
    WHEN c.counted_since <= (SELECT s.turn FROM pleat.seen('projects') s) THEN c.counted_first_seen
    WHEN v.position IS NULL THEN c.first_seen
    ELSE v.first_seen
  END AS first_seen
FROM pleat.technologies_current c
LEFT JOIN LATERAL (
  SELECT * FROM pleat.technologies v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND (c.counted_since <= (SELECT s.turn FROM pleat.seen('projects') s)) IS NOT TRUE
    AND v.generation = c.generation AND v.technology = c.technology
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1
) v ON v.position > 0 OR clock_timestamp() IS NULL
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND CASE
    WHEN c.counted_since <= (SELECT s.turn FROM pleat.seen('projects') s) THEN true
    WHEN v.position IS NOT NULL THEN v.projects + v.selections > 0
    ELSE c.position < (SELECT s.before FROM pleat.seen('projects') s) AND c.projects + c.selections > 0
  END;
COMMENT ON VIEW pleat.technologies_seen IS
  'The technologies that something counts in, and since when, as the setting pleat.as_of shows them.';

CREATE VIEW pleat.technology_usage_seen AS
SELECT c.technology, c.day, CASE WHEN v.position IS NULL THEN c.projects ELSE v.projects END AS projects,
  CASE WHEN v.position IS NULL THEN c.selections ELSE v.selections END AS selections,
  CASE WHEN v.position IS NULL THEN c.successes ELSE v.successes END AS successes,
  CASE WHEN v.position IS NULL THEN c.failures ELSE v.failures END AS failures,
  CASE WHEN v.position IS NULL THEN c.people ELSE v.people END AS people,
  CASE WHEN v.position IS NULL THEN c.people_taken_out ELSE v.people_taken_out END AS people_taken_out,
  coalesce(v.position, c.position) AS position
FROM pleat.technology_usage_current c
LEFT JOIN LATERAL (
  SELECT * FROM pleat.technology_usage v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND c.day <= (SELECT s.today + 1 FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.technology = c.technology AND v.day = c.day
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1
) v ON v.position > 0 OR clock_timestamp() IS NULL
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (c.position < (SELECT s.before FROM pleat.seen('projects') s) OR v.position IS NOT NULL);
COMMENT ON VIEW pleat.technology_usage_seen IS 'technology_usage as the setting pleat.as_of shows it.';

CREATE VIEW pleat.project_days_seen AS
SELECT c.day, x.projects, x.successes, x.failures, x.position
FROM pleat.project_days_current c
CROSS JOIN LATERAL (
  SELECT c.projects, c.successes, c.failures, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('projects') s)
  UNION ALL
  (SELECT v.projects, v.successes, v.failures, v.position
  FROM pleat.project_days v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND c.day <= (SELECT s.today + 1 FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.day = c.day
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.project_days_seen IS 'project_days as the setting pleat.as_of shows it.';

CREATE VIEW pleat.technology_pairs_seen AS
SELECT c.technology_a, c.technology_b, x.together, x.successes, x.failures, x.people, x.people_taken_out, x.position
FROM pleat.technology_pairs_current c
CROSS JOIN LATERAL (
  SELECT c.together, c.successes, c.failures, c.people, c.people_taken_out, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('projects') s)
  UNION ALL
  (SELECT v.together, v.successes, v.failures, v.people, v.people_taken_out, v.position
  FROM pleat.technology_pairs v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.technology_a = c.technology_a AND v.technology_b = c.technology_b
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.technology_pairs_seen IS 'technology_pairs as the setting pleat.as_of shows it.';

CREATE VIEW pleat.domains_seen AS
SELECT c.domain, x.projects, x.languages_sum, x.successes, x.failures, x.people, x.people_taken_out, x.position
FROM pleat.domains_current c
CROSS JOIN LATERAL (
  SELECT c.projects, c.languages_sum, c.successes, c.failures, c.people, c.people_taken_out, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('projects') s)
  UNION ALL
  (SELECT v.projects, v.languages_sum, v.successes, v.failures, v.people, v.people_taken_out, v.position
  FROM pleat.domains v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.domain = c.domain
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.domains_seen IS 'domains as the setting pleat.as_of shows it.';

CREATE VIEW pleat.prediction_calibration_seen AS
SELECT c.model_version, c.decile, x.predictions, x.outcomes, x.successes, x.probability_sum_millionths, x.squared_error_sum,
    x.position
FROM pleat.prediction_calibration_current c
CROSS JOIN LATERAL (
  SELECT c.predictions, c.outcomes, c.successes, c.probability_sum_millionths, c.squared_error_sum, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('projects') s)
  UNION ALL
  (SELECT v.predictions, v.outcomes, v.successes, v.probability_sum_millionths, v.squared_error_sum, v.position
  FROM pleat.prediction_calibration v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.model_version = c.model_version AND v.decile = c.decile
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.prediction_calibration_seen IS 'prediction_calibration as the setting pleat.as_of shows it.';

CREATE VIEW pleat.team_stats_seen AS
SELECT c.team_id, x.name, x.name_time, x.name_position, x.members, x.projects_generated, x.projects_opened, x.wizard_steps,
    x.successes, x.failures, x.complexity_sum_millionths, x.complexity_count, x.first_activity, x.last_activity, x.position
FROM pleat.team_stats_current c
CROSS JOIN LATERAL (
  SELECT c.name, c.name_time, c.name_position, c.members, c.projects_generated, c.projects_opened, c.wizard_steps, c.successes,
      c.failures, c.complexity_sum_millionths, c.complexity_count, c.first_activity, c.last_activity, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('projects') s)
  UNION ALL
  (SELECT v.name, v.name_time, v.name_position, v.members, v.projects_generated, v.projects_opened, v.wizard_steps, v.successes,
      v.failures, v.complexity_sum_millionths, v.complexity_count, v.first_activity, v.last_activity, v.position
  FROM pleat.team_stats v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.team_id = c.team_id
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.team_stats_seen IS 'team_stats as the setting pleat.as_of shows it.';

CREATE VIEW pleat.team_activity_seen AS
SELECT c.team_id, c.day, x.events, x.projects_generated, x.projects_opened, x.wizard_steps, x.active_members, x.successes,
    x.failures, x.hashes, x.counts, x.estimate, x.position
FROM pleat.team_activity_current c
CROSS JOIN LATERAL (
  SELECT c.events, c.projects_generated, c.projects_opened, c.wizard_steps, c.active_members, c.successes, c.failures, c.hashes,
      c.counts, c.estimate, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('projects') s)
  UNION ALL
  (SELECT v.events, v.projects_generated, v.projects_opened, v.wizard_steps, v.active_members, v.successes, v.failures, v.hashes,
      v.counts, v.estimate, v.position
  FROM pleat.team_activity v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND c.day <= (SELECT s.today + 1 FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.team_id = c.team_id AND v.day = c.day
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.team_activity_seen IS 'team_activity as the setting pleat.as_of shows it.';

CREATE VIEW pleat.team_technologies_seen AS
SELECT c.team_id, t.technology, t.usage_count::bigint, t.successes::bigint, t.failures::bigint, x.position
FROM pleat.team_technologies_current c
CROSS JOIN LATERAL (
  SELECT c.technologies, c.usage_counts, c.successes, c.failures, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('projects') s)
  UNION ALL
  (SELECT v.technologies, v.usage_counts, v.successes, v.failures, v.position
  FROM pleat.team_technologies v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.team_id = c.team_id
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1)
) x
CROSS JOIN LATERAL unnest(x.technologies, x.usage_counts, x.successes, x.failures)
  AS t (technology, usage_count, successes, failures)
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.team_technologies_seen IS 'team_technologies as the setting pleat.as_of shows it.';

CREATE VIEW pleat.model_metrics_seen AS
SELECT c.model_name, c.task_type, c.complexity_level, c.hour, x.requests, x.response_time_us, x.tokens_used, x.cost_nanodollars,
    x.quality_millionths, x.quality_samples, x.fallbacks, x.buckets, x.bucket_ranks, x.position
FROM pleat.model_metrics_current c
CROSS JOIN LATERAL (
  SELECT c.requests, c.response_time_us, c.tokens_used, c.cost_nanodollars, c.quality_millionths, c.quality_samples,
      c.fallbacks, c.buckets, c.bucket_ranks, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('models') s)
  UNION ALL
  (SELECT v.requests, v.response_time_us, v.tokens_used, v.cost_nanodollars, v.quality_millionths, v.quality_samples,
      v.fallbacks, v.buckets, v.bucket_ranks, v.position
  FROM pleat.model_metrics v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('models') s)
    AND c.hour <= (SELECT s.watermark + interval '5 minutes' FROM pleat.seen('models') s)
    AND v.generation = c.generation AND v.model_name = c.model_name AND v.task_type = c.task_type AND v.complexity_level = c.complexity_level AND v.hour = c.hour
    AND v.position <= (SELECT s.turn FROM pleat.seen('models') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('models') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.model_metrics_seen IS 'model_metrics as the setting pleat.as_of shows it.';

CREATE VIEW pleat.model_days_seen AS
SELECT c.model_name, c.task_type, c.day, x.requests, x.response_time_us, x.tokens_used, x.cost_nanodollars,
    x.quality_millionths, x.quality_samples, x.fallbacks, x.buckets, x.bucket_ranks, x.position
FROM pleat.model_days_current c
CROSS JOIN LATERAL (
  SELECT c.requests, c.response_time_us, c.tokens_used, c.cost_nanodollars, c.quality_millionths, c.quality_samples,
      c.fallbacks, c.buckets, c.bucket_ranks, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('models') s)
  UNION ALL
  (SELECT v.requests, v.response_time_us, v.tokens_used, v.cost_nanodollars, v.quality_millionths, v.quality_samples,
      v.fallbacks, v.buckets, v.bucket_ranks, v.position
  FROM pleat.model_days v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('models') s)
    AND c.day <= (SELECT s.today + 1 FROM pleat.seen('models') s)
    AND v.generation = c.generation AND v.model_name = c.model_name AND v.task_type = c.task_type AND v.day = c.day
    AND v.position <= (SELECT s.turn FROM pleat.seen('models') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('models') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.model_days_seen IS 'model_days as the setting pleat.as_of shows it.';

CREATE VIEW pleat.wizard_activity_seen AS
SELECT c.step, c.hour, x.completions, x.sessions, x.duration_buckets, x.duration_ranks, x.position
FROM pleat.wizard_activity_current c
CROSS JOIN LATERAL (
  SELECT c.completions, c.sessions, c.duration_buckets, c.duration_ranks, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('activity') s)
  UNION ALL
  (SELECT v.completions, v.sessions, v.duration_buckets, v.duration_ranks, v.position
  FROM pleat.wizard_activity v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('activity') s)
    AND c.hour <= (SELECT s.watermark + interval '5 minutes' FROM pleat.seen('activity') s)
    AND v.generation = c.generation AND v.step = c.step AND v.hour = c.hour
    AND v.position <= (SELECT s.turn FROM pleat.seen('activity') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('activity') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.wizard_activity_seen IS 'wizard_activity as the setting pleat.as_of shows it.';

CREATE VIEW pleat.cache_stats_seen AS
SELECT c.cache, c.day, x.hits, x.misses, x.tokens_saved, x.cost_saved_nanodollars, x.position
FROM pleat.cache_stats_current c
CROSS JOIN LATERAL (
  SELECT c.hits, c.misses, c.tokens_saved, c.cost_saved_nanodollars, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('activity') s)
  UNION ALL
  (SELECT v.hits, v.misses, v.tokens_saved, v.cost_saved_nanodollars, v.position
  FROM pleat.cache_stats v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('activity') s)
    AND c.day <= (SELECT s.today + 1 FROM pleat.seen('activity') s)
    AND v.generation = c.generation AND v.cache = c.cache AND v.day = c.day
    AND v.position <= (SELECT s.turn FROM pleat.seen('activity') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('activity') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.cache_stats_seen IS 'cache_stats as the setting pleat.as_of shows it.';

CREATE VIEW pleat.errors_seen AS
SELECT c.component, c.severity, c.hour, x.occurrences, x.position
FROM pleat.errors_current c
CROSS JOIN LATERAL (
  SELECT c.occurrences, c.position
  WHERE c.position < (SELECT s.before FROM pleat.seen('activity') s)
  UNION ALL
  (SELECT v.occurrences, v.position
  FROM pleat.errors v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('activity') s)
    AND c.hour <= (SELECT s.watermark + interval '5 minutes' FROM pleat.seen('activity') s)
    AND v.generation = c.generation AND v.component = c.component AND v.severity = c.severity AND v.hour = c.hour
    AND v.position <= (SELECT s.turn FROM pleat.seen('activity') s)
  ORDER BY v.position DESC LIMIT 1)
) x
WHERE c.generation = (SELECT s.generation FROM pleat.seen('activity') s)
  AND (x.position > 0 OR clock_timestamp() IS NULL);
COMMENT ON VIEW pleat.errors_seen IS 'errors as the setting pleat.as_of shows it.';


-- The same for one row by its key, or the few rows of a key in a window of days: now a mere scan of T_current; for the past one
-- scan, too, beside which the newest version at or before the turn seen is looked up of the rows that have changed since.

CREATE VIEW pleat.technologies_window AS
SELECT c.technology, c.projects, c.position
FROM pleat.technologies_current c
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (SELECT s.turn FROM pleat.seen('projects') s) IS NULL
UNION ALL
SELECT c.technology, CASE WHEN v.position IS NULL THEN c.projects ELSE v.projects END, coalesce(v.position, c.position)
FROM pleat.technologies_current c
LEFT JOIN LATERAL (
  SELECT * FROM pleat.technologies v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.technology = c.technology
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1
) v ON v.position > 0 OR clock_timestamp() IS NULL
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (SELECT s.turn FROM pleat.seen('projects') s) IS NOT NULL
  AND (c.position < (SELECT s.turn FROM pleat.seen('projects') s) OR v.position IS NOT NULL);
COMMENT ON VIEW pleat.technologies_window IS 'technologies as the setting pleat.as_of shows it, for one key.';

CREATE VIEW pleat.stack_combinations_window AS
SELECT c.stack_id, c.technologies_json AS technologies, cardinality(c.technologies)::bigint AS size, c.usage_count, c.successes,
  c.failures, c.complexity_sum_millionths, c.complexity_count, c.first_seen, c.last_seen, c.people, c.people_taken_out, c.position
FROM pleat.stack_combinations_current c
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (SELECT s.turn FROM pleat.seen('projects') s) IS NULL
UNION ALL
SELECT c.stack_id, c.technologies_json, cardinality(c.technologies)::bigint,
  CASE WHEN v.position IS NULL THEN c.usage_count ELSE v.usage_count END,
  CASE WHEN v.position IS NULL THEN c.successes ELSE v.successes END,
  CASE WHEN v.position IS NULL THEN c.failures ELSE v.failures END,
  CASE WHEN v.position IS NULL THEN c.complexity_sum_millionths ELSE v.complexity_sum_millionths END,
  CASE WHEN v.position IS NULL THEN c.complexity_count ELSE v.complexity_count END,
  CASE WHEN v.position IS NULL THEN c.first_seen ELSE v.first_seen END,
  CASE WHEN v.position IS NULL THEN c.last_seen ELSE v.last_seen END,
  CASE WHEN v.position IS NULL THEN c.people ELSE v.people END,
  CASE WHEN v.position IS NULL THEN c.people_taken_out ELSE v.people_taken_out END,
  coalesce(v.position, c.position)
FROM pleat.stack_combinations_current c
LEFT JOIN LATERAL (
  SELECT * FROM pleat.stack_combinations v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.stack_id = c.stack_id
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1
) v ON v.position > 0 OR clock_timestamp() IS NULL
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (SELECT s.turn FROM pleat.seen('projects') s) IS NOT NULL
  AND (c.position < (SELECT s.turn FROM pleat.seen('projects') s) OR v.position IS NOT NULL);
COMMENT ON VIEW pleat.stack_combinations_window IS
  'stack_combinations as the setting pleat.as_of shows it. No index has the order of its readers'' key.';

-- The stacks that everybody may see, and nothing of the others: now, and at the turn seen, which the row itself says (see public_turns).
-- Each is a barrier, so that a condition of a reader on what stands here is applied to these rows alone; and it is applied here, before
-- anything is looked up for them. What stands for the past is the newest state: only names are used of it as it is.

CREATE VIEW pleat.public_stacks_now WITH (security_barrier) AS
SELECT c.stack_id, c.technologies_json AS technologies, cardinality(c.technologies)::bigint AS size, c.usage_count, c.successes,
  c.failures, c.complexity_sum_millionths, c.complexity_count, c.first_seen, c.last_seen, c.people
FROM pleat.stack_combinations_current c
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (SELECT s.turn FROM pleat.seen('projects') s) IS NULL
  AND c.ever_public AND c.usage_count > 0 AND c.people - c.people_taken_out >= 10;
COMMENT ON VIEW pleat.public_stacks_now IS 'The rows of stack_combinations_current with people enough; none for the past.';

CREATE VIEW pleat.public_stacks_past WITH (security_barrier) AS
SELECT c.generation, c.stack_id, c.technologies_json AS technologies, cardinality(c.technologies)::bigint AS size, c.usage_count,
  c.successes, c.failures, c.complexity_sum_millionths, c.complexity_count, c.first_seen, c.last_seen, c.people, c.position
FROM pleat.stack_combinations_current c
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (SELECT s.turn FROM pleat.seen('projects') s) IS NOT NULL
  AND c.ever_public AND width_bucket((SELECT s.turn FROM pleat.seen('projects') s), c.public_turns) % 2 = 1;
COMMENT ON VIEW pleat.public_stacks_past IS
  'The newest states of those that had people enough at the turn that the setting pleat.as_of shows; none for now.';

CREATE VIEW pleat.public_stacks AS
SELECT c.stack_id, c.technologies, c.size, c.usage_count, c.successes, c.failures, c.complexity_sum_millionths,
  c.complexity_count, c.first_seen, c.last_seen, c.people
FROM pleat.public_stacks_now c
UNION ALL
SELECT c.stack_id, c.technologies, c.size, CASE WHEN v.position IS NULL THEN c.usage_count ELSE v.usage_count END,
  CASE WHEN v.position IS NULL THEN c.successes ELSE v.successes END,
  CASE WHEN v.position IS NULL THEN c.failures ELSE v.failures END,
  CASE WHEN v.position IS NULL THEN c.complexity_sum_millionths ELSE v.complexity_sum_millionths END,
  CASE WHEN v.position IS NULL THEN c.complexity_count ELSE v.complexity_count END,
  CASE WHEN v.position IS NULL THEN c.first_seen ELSE v.first_seen END,
  CASE WHEN v.position IS NULL THEN c.last_seen ELSE v.last_seen END,
  CASE WHEN v.position IS NULL THEN c.people ELSE v.people END
FROM pleat.public_stacks_past c
LEFT JOIN LATERAL (
  SELECT * FROM pleat.stack_combinations v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.stack_id = c.stack_id
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1
) v ON v.position > 0 OR clock_timestamp() IS NULL;
COMMENT ON VIEW pleat.public_stacks IS 'stack_combinations as the setting pleat.as_of shows it, of the stacks that everybody may see.';

CREATE VIEW pleat.team_activity_window AS
SELECT c.team_id, c.day, c.events, c.projects_generated, c.projects_opened, c.wizard_steps, c.active_members, c.successes,
  c.failures, c.hashes, c.counts, c.estimate, c.position
FROM pleat.team_activity_current c
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (SELECT s.turn FROM pleat.seen('projects') s) IS NULL
UNION ALL
SELECT c.team_id, c.day, CASE WHEN v.position IS NULL THEN c.events ELSE v.events END,
  CASE WHEN v.position IS NULL THEN c.projects_generated ELSE v.projects_generated END,
  CASE WHEN v.position IS NULL THEN c.projects_opened ELSE v.projects_opened END,
  CASE WHEN v.position IS NULL THEN c.wizard_steps ELSE v.wizard_steps END,
  CASE WHEN v.position IS NULL THEN c.active_members ELSE v.active_members END,
  CASE WHEN v.position IS NULL THEN c.successes ELSE v.successes END,
  CASE WHEN v.position IS NULL THEN c.failures ELSE v.failures END,
  CASE WHEN v.position IS NULL THEN c.hashes ELSE v.hashes END, CASE WHEN v.position IS NULL THEN c.counts ELSE v.counts END,
  CASE WHEN v.position IS NULL THEN c.estimate ELSE v.estimate END, coalesce(v.position, c.position)
FROM pleat.team_activity_current c
LEFT JOIN LATERAL (
  SELECT * FROM pleat.team_activity v
  WHERE c.position >= (SELECT s.turn FROM pleat.seen('projects') s)
    AND v.generation = c.generation AND v.team_id = c.team_id AND v.day = c.day
    AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
  ORDER BY v.position DESC LIMIT 1
) v ON v.position > 0 OR clock_timestamp() IS NULL
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (SELECT s.turn FROM pleat.seen('projects') s) IS NOT NULL
  AND (c.position < (SELECT s.turn FROM pleat.seen('projects') s) OR v.position IS NOT NULL);
COMMENT ON VIEW pleat.team_activity_window IS 'team_activity as the setting pleat.as_of shows it, for a few days of a key.';

-- The least work for a few rows of each of many keys: T_current, with the newest version at or before the turn seen beside each row
-- that has changed since. Whoever reads it selects the rows of a key in a subquery with OFFSET 0, so that each version is looked up
-- once and not for each of its columns; takes a column of `v` where that has a position; and leaves out rows for which there is
-- neither (they were changed since, and did not exist at the turn):
--   WHERE position < (SELECT s.before FROM pleat.seen(…) s) OR (v).position IS NOT NULL

CREATE VIEW pleat.technology_usage_versioned AS
SELECT c.technology, c.day, c.projects, c.successes, c.failures, c.people, c.people_taken_out, c.position,
  CASE WHEN c.position >= (SELECT s.turn FROM pleat.seen('projects') s) THEN (
    SELECT v FROM pleat.technology_usage v
    WHERE v.generation = c.generation AND v.technology = c.technology AND v.day = c.day
      AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
    ORDER BY v.position DESC LIMIT 1
  ) END AS v
FROM pleat.technology_usage_current c
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s);
COMMENT ON VIEW pleat.technology_usage_versioned IS 'technology_usage_current, and the version of each row that the setting pleat.as_of shows instead.';

CREATE VIEW pleat.technology_people_versioned AS
SELECT c.technology, c.day, c.hashes, c.estimate, c.position,
  CASE WHEN c.position >= (SELECT s.turn FROM pleat.seen('projects') s) THEN (
    SELECT v FROM pleat.technology_people v
    WHERE v.generation = c.generation AND v.technology = c.technology AND v.day = c.day
      AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
    ORDER BY v.position DESC LIMIT 1
  ) END AS v
FROM pleat.technology_people_current c
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s);
COMMENT ON VIEW pleat.technology_people_versioned IS 'technology_people_current, and the version of each row that the setting pleat.as_of shows instead.';

CREATE VIEW pleat.stack_days_versioned AS
SELECT c.stack_id, c.day, c.usage_count, c.position,
  CASE WHEN c.position >= (SELECT s.turn FROM pleat.seen('projects') s) THEN (
    SELECT v FROM pleat.stack_days v
    WHERE v.generation = c.generation AND v.stack_id = c.stack_id AND v.day = c.day
      AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
    ORDER BY v.position DESC LIMIT 1
  ) END AS v
FROM pleat.stack_days_current c
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s);
COMMENT ON VIEW pleat.stack_days_versioned IS 'stack_days_current, and the version of each row that the setting pleat.as_of shows instead.';

CREATE VIEW pleat.domain_stacks_versioned AS
SELECT c.domain, c.technologies, c.usage_count, c.successes, c.failures, c.people, c.people_taken_out, c.position,
  CASE WHEN c.position >= (SELECT s.turn FROM pleat.seen('projects') s) THEN (
    SELECT v FROM pleat.domain_stacks v
    WHERE v.generation = c.generation AND v.domain = c.domain AND v.stack_id = c.stack_id
      AND v.position <= (SELECT s.turn FROM pleat.seen('projects') s)
    ORDER BY v.position DESC LIMIT 1
  ) END AS v
FROM pleat.domain_stacks_current c
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s);
COMMENT ON VIEW pleat.domain_stacks_versioned IS 'domain_stacks_current, and the version of each row that the setting pleat.as_of shows instead.';

-- All public projects of both windows: what trends are shares of. One row.
CREATE VIEW pleat.project_windows AS
SELECT coalesce(sum(d.projects) FILTER (WHERE d.day > n.today - 30), 0)::bigint AS whole,
  coalesce(sum(d.projects) FILTER (WHERE d.day <= n.today - 30), 0)::bigint AS previous_whole
FROM pleat.projects_now n
JOIN pleat.project_days_seen d ON d.day > n.today - 60 AND d.day <= n.today
OFFSET 0;
COMMENT ON VIEW pleat.project_windows IS 'Public projects of the current and the previous window: one row.';

-- Technologies -----------------------------------------------------------------------------------------------------------------

-- A technology's category never changes, so any version of it will do.
CREATE VIEW pleat.technology_usage_rows AS
SELECT u.technology, u.day, t.category, u.projects, u.selections, u.people, u.successes, u.failures, u.people_taken_out
FROM pleat.technology_usage_seen u
LEFT JOIN pleat.technologies_current t
  ON t.generation = (SELECT s.generation FROM pleat.seen('projects') s) AND t.technology = u.technology
WHERE u.projects + u.selections > 0;
COMMENT ON VIEW pleat.technology_usage_rows IS 'insights.technology_usage without the threshold, and what it needs.';

-- People of the current window: if they came on one day, that day's. A day that is an estimate counts 255 people at least: where all
-- days make fewer, their hashes are counted. Else few hashes are: a technology with more than 256, or with a full sketch (that stands
-- for itself by its 256th hash), is looked at again: where one is an estimate, the smallest of the full sketches' 256th hashes bounds
-- that of the union, and no hash above is read. OFFSET 0 has it done once, not also for the threshold, and says whether a day is of the
-- current window once, not for each sum.
CREATE VIEW pleat.technology_trends_rows AS
SELECT technology AS technology_name, category, usage_count, people, outcomes,
  pleat.share(successes, outcomes) AS success_rate,
  pleat.wilson_low(successes, outcomes) AS success_rate_low,
  pleat.wilson_high(successes, outcomes) AS success_rate_high,
  previous_usage_count,
  pleat.share(usage_count, whole) AS share,
  pleat.share(previous_usage_count, previous_whole) AS previous_share,
  pleat.trend_percentage(usage_count, whole, previous_usage_count, previous_whole) AS trend_percentage,
  pleat.trend_z(usage_count, whole, previous_usage_count, previous_whole) AS trend_z,
  pleat.trend_direction(usage_count, whole, previous_usage_count, previous_whole) AS trend_direction,
  first_seen, watermark AS aggregated_at, people_taken_out
FROM (
  SELECT t.technology, t.category, t.first_seen, n.watermark, w.whole, w.previous_whole, u.usage_count,
    u.previous_usage_count, u.successes, u.successes + u.failures AS outcomes, u.people_taken_out, u.people
  FROM pleat.projects_now n
  CROSS JOIN pleat.project_windows w
  CROSS JOIN pleat.technologies_seen t
  CROSS JOIN LATERAL (
    SELECT sums.usage_count, sums.previous_usage_count, sums.successes, sums.failures, sums.people_taken_out,
      CASE WHEN sums.days_with_people <= 1 THEN sums.most_people WHEN sums.summed_people < 255 THEN (
        SELECT count(DISTINCT h.hash)
        FROM (
          SELECT unnest(CASE WHEN (d.v).position IS NULL THEN d.hashes ELSE (d.v).hashes END) AS hash
          FROM (
            SELECT * FROM pleat.technology_people_versioned d
            WHERE d.technology = t.technology AND d.day > n.today - 30 AND d.day <= n.today
            OFFSET 0
          ) d
          WHERE d.position < (SELECT s.before FROM pleat.seen('projects') s) OR (d.v).position IS NOT NULL
        ) h
      ) ELSE (
        SELECT CASE WHEN NOT k.has_full AND k.hashes <= 256 THEN k.hashes ELSE (
            SELECT pleat.people(array_agg(a.hash ORDER BY a.hash), k.has_estimate)
            FROM (
              SELECT DISTINCT
                unnest(CASE WHEN k.has_estimate THEN d.hashes[1:width_bucket(k.bound, d.hashes)] ELSE d.hashes END) AS hash
              FROM (
                SELECT CASE WHEN (d.v).position IS NULL THEN d.hashes ELSE (d.v).hashes END AS hashes,
                  CASE WHEN (d.v).position IS NULL THEN d.estimate ELSE (d.v).estimate END AS estimate
                FROM (
                  SELECT * FROM pleat.technology_people_versioned d
                  WHERE d.technology = t.technology AND d.day > n.today - 30 AND d.day <= n.today
                  OFFSET 0
                ) d
                WHERE d.position < (SELECT s.before FROM pleat.seen('projects') s) OR (d.v).position IS NOT NULL
              ) d
              ORDER BY hash LIMIT 257
            ) a
          ) END
        FROM (
          SELECT count(DISTINCT h.hash) AS hashes, bool_or(h.is_full) AS has_full, bool_or(h.estimate) AS has_estimate,
            min(h.hash) FILTER (WHERE h.is_full) AS bound
          FROM (
            SELECT d.estimate, cardinality(d.hashes) >= 256 AS is_full,
              unnest(CASE WHEN cardinality(d.hashes) < 256 THEN d.hashes ELSE d.hashes[256:256] END) AS hash
            FROM (
              SELECT CASE WHEN (d.v).position IS NULL THEN d.hashes ELSE (d.v).hashes END AS hashes,
                CASE WHEN (d.v).position IS NULL THEN d.estimate ELSE (d.v).estimate END AS estimate
              FROM (
                SELECT * FROM pleat.technology_people_versioned d
                WHERE d.technology = t.technology AND d.day > n.today - 30 AND d.day <= n.today
                OFFSET 0
              ) d
              WHERE d.position < (SELECT s.before FROM pleat.seen('projects') s) OR (d.v).position IS NOT NULL
            ) d
          ) h
        ) k
      ) END AS people
    FROM (
      SELECT pleat.total(d.projects) FILTER (WHERE d.in_current) AS usage_count,
        pleat.total(d.projects) FILTER (WHERE NOT d.in_current) AS previous_usage_count,
        pleat.total(d.successes) FILTER (WHERE d.in_current) AS successes,
        pleat.total(d.failures) FILTER (WHERE d.in_current) AS failures,
        pleat.total(d.people_taken_out) FILTER (WHERE d.in_current) AS people_taken_out,
        count(*) FILTER (WHERE d.in_current AND d.people > 0) AS days_with_people,
        coalesce(max(d.people) FILTER (WHERE d.in_current), 0) AS most_people,
        pleat.total(least(d.people, 255)) FILTER (WHERE d.in_current) AS summed_people
      FROM (
        SELECT d.in_current, CASE WHEN (d.v).position IS NULL THEN d.projects ELSE (d.v).projects END AS projects,
          CASE WHEN (d.v).position IS NULL THEN d.successes ELSE (d.v).successes END AS successes,
          CASE WHEN (d.v).position IS NULL THEN d.failures ELSE (d.v).failures END AS failures,
          CASE WHEN (d.v).position IS NULL THEN d.people ELSE (d.v).people END AS people,
          CASE WHEN (d.v).position IS NULL THEN d.people_taken_out ELSE (d.v).people_taken_out END AS people_taken_out
        FROM (
          SELECT d.*, d.day > n.today - 30 AS in_current
          FROM pleat.technology_usage_versioned d
          WHERE d.technology = t.technology AND d.day > n.today - 60 AND d.day <= n.today
          OFFSET 0
        ) d
        WHERE d.position < (SELECT s.before FROM pleat.seen('projects') s) OR (d.v).position IS NOT NULL
      ) d
    ) sums
    OFFSET 0
  ) u
  WHERE u.people >= 0 OR clock_timestamp() IS NULL
) r;
COMMENT ON VIEW pleat.technology_trends_rows IS 'insights.technology_trends without the threshold, and what it needs.';

-- Stacks -----------------------------------------------------------------------------------------------------------------------

CREATE VIEW pleat.stack_combinations_rows AS
SELECT stack_id, technologies, size, usage_count, people, outcomes,
  pleat.share(successes, outcomes) AS avg_success_rate,
  pleat.wilson_low(successes, outcomes) AS success_rate_low,
  pleat.wilson_high(successes, outcomes) AS success_rate_high,
  pleat.share(complexity_sum_millionths, complexity_count * 1000000) AS avg_complexity,
  first_seen, last_seen, current_usage_count, previous_usage_count,
  pleat.share(current_usage_count, whole) AS share,
  pleat.share(previous_usage_count, previous_whole) AS previous_share,
  pleat.trend_percentage(current_usage_count, whole, previous_usage_count, previous_whole) AS trend_percentage,
  pleat.trend_z(current_usage_count, whole, previous_usage_count, previous_whole) AS trend_z,
  pleat.trend_direction(current_usage_count, whole, previous_usage_count, previous_whole) AS trend_direction,
  people_taken_out
FROM (
  SELECT s.stack_id, s.technologies, s.size, s.usage_count, s.people, s.people_taken_out, s.successes,
    s.successes + s.failures AS outcomes, s.complexity_sum_millionths, s.complexity_count, s.first_seen, s.last_seen,
    w.whole, w.previous_whole, d.current_usage_count, d.previous_usage_count
  FROM pleat.projects_now n
  CROSS JOIN pleat.project_windows w
  CROSS JOIN pleat.stack_combinations_window s
  CROSS JOIN LATERAL (
    SELECT pleat.total(d.usage_count) FILTER (WHERE d.day > n.today - 30) AS current_usage_count,
      pleat.total(d.usage_count) FILTER (WHERE d.day <= n.today - 30) AS previous_usage_count
    FROM (
      SELECT d.day, CASE WHEN (d.v).position IS NULL THEN d.usage_count ELSE (d.v).usage_count END AS usage_count
      FROM (
        SELECT * FROM pleat.stack_days_versioned d
        WHERE d.stack_id = s.stack_id AND d.day > n.today - 60 AND d.day <= n.today
        OFFSET 0
      ) d
      WHERE d.position < (SELECT s.before FROM pleat.seen('projects') s) OR (d.v).position IS NOT NULL
    ) d
  ) d
  WHERE s.usage_count > 0
) r;
COMMENT ON VIEW pleat.stack_combinations_rows IS 'insights.stack_combinations without the threshold, and what it needs.';

-- The same of what everybody may see.
CREATE VIEW pleat.public_stack_rows AS
SELECT technologies, size, usage_count, people, outcomes,
  pleat.share(successes, outcomes) AS avg_success_rate,
  pleat.wilson_low(successes, outcomes) AS success_rate_low,
  pleat.wilson_high(successes, outcomes) AS success_rate_high,
  pleat.share(complexity_sum_millionths, complexity_count * 1000000) AS avg_complexity,
  first_seen, last_seen, current_usage_count, previous_usage_count,
  pleat.share(current_usage_count, whole) AS share,
  pleat.share(previous_usage_count, previous_whole) AS previous_share,
  pleat.trend_percentage(current_usage_count, whole, previous_usage_count, previous_whole) AS trend_percentage,
  pleat.trend_z(current_usage_count, whole, previous_usage_count, previous_whole) AS trend_z,
  pleat.trend_direction(current_usage_count, whole, previous_usage_count, previous_whole) AS trend_direction
FROM (
  SELECT s.technologies, s.size, s.usage_count, s.people, s.successes,
    s.successes + s.failures AS outcomes, s.complexity_sum_millionths, s.complexity_count, s.first_seen, s.last_seen,
    w.whole, w.previous_whole, d.current_usage_count, d.previous_usage_count
  FROM pleat.projects_now n
  CROSS JOIN pleat.project_windows w
  CROSS JOIN pleat.public_stacks s
  CROSS JOIN LATERAL (
    SELECT pleat.total(d.usage_count) FILTER (WHERE d.day > n.today - 30) AS current_usage_count,
      pleat.total(d.usage_count) FILTER (WHERE d.day <= n.today - 30) AS previous_usage_count
    FROM (
      SELECT d.day, CASE WHEN (d.v).position IS NULL THEN d.usage_count ELSE (d.v).usage_count END AS usage_count
      FROM (
        SELECT * FROM pleat.stack_days_versioned d
        WHERE d.stack_id = s.stack_id AND d.day > n.today - 60 AND d.day <= n.today
        OFFSET 0
      ) d
      WHERE d.position < (SELECT s.before FROM pleat.seen('projects') s) OR (d.v).position IS NOT NULL
    ) d
  ) d
) r;
COMMENT ON VIEW pleat.public_stack_rows IS 'insights.stack_combinations.';

-- Pairs ------------------------------------------------------------------------------------------------------------------------

CREATE VIEW pleat.technology_pairs_rows AS
SELECT technology_a, technology_b, together, people,
  pleat.share(together, a + b - together) AS jaccard,
  together::float8 * whole::float8 / (a::float8 * b::float8) AS lift,
  pleat.pair_g(together, a, b, whole) AS g,
  outcomes,
  pleat.share(successes, outcomes) AS success_rate,
  pleat.wilson_low(successes, outcomes) AS success_rate_low,
  pleat.wilson_high(successes, outcomes) AS success_rate_high,
  people_taken_out
FROM (
  SELECT p.technology_a, p.technology_b, p.together, p.people, p.people_taken_out, p.successes,
    p.successes + p.failures AS outcomes, a.projects AS a, b.projects AS b, w.whole
  FROM (SELECT sum(d.projects)::bigint AS whole FROM pleat.project_days_seen d OFFSET 0) w
  CROSS JOIN pleat.technology_pairs_seen p
  CROSS JOIN LATERAL (
    SELECT t.projects FROM pleat.technologies_window t WHERE t.technology = p.technology_a OFFSET 0
  ) a
  CROSS JOIN LATERAL (
    SELECT t.projects FROM pleat.technologies_window t WHERE t.technology = p.technology_b OFFSET 0
  ) b
  WHERE p.together > 0
) r;
COMMENT ON VIEW pleat.technology_pairs_rows IS 'insights.technology_pairs without the threshold, and what it needs.';

-- Domains ----------------------------------------------------------------------------------------------------------------------

-- Without the lists, which are joined where they are shown: each has its threshold, or none. to_jsonb of a row takes less than
-- jsonb_build_object, which looks at the type of each of its arguments.
CREATE VIEW pleat.domain_patterns_rows AS
SELECT d.domain, d.projects AS sample_size, d.people,
  pleat.share(d.languages_sum, d.projects) AS average_languages_count,
  to_jsonb(m) AS success_metrics,
  d.people_taken_out
FROM pleat.domains_seen d
CROSS JOIN LATERAL (
  SELECT pleat.share(d.successes, d.successes + d.failures) AS success_rate,
    pleat.wilson_low(d.successes, d.successes + d.failures) AS low,
    pleat.wilson_high(d.successes, d.successes + d.failures) AS high,
    d.successes + d.failures AS outcomes
) m
WHERE d.projects > 0;
COMMENT ON VIEW pleat.domain_patterns_rows IS 'insights.domain_patterns without its lists and the threshold, and what it needs.';

-- What everybody reads, and the same without the threshold ---------------------------------------------------------------------

CREATE VIEW insights.technology_usage WITH (security_barrier) AS
SELECT technology, day, category, projects, selections, people, successes, failures
FROM pleat.technology_usage_rows
WHERE people - people_taken_out >= 10 AND pleat.as_of_is_readable()
ORDER BY technology, day;

CREATE VIEW pleat_unmasked.technology_usage AS
SELECT technology, day, category, projects, selections, people, successes, failures
FROM pleat.technology_usage_rows
WHERE pleat.as_of_is_readable();

CREATE VIEW insights.technology_trends WITH (security_barrier) AS
SELECT technology_name, category, usage_count, people, outcomes, success_rate, success_rate_low, success_rate_high,
  previous_usage_count, share, previous_share, trend_percentage, trend_z, trend_direction, first_seen, aggregated_at
FROM pleat.technology_trends_rows
WHERE people - people_taken_out >= 10 AND pleat.as_of_is_readable()
ORDER BY technology_name;

CREATE VIEW pleat_unmasked.technology_trends AS
SELECT technology_name, category, usage_count, people, outcomes, success_rate, success_rate_low, success_rate_high,
  previous_usage_count, share, previous_share, trend_percentage, trend_z, trend_direction, first_seen, aggregated_at
FROM pleat.technology_trends_rows
WHERE pleat.as_of_is_readable();

-- Equality of jsonb is not leakproof, so `technologies = …` stops at a barrier; here it must not, or all of the view is made for one
-- row. The barriers that keep what is hidden are those of public_stacks_now and public_stacks_past: all else is looked up for a row
-- that came through one. This one holds nothing, and the planner dissolves it, since it is a union of all; its other half is empty.
CREATE VIEW insights.stack_combinations WITH (security_barrier) AS
SELECT technologies, size, usage_count, people, outcomes, avg_success_rate, success_rate_low, success_rate_high,
  avg_complexity, first_seen, last_seen, current_usage_count, previous_usage_count, share, previous_share,
  trend_percentage, trend_z, trend_direction
FROM pleat.public_stack_rows
WHERE pleat.as_of_is_readable()
UNION ALL
SELECT technologies, size, usage_count, people, outcomes, avg_success_rate, success_rate_low, success_rate_high,
  avg_complexity, first_seen, last_seen, current_usage_count, previous_usage_count, share, previous_share,
  trend_percentage, trend_z, trend_direction
FROM pleat.public_stack_rows
WHERE false;

CREATE VIEW pleat_unmasked.stack_combinations AS
SELECT technologies, size, usage_count, people, outcomes, avg_success_rate, success_rate_low, success_rate_high,
  avg_complexity, first_seen, last_seen, current_usage_count, previous_usage_count, share, previous_share,
  trend_percentage, trend_z, trend_direction
FROM pleat.stack_combinations_rows
WHERE pleat.as_of_is_readable();

CREATE VIEW insights.technology_pairs WITH (security_barrier) AS
SELECT technology_a, technology_b, together, people, jaccard, lift, g, outcomes, success_rate, success_rate_low,
  success_rate_high
FROM pleat.technology_pairs_rows
WHERE people - people_taken_out >= 10 AND pleat.as_of_is_readable()
ORDER BY technology_a, technology_b;

CREATE VIEW pleat_unmasked.technology_pairs AS
SELECT technology_a, technology_b, together, people, jaccard, lift, g, outcomes, success_rate, success_rate_low,
  success_rate_high
FROM pleat.technology_pairs_rows
WHERE pleat.as_of_is_readable();

-- An entry of the list has to pass the threshold, too, before the ten are taken. Each is an object with the columns of the
-- subquery, in whose order they come. to_jsonb of an array takes less than jsonb_agg, which looks the row's type up for each row.
CREATE VIEW insights.domain_patterns WITH (security_barrier) AS
SELECT d.domain, d.sample_size, d.people, l.popular_stacks, d.average_languages_count, d.success_metrics
FROM pleat.domain_patterns_rows d
CROSS JOIN LATERAL (
  SELECT coalesce(to_jsonb(array_agg(s)), '[]') AS popular_stacks
  FROM (
    SELECT t.technologies, t.usage_count, pleat.share(t.successes, t.successes + t.failures) AS success_rate
    FROM (
      SELECT t.technologies, CASE WHEN (t.v).position IS NULL THEN t.usage_count ELSE (t.v).usage_count END AS usage_count,
        CASE WHEN (t.v).position IS NULL THEN t.successes ELSE (t.v).successes END AS successes,
        CASE WHEN (t.v).position IS NULL THEN t.failures ELSE (t.v).failures END AS failures,
        CASE WHEN (t.v).position IS NULL THEN t.people ELSE (t.v).people END AS people,
        CASE WHEN (t.v).position IS NULL THEN t.people_taken_out ELSE (t.v).people_taken_out END AS people_taken_out
      FROM (SELECT * FROM pleat.domain_stacks_versioned t WHERE t.domain = d.domain OFFSET 0) t
      WHERE t.position < (SELECT s.before FROM pleat.seen('projects') s) OR (t.v).position IS NOT NULL
    ) t
    WHERE t.usage_count > 0 AND t.people - t.people_taken_out >= 10
    ORDER BY t.usage_count DESC, t.technologies LIMIT 10
  ) s
) l
WHERE d.people - d.people_taken_out >= 10 AND pleat.as_of_is_readable()
ORDER BY d.domain;

CREATE VIEW pleat_unmasked.domain_patterns AS
SELECT d.domain, d.sample_size, d.people, l.popular_stacks, d.average_languages_count, d.success_metrics
FROM pleat.domain_patterns_rows d
CROSS JOIN LATERAL (
  SELECT coalesce(to_jsonb(array_agg(s)), '[]') AS popular_stacks
  FROM (
    SELECT t.technologies, t.usage_count, pleat.share(t.successes, t.successes + t.failures) AS success_rate
    FROM (
      SELECT t.technologies, CASE WHEN (t.v).position IS NULL THEN t.usage_count ELSE (t.v).usage_count END AS usage_count,
        CASE WHEN (t.v).position IS NULL THEN t.successes ELSE (t.v).successes END AS successes,
        CASE WHEN (t.v).position IS NULL THEN t.failures ELSE (t.v).failures END AS failures,
        CASE WHEN (t.v).position IS NULL THEN t.people ELSE (t.v).people END AS people,
        CASE WHEN (t.v).position IS NULL THEN t.people_taken_out ELSE (t.v).people_taken_out END AS people_taken_out
      FROM (SELECT * FROM pleat.domain_stacks_versioned t WHERE t.domain = d.domain OFFSET 0) t
      WHERE t.position < (SELECT s.before FROM pleat.seen('projects') s) OR (t.v).position IS NOT NULL
    ) t
    WHERE t.usage_count > 0
    ORDER BY t.usage_count DESC, t.technologies LIMIT 10
  ) s
) l
WHERE pleat.as_of_is_readable();

-- Teams ------------------------------------------------------------------------------------------------------------------------

-- active_members as people in pleat.technology_trends_rows.
CREATE VIEW pleat_unmasked.team_stats AS
SELECT team_id, name, members, projects_generated, projects_opened, wizard_steps, active_members, outcomes,
  pleat.share(successes, outcomes) AS success_rate,
  pleat.wilson_low(successes, outcomes) AS success_rate_low,
  pleat.wilson_high(successes, outcomes) AS success_rate_high,
  pleat.share(complexity_sum_millionths, complexity_count * 1000000) AS avg_complexity,
  first_activity, last_activity
FROM (
  SELECT s.*, s.successes + s.failures AS outcomes, m.active_members
  FROM pleat.projects_now n
  CROSS JOIN pleat.team_stats_seen s
  CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT k.has_full AND k.hashes <= 256 THEN k.hashes ELSE (
        SELECT pleat.people(array_agg(u.hash ORDER BY u.hash), k.has_estimate)
        FROM (
          SELECT DISTINCT
            unnest(CASE WHEN k.has_estimate THEN a.hashes[1:width_bucket(k.bound, a.hashes)] ELSE a.hashes END) AS hash
          FROM pleat.team_activity_window a
          WHERE a.team_id = s.team_id AND a.day > n.today - 30 AND a.day <= n.today
          ORDER BY hash LIMIT 257
        ) u
      ) END AS active_members
    FROM (
      SELECT count(DISTINCT h.hash) AS hashes, coalesce(bool_or(h.is_full), false) AS has_full,
        bool_or(h.estimate) AS has_estimate, min(h.hash) FILTER (WHERE h.is_full) AS bound
      FROM (
        SELECT a.estimate, cardinality(a.hashes) >= 256 AS is_full,
          unnest(CASE WHEN cardinality(a.hashes) < 256 THEN a.hashes ELSE a.hashes[256:256] END) AS hash
        FROM pleat.team_activity_window a
        WHERE a.team_id = s.team_id AND a.day > n.today - 30 AND a.day <= n.today
      ) h
    ) k
    OFFSET 0
  ) m
  WHERE m.active_members >= 0 OR clock_timestamp() IS NULL
) r
WHERE pleat.as_of_is_readable();

CREATE VIEW insights.team_stats WITH (security_barrier) AS
SELECT team_id, name, members, projects_generated, projects_opened, wizard_steps, active_members, outcomes, success_rate,
  success_rate_low, success_rate_high, avg_complexity, first_activity, last_activity
FROM pleat_unmasked.team_stats
ORDER BY team_id;

CREATE VIEW pleat_unmasked.team_activity AS
SELECT team_id, day, projects_generated, projects_opened, wizard_steps, active_members, successes, failures
FROM pleat.team_activity_seen
WHERE events > 0 AND pleat.as_of_is_readable();

CREATE VIEW insights.team_activity WITH (security_barrier) AS
SELECT team_id, day, projects_generated, projects_opened, wizard_steps, active_members, successes, failures
FROM pleat_unmasked.team_activity
ORDER BY team_id, day;

CREATE VIEW pleat_unmasked.team_technologies AS
SELECT team_id, technology, usage_count, successes, failures,
  (successes + 1)::float8 / (successes + failures + 2)::float8 * usage_count::float8 AS weight
FROM pleat.team_technologies_seen
WHERE usage_count > 0 AND pleat.as_of_is_readable();

CREATE VIEW insights.team_technologies WITH (security_barrier) AS
SELECT team_id, technology, usage_count, successes, failures, weight
FROM pleat_unmasked.team_technologies
ORDER BY team_id, technology;

-- Models -----------------------------------------------------------------------------------------------------------------------

CREATE VIEW pleat_unmasked.model_metrics AS
SELECT model_name, task_type, complexity_level, hour, requests,
  (response_time_us / (requests * 1000::numeric))::float8 AS response_time_ms,
  pleat.quantile(50, buckets, bucket_ranks) / 1000 AS response_time_ms_p50,
  pleat.quantile(95, buckets, bucket_ranks) / 1000 AS response_time_ms_p95,
  pleat.quantile(99, buckets, bucket_ranks) / 1000 AS response_time_ms_p99,
  pleat.as_count(tokens_used) AS tokens_used,
  cost_nanodollars * 0.000000001 AS cost_usd,
  (quality_millionths / nullif(quality_samples * 1000000::numeric, 0))::float8 AS quality_score,
  quality_samples, fallbacks
FROM pleat.model_metrics_seen
WHERE requests > 0 AND pleat.as_of_is_readable();

CREATE VIEW insights.model_metrics WITH (security_barrier) AS
SELECT model_name, task_type, complexity_level, hour, requests, response_time_ms, response_time_ms_p50,
  response_time_ms_p95, response_time_ms_p99, tokens_used, cost_usd, quality_score, quality_samples, fallbacks
FROM pleat_unmasked.model_metrics
ORDER BY model_name, task_type, complexity_level, hour;

-- A histogram over several days: its ranks become counts of each bucket (less the rank of the bucket before), these are added
-- up, and made ranks again. An aggregate with an order (which is true of all) keeps the planner from hashing: so models come in
-- the order of the index, and the first hundred cost what they are.
CREATE VIEW pleat_unmasked.model_performance AS
SELECT m.model_name, m.requests,
  (m.response_time_us / nullif(m.requests * 1000::numeric, 0))::float8 AS response_time_ms,
  pleat.quantile(50, h.buckets, h.ranks) / 1000 AS response_time_ms_p50,
  pleat.quantile(95, h.buckets, h.ranks) / 1000 AS response_time_ms_p95,
  pleat.quantile(99, h.buckets, h.ranks) / 1000 AS response_time_ms_p99,
  pleat.as_count(m.tokens_used) AS tokens_used,
  m.cost_nanodollars * 0.000000001 AS cost_usd,
  (m.quality_millionths / nullif(m.quality_samples * 1000000::numeric, 0))::float8 AS quality_score,
  m.quality_samples, m.fallbacks,
  (m.cost_nanodollars / nullif(m.requests * 1000000000::numeric, 0))::float8 AS mean_cost_usd,
  m.previous_requests,
  (m.previous_cost_nanodollars / nullif(m.previous_requests * 1000000000::numeric, 0))::float8 AS previous_mean_cost_usd,
  (m.previous_response_time_us / nullif(m.previous_requests * 1000::numeric, 0))::float8 AS previous_response_time_ms,
  (m.previous_quality_millionths / nullif(m.previous_quality_samples * 1000000::numeric, 0))::float8
    AS previous_quality_score
FROM (
  SELECT model_name,
    pleat.total(requests) FILTER (WHERE in_current) AS requests,
    coalesce(sum(response_time_us) FILTER (WHERE in_current), 0) AS response_time_us,
    coalesce(sum(tokens_used) FILTER (WHERE in_current), 0) AS tokens_used,
    coalesce(sum(cost_nanodollars) FILTER (WHERE in_current), 0) AS cost_nanodollars,
    coalesce(sum(quality_millionths) FILTER (WHERE in_current), 0) AS quality_millionths,
    pleat.total(quality_samples) FILTER (WHERE in_current) AS quality_samples,
    pleat.total(fallbacks) FILTER (WHERE in_current) AS fallbacks,
    pleat.total(requests) FILTER (WHERE in_previous) AS previous_requests,
    coalesce(sum(response_time_us) FILTER (WHERE in_previous), 0) AS previous_response_time_us,
    coalesce(sum(cost_nanodollars) FILTER (WHERE in_previous), 0) AS previous_cost_nanodollars,
    coalesce(sum(quality_millionths) FILTER (WHERE in_previous), 0) AS previous_quality_millionths,
    pleat.total(quality_samples) FILTER (WHERE in_previous) AS previous_quality_samples
  FROM (
    SELECT d.*, d.day > n.today - 30 AND d.day <= n.today AS in_current,
      d.day > n.today - 60 AND d.day <= n.today - 30 AS in_previous
    FROM pleat.models_now n
    CROSS JOIN pleat.model_days_seen d
    WHERE d.requests > 0
  ) d
  GROUP BY model_name
  HAVING bool_and(requests > 0 ORDER BY day)
) m
LEFT JOIN LATERAL (
  SELECT array_agg(bucket ORDER BY bucket) AS buckets, array_agg(rank ORDER BY bucket) AS ranks
  FROM (
    SELECT bucket, pleat.total(pleat.total(count)) OVER (ORDER BY bucket) AS rank
    FROM (
      SELECT h.bucket, h.rank - h.rank_before AS count
      FROM pleat.models_now n
      JOIN pleat.model_days_seen d ON d.day > n.today - 30 AND d.day <= n.today
      CROSS JOIN unnest(d.buckets, d.bucket_ranks, 0::bigint || d.bucket_ranks) AS h (bucket, rank, rank_before)
      WHERE d.model_name = m.model_name AND h.bucket IS NOT NULL
    ) counts
    GROUP BY bucket
  ) ranks
) h ON true
WHERE pleat.as_of_is_readable();

CREATE VIEW insights.model_performance WITH (security_barrier) AS
SELECT model_name, requests, response_time_ms, response_time_ms_p50, response_time_ms_p95, response_time_ms_p99,
  tokens_used, cost_usd, quality_score, quality_samples, fallbacks, mean_cost_usd, previous_requests,
  previous_mean_cost_usd, previous_response_time_ms, previous_quality_score
FROM pleat_unmasked.model_performance
ORDER BY model_name;


-- Of a project and version one prediction counts at most: see the fold. Squared errors are sums of 10^-12.
CREATE VIEW pleat_unmasked.prediction_calibration AS
SELECT model_version, decile::bigint AS decile, predictions, outcomes, successes,
  pleat.share(probability_sum_millionths, predictions * 1000000) AS mean_probability,
  (squared_error_sum / nullif(outcomes * 1000000000000::numeric, 0))::float8 AS brier
FROM pleat.prediction_calibration_seen
WHERE predictions > 0 AND pleat.as_of_is_readable();

CREATE VIEW insights.prediction_calibration WITH (security_barrier) AS
SELECT model_version, decile, predictions, outcomes, successes, mean_probability, brier
FROM pleat_unmasked.prediction_calibration
ORDER BY model_version, decile;

-- Activity ---------------------------------------------------------------------------------------------------------------------

CREATE VIEW pleat_unmasked.wizard_activity AS
SELECT step::bigint AS step, hour, completions, sessions,
  pleat.quantile(50, duration_buckets, duration_ranks) / 1000 AS duration_ms_p50,
  pleat.quantile(95, duration_buckets, duration_ranks) / 1000 AS duration_ms_p95
FROM pleat.wizard_activity_seen
WHERE pleat.as_of_is_readable();

CREATE VIEW insights.wizard_activity WITH (security_barrier) AS
SELECT step, hour, completions, sessions, duration_ms_p50, duration_ms_p95
FROM pleat_unmasked.wizard_activity
ORDER BY step, hour;

-- At a turn of the day it was counted with the watermark of that turn.
CREATE VIEW pleat_unmasked.wizard_now AS
SELECT s.step::bigint AS step, count(*) AS sessions
FROM pleat.activity_now n
JOIN pleat.wizard_sessions_current s ON s.generation = n.generation AND s.time >= n.watermark - interval '30 minutes'
WHERE n.turn IS NULL AND pleat.as_of_is_readable()
GROUP BY s.step
UNION ALL
SELECT s.step::bigint, s.sessions
FROM pleat.activity_now n
JOIN pleat.wizard_sessions s ON s.generation = n.generation AND s.position = n.turn;

CREATE VIEW insights.wizard_now WITH (security_barrier) AS
SELECT step, sessions FROM pleat_unmasked.wizard_now;

CREATE VIEW pleat_unmasked.cache_stats AS
SELECT cache, day, hits, misses, pleat.share(hits, hits + misses) AS hit_rate,
  pleat.as_count(tokens_saved) AS tokens_saved, cost_saved_nanodollars * 0.000000001 AS cost_saved_usd
FROM pleat.cache_stats_seen
WHERE pleat.as_of_is_readable();

CREATE VIEW insights.cache_stats WITH (security_barrier) AS
SELECT cache, day, hits, misses, hit_rate, tokens_saved, cost_saved_usd
FROM pleat_unmasked.cache_stats
ORDER BY cache, day;

CREATE VIEW pleat_unmasked.errors AS
SELECT component, severity, hour, occurrences FROM pleat.errors_seen
WHERE pleat.as_of_is_readable();

CREATE VIEW insights.errors WITH (security_barrier) AS
SELECT component, severity, hour, occurrences FROM pleat_unmasked.errors
ORDER BY component, severity, hour;

-- How fresh all this is --------------------------------------------------------------------------------------------------------

-- No view of numbers: who holds a lease is a question of the database's clock.
CREATE VIEW pleat_unmasked.freshness AS
SELECT c.projection, c.generation::bigint AS generation, c.position,
  c.greatest_time - interval '5 minutes' AS watermark,
  greatest(h.position - c.position, 0) AS behind_positions,
  -- GREATEST ignores nulls: where either has no watermark there is no distance.
  CASE
    WHEN c.greatest_time IS NOT NULL THEN greatest(extract(epoch FROM h.greatest_time - c.greatest_time), 0)
  END::float8 AS behind_seconds,
  c.updated_at,
  CASE
    WHEN c.state = 'failed' THEN 'failed'
    WHEN l.held IS TRUE THEN c.state
    ELSE 'stopped'
  END AS state,
  c.reason
FROM pleat.live_generations g
JOIN pleat.projection_cursors c USING (projection, generation)
CROSS JOIN pleat.journal_head h
LEFT JOIN (
  SELECT resource, until > statement_timestamp() AS held FROM pleat.leases
) l ON l.resource = 'projection/' || c.projection
UNION ALL
SELECT 'ingest', NULL, h.position,
  h.greatest_time - interval '5 minutes',
  p.behind,
  CASE WHEN h.greatest_time IS NOT NULL THEN 0::float8 END,
  p.updated_at,
  CASE
    WHEN p.alarm THEN 'failed'
    WHEN p.paused OR NOT EXISTS (
      SELECT FROM pleat.leases WHERE starts_with(resource, 'partition/') AND until > statement_timestamp()
    ) THEN 'stopped'
    -- More than one flush behind.
    WHEN p.behind > 10000 THEN 'catching_up'
    ELSE 'live'
  END,
  p.reason
FROM pleat.journal_head h
CROSS JOIN (
  SELECT coalesce(sum(greatest(end_offset - next_offset, 0)), 0)::bigint AS behind,
    coalesce(max(updated_at), (SELECT appended_at FROM pleat.journal_head)) AS updated_at,
    coalesce(bool_or(state = 'alarm'), false) AS alarm,
    coalesce(bool_or(state = 'paused'), false) AS paused,
    string_agg(topic || '/' || partition || ': ' || reason, '; ' ORDER BY topic, partition) AS reason
  FROM pleat.partitions
) p;

CREATE VIEW insights.freshness WITH (security_barrier) AS
SELECT projection, generation, position, watermark, behind_positions, behind_seconds, updated_at, state
FROM pleat_unmasked.freshness;

-- The technology catalog -------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.technology_catalog (
  alias text COLLATE "C" PRIMARY KEY,
  technology text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL,
  version integer NOT NULL
);
COMMENT ON TABLE pleat.technology_catalog IS 'The catalog of the daemon that started last, for readers; folds have their own copy.';

CREATE FUNCTION pleat.replace_technology_catalog(
  catalog_version integer, catalog_aliases text[], catalog_technologies text[], catalog_categories text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  LOCK TABLE pleat.technology_catalog IN SHARE ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM pleat.technology_catalog WHERE version > catalog_version) THEN
    RETURN;
  END IF;
  DELETE FROM pleat.technology_catalog;
  INSERT INTO pleat.technology_catalog (alias, technology, category, version)
  SELECT alias, technology, category, catalog_version
  FROM unnest(catalog_aliases, catalog_technologies, catalog_categories) AS entry (alias, technology, category);
END
$function$;
COMMENT ON FUNCTION pleat.replace_technology_catalog IS
  'Puts a catalog in the place of the one shown, one element of the arrays an alias; leaves a later version alone.';

CREATE VIEW pleat_unmasked.technology_catalog AS
SELECT alias, technology, category, version::bigint AS version FROM pleat.technology_catalog;

CREATE VIEW insights.technology_catalog WITH (security_barrier) AS
SELECT alias, technology, category, version FROM pleat_unmasked.technology_catalog;
