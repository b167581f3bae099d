-- Rows for Benchmarks/reading.sh: for each view 100,000 keys with 50 versions each, at 50 turns of the day, and what it is joined
-- with. Versions stand turn by turn, as the daemon writes them; every key has changed since the last turn.
\set ON_ERROR_STOP 1
SET synchronous_commit = off;

INSERT INTO pleat.projection_cursors (
  projection, generation, position, chain, greatest_time, last_day_turn, state, fold_version, catalog_version, key_digest, phase,
  live_since, updated_at)
SELECT p, 1, 10000000, 'x', '2026-11-21T10:05:00Z', 10000000, 'live', 1, 1, 'x', 'live', 0, now()
FROM unnest(ARRAY['projects', 'models', 'activity']) p;
INSERT INTO pleat.live_generations SELECT p, 1 FROM unnest(ARRAY['projects', 'models', 'activity']) p;
INSERT INTO pleat.turns (projection, generation, position, watermark)
SELECT p, 1, v * 200000, '2026-11-21T00:00:01Z'::timestamptz - (50 - v) * interval '1 day'
FROM unnest(ARRAY['projects', 'models', 'activity']) p, generate_series(1, 50) v;

-- Days: 81 of them, each changed on the day after for the last time.
INSERT INTO pleat.project_days_current (
  generation, day, projects, successes, failures, people, people_taken_out, position)
SELECT 1, '2026-11-21'::date - d, 50000, 20000, 10000, 5000, 0, greatest((50 - d) * 200000 + 900, 1) FROM generate_series(0, 80) d;
INSERT INTO pleat.project_days (generation, day, projects, successes, failures, people, people_taken_out, position)
SELECT 1, day, 50000, 20000, 10000, 5000, 0, (position / 200000 + 1) * 200000 FROM pleat.project_days_current WHERE position < 9900000;

-- technology_trends: 100,000 technologies; each used on 5 of the last 55 days by 5 people a day.
INSERT INTO pleat.technologies_current (
  generation, technology, category, projects, selections, first_seen, last_seen, position)
SELECT 1, 'technology ' || lpad(i::text, 6, '0'), 'other', 50, 50, '2026-01-01Z', '2026-11-20Z', 10000001 + i
FROM generate_series(1, 100000) i;
INSERT INTO pleat.technologies (generation, technology, category, projects, selections, first_seen, last_seen, position)
SELECT 1, 'technology ' || lpad(i::text, 6, '0'), 'other', v, v, '2026-01-01Z', '2026-11-20Z', v * 200000
FROM generate_series(1, 50) v, generate_series(1, 100000) i;
INSERT INTO pleat.technology_usage_current (
  generation, technology, day, projects, selections, successes, failures, people, people_taken_out, position)
SELECT 1, 'technology ' || lpad(i::text, 6, '0'), '2026-11-21'::date - (d * 11 + i % 11), 5, 1, 2, 1, 5, 0,
  greatest((50 - (d * 11 + i % 11)) * 200000 + 500, 1)
FROM generate_series(1, 100000) i, generate_series(0, 4) d;
INSERT INTO pleat.technology_usage (
  generation, technology, day, projects, selections, successes, failures, people, people_taken_out, position)
SELECT 1, technology, day, 5, 1, 2, 1, 5, 0, (position / 200000 + 1) * 200000
FROM pleat.technology_usage_current WHERE position < 9900000 ORDER BY position;
INSERT INTO pleat.technology_people_current (generation, technology, day, hashes, counts, estimate, position)
SELECT 1, technology, day, (
    SELECT array_agg(h ORDER BY h) FROM (
      SELECT hashint8extended(hashtext(u.technology)::bigint * 100 + k + extract(day FROM day)::integer % 3 * 10, 7) AS h
      FROM generate_series(1, 5) k) x
  ), '{1,1,1,1,1}', false, position
