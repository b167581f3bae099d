-- The read contract: what projections.md says of every view, over the newest rows of the live generations.
--
-- Each view is written once. Where a threshold holds, the whole of it is `pleat.V_rows`; `insights.V` and `pleat_unmasked.V`
-- select from that, the former with the threshold in its outermost SELECT and as a security barrier.
-- A condition on a key reaches the scans: the subqueries group by the key alone, and equality of text is leakproof.

CREATE SCHEMA IF NOT EXISTS insights AUTHORIZATION pleat_owner;
CREATE SCHEMA IF NOT EXISTS pleat_unmasked AUTHORIZATION pleat_owner;
COMMENT ON SCHEMA insights IS 'What Pleat tells everybody: the read contract.';
COMMENT ON SCHEMA pleat_unmasked IS 'The views of insights without the threshold, for operators.';

-- Functions ------------------------------------------------------------------------------------------------------------------
-- Each is one expression, so that the planner puts it into the query. Wherever two counts make a rate, `successes` is one of
-- them and `outcomes` the sum of both.

-- Wilson score interval (E. B. Wilson, 1927) with z = 1.959963984540054, solved for counts: its lower end.
CREATE FUNCTION pleat.wilson_low(successes bigint, outcomes bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
  WHEN outcomes = 0 THEN NULL
  WHEN successes = 0 THEN 0
  ELSE (2 * successes::float8 + 3.841458820694124
      - 1.959963984540054 * sqrt(3.841458820694124 + 4 * successes::float8 * (outcomes - successes)::float8 / outcomes::float8))
    / (2 * (outcomes::float8 + 3.841458820694124))
END;

CREATE FUNCTION pleat.wilson_high(successes bigint, outcomes bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
  WHEN outcomes = 0 THEN NULL
  WHEN successes = outcomes THEN 1
  ELSE (2 * successes::float8 + 3.841458820694124
      + 1.959963984540054 * sqrt(3.841458820694124 + 4 * successes::float8 * (outcomes - successes)::float8 / outcomes::float8))
    / (2 * (outcomes::float8 + 3.841458820694124))
END;

-- Part of a whole; null where there is no whole.
CREATE FUNCTION pleat.share(part bigint, whole bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN whole <> 0 THEN part::float8 / whole::float8 END;

-- 100 × (share / previous share − 1), as one exact fraction until the end.
CREATE FUNCTION pleat.trend_percentage(part bigint, whole bigint, previous_part bigint, previous_whole bigint)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
  WHEN whole <> 0 AND previous_whole <> 0 AND previous_part <> 0 THEN
    (100 * (part::numeric * previous_whole::numeric - previous_part::numeric * whole::numeric)
      / (previous_part::numeric * whole::numeric))::float8
END;

-- Pooled two-proportion z of a share against the previous one; 0 where the deviation is.
CREATE FUNCTION pleat.trend_z(part bigint, whole bigint, previous_part bigint, previous_whole bigint)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
  WHEN whole = 0 OR previous_whole = 0 THEN NULL
  WHEN part + previous_part = 0 OR part + previous_part = whole + previous_whole THEN 0
  ELSE (part::float8 / whole::float8 - previous_part::float8 / previous_whole::float8)
    / sqrt((part + previous_part)::float8 / (whole + previous_whole)::float8
      * ((whole + previous_whole - part - previous_part)::float8 / (whole + previous_whole)::float8)
      * (1 / whole::float8 + 1 / previous_whole::float8))
END;

-- The 5% are compared as fractions: 100 × |a/b − 1| ≥ 5 is 20 × |a − b| ≥ b.
CREATE FUNCTION pleat.trend_direction(part bigint, whole bigint, previous_part bigint, previous_whole bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
  WHEN abs(pleat.trend_z(part, whole, previous_part, previous_whole)) >= 2.576
    AND (previous_part = 0 OR 20 * abs(part::numeric * previous_whole::numeric - previous_part::numeric * whole::numeric)
      >= previous_part::numeric * whole::numeric)
  THEN CASE WHEN pleat.trend_z(part, whole, previous_part, previous_whole) > 0 THEN 'up' ELSE 'down' END
  ELSE 'stable'
END;

-- People of a union of sketches: its smallest hashes (distinct, ascending, at least 257 where it has as many), and whether one
-- of the sketches is an estimate. Hashes are stored with the sign bit flipped, so that their order is the unsigned one.
CREATE FUNCTION pleat.people(smallest bigint[], estimate boolean) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
  WHEN NOT estimate AND cardinality(smallest) <= 256 THEN cardinality(smallest)::bigint
  ELSE least(
    div(255 * 18446744073709551616, greatest(smallest[256]::numeric + 9223372036854775808, 1)), 9223372036854775807)::bigint
END;

-- What a bucket of a histogram stands for, in the histogram's unit: below 128 the value itself; above, each power of two has
-- 64 buckets of the same width, and it is the middle of the least and the greatest value in one. Within 1/128 of either.
CREATE FUNCTION pleat.bucket_middle(bucket integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
  WHEN bucket < 128 THEN bucket::float8
  ELSE (64.5 + (bucket & 63))::float8 * (1::bigint << ((bucket - 64) >> 6))::float8 - 0.5
END;

-- Quantile by nearest rank: the bucket of the ⌈percent·n/100⌉th smallest of n values. `ranks` says for each bucket how many
-- values lie in it or below. Null where there is no value.
CREATE FUNCTION pleat.quantile(percent integer, buckets integer[], ranks bigint[]) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
  pleat.bucket_middle(buckets[1 + width_bucket((percent * ranks[cardinality(ranks)] + 99) / 100 - 1, ranks)]);

-- A sum as a count: a sum beyond what bigint holds shows as the greatest bigint, rather than no row at all.
CREATE FUNCTION pleat.as_count(sum numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN least(sum, 9223372036854775807)::bigint;

-- Where the live generations stand -------------------------------------------------------------------------------------------

-- One row each: what the views below take as now. Today is the UTC date of the projection's own watermark. OFFSET 0 has the
-- planner compute it once, and not anew for every row compared with it.
CREATE VIEW pleat.projects_now AS
SELECT c.generation, c.greatest_time - interval '5 minutes' AS watermark,
  ((c.greatest_time - interval '5 minutes') AT TIME ZONE 'UTC')::date AS today
FROM pleat.live_generations g
JOIN pleat.projection_cursors c USING (projection, generation)
WHERE g.projection = 'projects'
OFFSET 0;
COMMENT ON VIEW pleat.projects_now IS 'What the views of the projection projects take as now: one row.';

CREATE VIEW pleat.models_now AS
SELECT c.generation, c.greatest_time - interval '5 minutes' AS watermark,
  ((c.greatest_time - interval '5 minutes') AT TIME ZONE 'UTC')::date AS today
FROM pleat.live_generations g
JOIN pleat.projection_cursors c USING (projection, generation)
WHERE g.projection = 'models'
OFFSET 0;
COMMENT ON VIEW pleat.models_now IS 'What the views of the projection models take as now: one row.';

-- All public projects of both windows: what trends are shares of. One row.
CREATE VIEW pleat.project_windows AS
SELECT coalesce(sum(d.projects) FILTER (WHERE d.day > n.today - 30), 0)::bigint AS whole,
  coalesce(sum(d.projects) FILTER (WHERE d.day <= n.today - 30), 0)::bigint AS previous_whole
FROM pleat.projects_now n
JOIN pleat.project_days_current d ON d.generation = n.generation AND d.day > n.today - 60 AND d.day <= n.today;
COMMENT ON VIEW pleat.project_windows IS 'Public projects of the current and the previous window: one row.';

-- Technologies -----------------------------------------------------------------------------------------------------------------

CREATE VIEW pleat.technology_usage_rows AS
SELECT u.technology, u.day, t.category, u.projects, u.selections, u.people, u.successes, u.failures, u.people_taken_out
FROM pleat.technology_usage_current u
JOIN pleat.technologies_current t ON t.generation = u.generation AND t.technology = u.technology
WHERE u.generation = (SELECT generation FROM pleat.projects_now)
  AND u.projects + u.selections > 0;
COMMENT ON VIEW pleat.technology_usage_rows IS 'insights.technology_usage without the threshold, and what it needs.';

-- People of the current window. Few hashes are grouped and counted, for all keys at once. A key with more than 256, or with a
-- full sketch (that stands for itself by its 256th hash), is looked at by itself; where one is an estimate, the smallest of
-- the full sketches' 256th hashes bounds that of the union, and no hash above is read.
CREATE VIEW pleat.technology_window_people AS
SELECT technology,
  CASE WHEN NOT has_full AND hashes <= 256 THEN hashes ELSE (
    SELECT pleat.people(array_agg(hash ORDER BY hash), k.has_estimate)
    FROM (
      SELECT DISTINCT
        unnest(CASE WHEN k.has_estimate THEN p.hashes[1:width_bucket(k.bound, p.hashes)] ELSE p.hashes END) AS hash
      FROM pleat.projects_now n
      JOIN pleat.technology_people_current p
        ON p.generation = n.generation AND p.day > n.today - 30 AND p.day <= n.today
      WHERE p.technology = k.technology
      ORDER BY hash LIMIT 257
    ) u
  ) END AS people
FROM (
  SELECT technology, count(*) AS hashes, bool_or(is_full) AS has_full, bool_or(is_estimate) AS has_estimate,
    min(hash) FILTER (WHERE is_full) AS bound
  FROM (
    SELECT technology, hash, bool_or(is_full) AS is_full, bool_or(estimate) AS is_estimate
    FROM (
      SELECT p.technology, p.estimate, cardinality(p.hashes) >= 256 AS is_full,
        unnest(CASE WHEN cardinality(p.hashes) < 256 THEN p.hashes ELSE p.hashes[256:256] END) AS hash
      FROM pleat.projects_now n
      JOIN pleat.technology_people_current p
        ON p.generation = n.generation AND p.day > n.today - 30 AND p.day <= n.today
    ) h
    GROUP BY technology, hash
  ) d
  GROUP BY technology
) k;
COMMENT ON VIEW pleat.technology_window_people IS 'People of a technology''s public projects in the current window.';

CREATE VIEW pleat.technology_windows AS
SELECT technology,
  (sum(projects) FILTER (WHERE day > n.today - 30))::bigint AS usage_count,
  (sum(projects) FILTER (WHERE day <= n.today - 30))::bigint AS previous_usage_count,
  (sum(successes) FILTER (WHERE day > n.today - 30))::bigint AS successes,
  (sum(successes + failures) FILTER (WHERE day > n.today - 30))::bigint AS outcomes,
  (sum(people_taken_out) FILTER (WHERE day > n.today - 30))::bigint AS people_taken_out
FROM pleat.projects_now n
JOIN pleat.technology_usage_current u ON u.generation = n.generation AND u.day > n.today - 60 AND u.day <= n.today
GROUP BY technology;
COMMENT ON VIEW pleat.technology_windows IS 'Public projects of a technology in the current and the previous window.';

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
  SELECT t.technology, t.category, t.first_seen, n.watermark, w.whole, w.previous_whole,
    coalesce(u.usage_count, 0) AS usage_count,
    coalesce(u.previous_usage_count, 0) AS previous_usage_count,
    coalesce(u.successes, 0) AS successes,
    coalesce(u.outcomes, 0) AS outcomes,
    coalesce(u.people_taken_out, 0) AS people_taken_out,
    coalesce(p.people, 0) AS people
  FROM pleat.projects_now n
  CROSS JOIN pleat.project_windows w
  JOIN pleat.technologies_current t ON t.generation = n.generation
  LEFT JOIN pleat.technology_windows u ON u.technology = t.technology
  LEFT JOIN pleat.technology_window_people p ON p.technology = t.technology
  WHERE t.projects + t.selections > 0
) r;
COMMENT ON VIEW pleat.technology_trends_rows IS 'insights.technology_trends without the threshold, and what it needs.';

-- Stacks -----------------------------------------------------------------------------------------------------------------------

CREATE VIEW pleat.stack_windows AS
SELECT stack_id,
  (sum(usage_count) FILTER (WHERE day > n.today - 30))::bigint AS current_usage_count,
  (sum(usage_count) FILTER (WHERE day <= n.today - 30))::bigint AS previous_usage_count
FROM pleat.projects_now n
JOIN pleat.stack_days_current d ON d.generation = n.generation AND d.day > n.today - 60 AND d.day <= n.today
GROUP BY stack_id;
COMMENT ON VIEW pleat.stack_windows IS 'Public projects of a stack in the current and the previous window.';

CREATE VIEW pleat.stack_combinations_rows AS
SELECT to_jsonb(technologies) AS technologies, cardinality(technologies)::bigint AS size, usage_count, people, outcomes,
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
  SELECT s.technologies, s.usage_count, s.people, s.people_taken_out, s.successes, s.successes + s.failures AS outcomes,
    s.complexity_sum_millionths, s.complexity_count, s.first_seen, s.last_seen, w.whole, w.previous_whole,
    coalesce(d.current_usage_count, 0) AS current_usage_count,
    coalesce(d.previous_usage_count, 0) AS previous_usage_count
  FROM pleat.projects_now n
  CROSS JOIN pleat.project_windows w
  JOIN pleat.stack_combinations_current s ON s.generation = n.generation
  LEFT JOIN pleat.stack_windows d ON d.stack_id = s.stack_id
  WHERE s.usage_count > 0
) r;
COMMENT ON VIEW pleat.stack_combinations_rows IS 'insights.stack_combinations without the threshold, and what it needs.';

-- What everybody reads, and the same without the threshold ---------------------------------------------------------------------

CREATE VIEW insights.technology_usage WITH (security_barrier) AS
SELECT technology, day, category, projects, selections, people, successes, failures
FROM pleat.technology_usage_rows
WHERE people - people_taken_out >= 10;

CREATE VIEW pleat_unmasked.technology_usage AS
SELECT technology, day, category, projects, selections, people, successes, failures
FROM pleat.technology_usage_rows;

CREATE VIEW insights.technology_trends WITH (security_barrier) AS
SELECT technology_name, category, usage_count, people, outcomes, success_rate, success_rate_low, success_rate_high,
  previous_usage_count, share, previous_share, trend_percentage, trend_z, trend_direction, first_seen, aggregated_at
FROM pleat.technology_trends_rows
WHERE people - people_taken_out >= 10;

CREATE VIEW pleat_unmasked.technology_trends AS
SELECT technology_name, category, usage_count, people, outcomes, success_rate, success_rate_low, success_rate_high,
  previous_usage_count, share, previous_share, trend_percentage, trend_z, trend_direction, first_seen, aggregated_at
FROM pleat.technology_trends_rows;

CREATE VIEW insights.stack_combinations WITH (security_barrier) AS
SELECT technologies, size, usage_count, people, outcomes, avg_success_rate, success_rate_low, success_rate_high,
  avg_complexity, first_seen, last_seen, current_usage_count, previous_usage_count, share, previous_share,
  trend_percentage, trend_z, trend_direction
FROM pleat.stack_combinations_rows
WHERE people - people_taken_out >= 10;

CREATE VIEW pleat_unmasked.stack_combinations AS
SELECT technologies, size, usage_count, people, outcomes, avg_success_rate, success_rate_low, success_rate_high,
  avg_complexity, first_seen, last_seen, current_usage_count, previous_usage_count, share, previous_share,
  trend_percentage, trend_z, trend_direction
FROM pleat.stack_combinations_rows;

-- Teams ------------------------------------------------------------------------------------------------------------------------

-- As pleat.technology_window_people.
CREATE VIEW pleat.team_window_people AS
SELECT team_id,
  CASE WHEN NOT has_full AND hashes <= 256 THEN hashes ELSE (
    SELECT pleat.people(array_agg(hash ORDER BY hash), k.has_estimate)
    FROM (
      SELECT DISTINCT
        unnest(CASE WHEN k.has_estimate THEN a.hashes[1:width_bucket(k.bound, a.hashes)] ELSE a.hashes END) AS hash
      FROM pleat.projects_now n
      JOIN pleat.team_activity_current a ON a.generation = n.generation AND a.day > n.today - 30 AND a.day <= n.today
      WHERE a.team_id = k.team_id
      ORDER BY hash LIMIT 257
    ) u
  ) END AS people
FROM (
  SELECT team_id, count(*) AS hashes, bool_or(is_full) AS has_full, bool_or(is_estimate) AS has_estimate,
    min(hash) FILTER (WHERE is_full) AS bound
  FROM (
    SELECT team_id, hash, bool_or(is_full) AS is_full, bool_or(estimate) AS is_estimate
    FROM (
      SELECT a.team_id, a.estimate, cardinality(a.hashes) >= 256 AS is_full,
        unnest(CASE WHEN cardinality(a.hashes) < 256 THEN a.hashes ELSE a.hashes[256:256] END) AS hash
      FROM pleat.projects_now n
      JOIN pleat.team_activity_current a ON a.generation = n.generation AND a.day > n.today - 30 AND a.day <= n.today
    ) h
    GROUP BY team_id, hash
  ) d
  GROUP BY team_id
) k;
COMMENT ON VIEW pleat.team_window_people IS 'People of a team''s events in the current window.';

CREATE VIEW pleat_unmasked.team_stats AS
SELECT team_id, name, members, projects_generated, projects_opened, wizard_steps, active_members, outcomes,
  pleat.share(successes, outcomes) AS success_rate,
  pleat.wilson_low(successes, outcomes) AS success_rate_low,
  pleat.wilson_high(successes, outcomes) AS success_rate_high,
  pleat.share(complexity_sum_millionths, complexity_count * 1000000) AS avg_complexity,
  first_activity, last_activity
FROM (
  SELECT s.*, s.successes + s.failures AS outcomes, coalesce(p.people, 0) AS active_members
  FROM pleat.team_stats_current s
  LEFT JOIN pleat.team_window_people p ON p.team_id = s.team_id
  WHERE s.generation = (SELECT generation FROM pleat.projects_now)
) r;

CREATE VIEW insights.team_stats WITH (security_barrier) AS
SELECT team_id, name, members, projects_generated, projects_opened, wizard_steps, active_members, outcomes, success_rate,
  success_rate_low, success_rate_high, avg_complexity, first_activity, last_activity
FROM pleat_unmasked.team_stats;

CREATE VIEW pleat_unmasked.team_activity AS
SELECT team_id, day, projects_generated, projects_opened, wizard_steps, active_members, successes, failures
FROM pleat.team_activity_current
WHERE generation = (SELECT generation FROM pleat.projects_now) AND events > 0;

CREATE VIEW insights.team_activity WITH (security_barrier) AS
SELECT team_id, day, projects_generated, projects_opened, wizard_steps, active_members, successes, failures
FROM pleat_unmasked.team_activity;

CREATE VIEW pleat_unmasked.team_technologies AS
SELECT team_id, technology, usage_count, successes, failures,
  (successes + 1)::float8 / (successes + failures + 2)::float8 * usage_count::float8 AS weight
FROM pleat.team_technologies_current
WHERE generation = (SELECT generation FROM pleat.projects_now) AND usage_count > 0;

CREATE VIEW insights.team_technologies WITH (security_barrier) AS
SELECT team_id, technology, usage_count, successes, failures, weight
FROM pleat_unmasked.team_technologies;

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
FROM pleat.model_metrics_current
WHERE generation = (SELECT generation FROM pleat.models_now) AND requests > 0;

CREATE VIEW insights.model_metrics WITH (security_barrier) AS
SELECT model_name, task_type, complexity_level, hour, requests, response_time_ms, response_time_ms_p50,
  response_time_ms_p95, response_time_ms_p99, tokens_used, cost_usd, quality_score, quality_samples, fallbacks
FROM pleat_unmasked.model_metrics;

-- A histogram over several days: its ranks become counts of each bucket (less the rank of the bucket before), these are added
-- up, and made ranks again.
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
    coalesce(sum(requests) FILTER (WHERE in_current), 0)::bigint AS requests,
    coalesce(sum(response_time_us) FILTER (WHERE in_current), 0) AS response_time_us,
    coalesce(sum(tokens_used) FILTER (WHERE in_current), 0) AS tokens_used,
    coalesce(sum(cost_nanodollars) FILTER (WHERE in_current), 0) AS cost_nanodollars,
    coalesce(sum(quality_millionths) FILTER (WHERE in_current), 0) AS quality_millionths,
    coalesce(sum(quality_samples) FILTER (WHERE in_current), 0)::bigint AS quality_samples,
    coalesce(sum(fallbacks) FILTER (WHERE in_current), 0)::bigint AS fallbacks,
    coalesce(sum(requests) FILTER (WHERE in_previous), 0)::bigint AS previous_requests,
    coalesce(sum(response_time_us) FILTER (WHERE in_previous), 0) AS previous_response_time_us,
    coalesce(sum(cost_nanodollars) FILTER (WHERE in_previous), 0) AS previous_cost_nanodollars,
    coalesce(sum(quality_millionths) FILTER (WHERE in_previous), 0) AS previous_quality_millionths,
    coalesce(sum(quality_samples) FILTER (WHERE in_previous), 0)::bigint AS previous_quality_samples
  FROM (
    SELECT d.*, d.day > n.today - 30 AND d.day <= n.today AS in_current,
      d.day > n.today - 60 AND d.day <= n.today - 30 AS in_previous
    FROM pleat.models_now n
    JOIN pleat.model_days_current d ON d.generation = n.generation AND d.requests > 0
  ) d
  GROUP BY model_name
) m
LEFT JOIN (
  SELECT model_name, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(rank ORDER BY bucket) AS ranks
  FROM (
    SELECT model_name, bucket, (sum(sum(count)) OVER (PARTITION BY model_name ORDER BY bucket))::bigint AS rank
    FROM (
      SELECT d.model_name, h.bucket, h.rank - h.rank_before AS count
      FROM pleat.models_now n
      JOIN pleat.model_days_current d ON d.generation = n.generation AND d.day > n.today - 30 AND d.day <= n.today
      CROSS JOIN unnest(d.buckets, d.bucket_ranks, 0::bigint || d.bucket_ranks) AS h (bucket, rank, rank_before)
      WHERE h.bucket IS NOT NULL
    ) counts
    GROUP BY model_name, bucket
  ) ranks
  GROUP BY model_name
) h ON h.model_name = m.model_name;

CREATE VIEW insights.model_performance WITH (security_barrier) AS
SELECT model_name, requests, response_time_ms, response_time_ms_p50, response_time_ms_p95, response_time_ms_p99,
  tokens_used, cost_usd, quality_score, quality_samples, fallbacks, mean_cost_usd, previous_requests,
  previous_mean_cost_usd, previous_response_time_ms, previous_quality_score
FROM pleat_unmasked.model_performance;

-- How fresh all this is --------------------------------------------------------------------------------------------------------

-- No view of numbers: who holds a lease is a question of the database's clock.
CREATE VIEW pleat_unmasked.freshness AS
SELECT c.projection, c.generation::bigint AS generation, c.position,
  c.greatest_time - interval '5 minutes' AS watermark,
  greatest(h.position - c.position, 0) AS behind_positions,
  greatest(extract(epoch FROM h.greatest_time - c.greatest_time), 0)::float8 AS behind_seconds,
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

COMMENT ON VIEW insights.freshness IS 'How far each projection is, and ingest before them.';
COMMENT ON COLUMN insights.freshness.projection IS 'projects, models; and ingest, which fills the journal.';
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

-- Grants -----------------------------------------------------------------------------------------------------------------------

-- Views read their tables as their owner, but call functions as the reader.
REVOKE EXECUTE ON FUNCTION
  pleat.wilson_low, pleat.wilson_high, pleat.share, pleat.trend_percentage, pleat.trend_z, pleat.trend_direction, pleat.people,
  pleat.bucket_middle, pleat.quantile, pleat.as_count, pleat.replace_technology_catalog
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  pleat.wilson_low, pleat.wilson_high, pleat.share, pleat.trend_percentage, pleat.trend_z, pleat.trend_direction, pleat.people,
  pleat.bucket_middle, pleat.quantile, pleat.as_count
TO pleat_reader, pleat_team_reader, pleat_operator, pleat_writer;
GRANT EXECUTE ON FUNCTION pleat.replace_technology_catalog TO pleat_writer;

GRANT USAGE ON SCHEMA insights TO pleat_reader, pleat_team_reader, pleat_operator;
GRANT USAGE ON SCHEMA pleat_unmasked TO pleat_operator;
GRANT SELECT ON
  insights.technology_usage, insights.technology_trends, insights.stack_combinations, insights.model_metrics,
  insights.model_performance, insights.freshness, insights.technology_catalog
TO pleat_reader;
GRANT SELECT ON insights.team_stats, insights.team_activity, insights.team_technologies TO pleat_team_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pleat_unmasked TO pleat_operator;