FROM pleat.technology_usage_current u;
INSERT INTO pleat.technology_people (generation, technology, day, hashes, counts, estimate, position)
SELECT 1, technology, day, hashes, counts, estimate, (position / 200000 + 1) * 200000
FROM pleat.technology_people_current WHERE position < 9900000 ORDER BY position;

-- technology_usage: another 2,000 technologies on 50 days each, every one of which changed at every turn.
INSERT INTO pleat.technologies_current (
  generation, technology, category, projects, selections, first_seen, last_seen, position)
SELECT 1, 'much used ' || lpad(i::text, 6, '0'), 'other', 50, 50, '2026-01-01Z', '2026-11-20Z', 10000001 + i
FROM generate_series(1, 2000) i;
INSERT INTO pleat.technology_usage_current (
  generation, technology, day, projects, selections, successes, failures, people, people_taken_out, position)
SELECT 1, 'much used ' || lpad(i::text, 6, '0'), '2025-11-21'::date - d, 50, 1, 20, 10, 30, 0, 10000001 + i * 50 + d
FROM generate_series(1, 2000) i, generate_series(1, 50) d;
INSERT INTO pleat.technology_usage (
  generation, technology, day, projects, selections, successes, failures, people, people_taken_out, position)
SELECT 1, 'much used ' || lpad(i::text, 6, '0'), '2025-11-21'::date - d, v, 1, 20, 10, 30, 0, v * 200000
FROM generate_series(1, 50) v, generate_series(1, 2000) i, generate_series(1, 50) d;

-- stack_combinations: 100,000 stacks of two technologies, on 3 days each. One in twenty has people enough to be shown.
INSERT INTO pleat.stack_combinations_current (
  generation, stack_id, technologies, usage_count, successes, failures, complexity_sum_millionths, complexity_count, first_seen,
  last_seen, people, people_taken_out, position)
SELECT 1, substring(sha256(convert_to('["A' || i % 1000 || '","B' || i / 1000 || '"]', 'UTF8')) FOR 16), ARRAY['A' || i % 1000, 'B' || i / 1000], 50, 20, 10, 25000000, 50, '2026-01-01Z',
  '2026-11-20Z', CASE WHEN i % 20 = 0 THEN 30 ELSE 5 END, 0, 10000001 + i
FROM generate_series(1, 100000) i;
INSERT INTO pleat.stack_combinations (
  generation, stack_id, technologies, usage_count, successes, failures, complexity_sum_millionths, complexity_count, first_seen,
  last_seen, people, people_taken_out, position)
SELECT 1, substring(sha256(convert_to('["A' || i % 1000 || '","B' || i / 1000 || '"]', 'UTF8')) FOR 16), ARRAY['A' || i % 1000, 'B' || i / 1000], v, 20, 10, 25000000, 50, '2026-01-01Z',
  '2026-11-20Z', CASE WHEN i % 20 = 0 THEN 30 ELSE 5 END, 0, v * 200000
FROM generate_series(1, 50) v, generate_series(1, 100000) i;
INSERT INTO pleat.stack_days_current (generation, stack_id, day, usage_count, position)
SELECT 1, substring(sha256(convert_to('["A' || i % 1000 || '","B' || i / 1000 || '"]', 'UTF8')) FOR 16), '2026-11-21'::date - (d * 18 + i % 18), 5,
  greatest((50 - (d * 18 + i % 18)) * 200000 + 500, 1)
FROM generate_series(1, 100000) i, generate_series(0, 2) d;
INSERT INTO pleat.stack_days (generation, stack_id, day, usage_count, position)
SELECT 1, stack_id, day, 5, (position / 200000 + 1) * 200000
FROM pleat.stack_days_current WHERE position < 9900000 ORDER BY position;

-- technology_pairs: 100,000 pairs of the first 500 technologies.
INSERT INTO pleat.technology_pairs_current (
  generation, technology_a, technology_b, together, successes, failures, people, people_taken_out, announced, position)
SELECT 1, 'technology ' || lpad(a::text, 6, '0'), 'technology ' || lpad(b::text, 6, '0'), 20, 5, 5, 30, 0, false, 10000001 + a
FROM generate_series(1, 449) a, generate_series(a + 1, 449) b LIMIT 100000;
INSERT INTO pleat.technology_pairs (
  generation, technology_a, technology_b, together, successes, failures, people, people_taken_out, announced, position)
SELECT 1, technology_a, technology_b, least(v, 20), 5, 5, 30, 0, false, v * 200000
FROM generate_series(1, 50) v, pleat.technology_pairs_current;

-- team_stats: 100,000 teams, each active on 3 days by 2 people.
INSERT INTO pleat.team_stats_current (
  generation, team_id, name, members, projects_generated, projects_opened, wizard_steps, successes, failures,
  complexity_sum_millionths, complexity_count, first_activity, last_activity, position)
SELECT 1, 'team ' || lpad(i::text, 6, '0'), 'Team', 5, 50, 50, 50, 20, 10, 25000000, 50, '2026-01-01Z', '2026-11-20Z', 10000001 + i
FROM generate_series(1, 100000) i;
INSERT INTO pleat.team_stats (
  generation, team_id, name, members, projects_generated, projects_opened, wizard_steps, successes, failures,
  complexity_sum_millionths, complexity_count, first_activity, last_activity, position)
SELECT 1, 'team ' || lpad(i::text, 6, '0'), 'Team', 5, v, v, v, 20, 10, 25000000, 50, '2026-01-01Z', '2026-11-20Z', v * 200000
FROM generate_series(1, 50) v, generate_series(1, 100000) i;
INSERT INTO pleat.team_activity_current (
  generation, team_id, day, events, projects_generated, projects_opened, wizard_steps, active_members, successes, failures, hashes,
  counts, estimate, position)
SELECT 1, 'team ' || lpad(i::text, 6, '0'), '2026-11-21'::date - (d * 10 + i % 10), 5, 2, 2, 1, 2, 1, 1,
  ARRAY[i::bigint * 1000, i::bigint * 1000 + 1 + d], '{1,1}', false, greatest((50 - (d * 10 + i % 10)) * 200000 + 500, 1)
FROM generate_series(1, 100000) i, generate_series(0, 2) d;
INSERT INTO pleat.team_activity (
  generation, team_id, day, events, projects_generated, projects_opened, wizard_steps, active_members, successes, failures, hashes,
  counts, estimate, position)
SELECT 1, team_id, day, events, projects_generated, projects_opened, wizard_steps, active_members, successes, failures, hashes,
  counts, estimate, (position / 200000 + 1) * 200000
FROM pleat.team_activity_current WHERE position < 9900000 ORDER BY position;

-- model_metrics: 100,000 hours of 10 models.
INSERT INTO pleat.model_metrics_current (
  generation, model_name, task_type, complexity_level, hour, requests, response_time_us, tokens_used, cost_nanodollars,
  quality_millionths, quality_samples, fallbacks, buckets, bucket_ranks, position)
SELECT 1, 'model ' || m, 'chat', 'simple', '2025-01-01Z'::timestamptz + h * interval '1 hour', 10, 12345678, 1000, 987654321,
  8000000, 10, 1, '{900,950,1000,1100}', '{3,6,9,10}', 10000001 + h
FROM generate_series(0, 9) m, generate_series(1, 10000) h;
INSERT INTO pleat.model_metrics (
  generation, model_name, task_type, complexity_level, hour, requests, response_time_us, tokens_used, cost_nanodollars,
  quality_millionths, quality_samples, fallbacks, buckets, bucket_ranks, position)
SELECT 1, model_name, task_type, complexity_level, hour, 10, 12345678, 1000, 987654321, 8000000, 10, 1, buckets, bucket_ranks,
  v * 200000
FROM generate_series(1, 50) v, pleat.model_metrics_current;

VACUUM (ANALYZE);
