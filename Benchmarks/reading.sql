-- Rows for Benchmarks/reading.sh: for each view 100,000 keys with 50 versions each, at 50 turns of the day, and what it is joined
-- with. Versions stand turn by turn, as the daemon writes them; every key has changed since the last turn. (wizard_now has 20 keys
-- at most: it has 100,000 sessions.)
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

-- technology_trends: 100,000 technologies; each used on 5 of the last 55 days by 5 other people a day, 2 or 3 of
-- them in a window.
INSERT INTO pleat.technologies_current (
  generation, technology, category, projects, selections, first_seen, last_seen, position, counted_since, counted_first_seen)
SELECT 1, 'technology ' || lpad(i::text, 6, '0'), 'other', 50, 50, '2026-01-01Z', '2026-11-20Z', 10000001 + i, 200000, '2026-01-01Z'
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
      SELECT hashint8extended(hashtext(u.technology)::bigint * 100 + k + (day - '2026-01-01') % 7 * 10, 7) AS h
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

-- stack_combinations: 100,000 stacks of two technologies, on 3 days each.
INSERT INTO pleat.stack_combinations_current (
  generation, stack_id, technologies, usage_count, successes, failures, complexity_sum_millionths, complexity_count, first_seen,
  last_seen, people, people_taken_out, position, public_turns)
SELECT 1, substring(sha256(convert_to('["A' || i % 1000 || '","B' || i / 1000 || '"]', 'UTF8')) FOR 16), ARRAY['A' || i % 1000, 'B' || i / 1000], 50, 20, 10, 25000000, 50, '2026-01-01Z',
  '2026-11-20Z', 30, 0, 10000001 + i, '{200000}'
FROM generate_series(1, 100000) i;
INSERT INTO pleat.stack_combinations (
  generation, stack_id, technologies, usage_count, successes, failures, complexity_sum_millionths, complexity_count, first_seen,
  last_seen, people, people_taken_out, position)
SELECT 1, substring(sha256(convert_to('["A' || i % 1000 || '","B' || i / 1000 || '"]', 'UTF8')) FOR 16), ARRAY['A' || i % 1000, 'B' || i / 1000], v, 20, 10, 25000000, 50, '2026-01-01Z',
  '2026-11-20Z', 30, 0, v * 200000
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

-- team_activity: another 2,000 teams on 50 days each, every one of which changed at every turn.
INSERT INTO pleat.team_activity_current (
  generation, team_id, day, events, projects_generated, projects_opened, wizard_steps, active_members, successes, failures, hashes,
  counts, estimate, position)
SELECT 1, 'active team ' || lpad(i::text, 6, '0'), '2025-11-21'::date - d, 50, 20, 20, 10, 2, 10, 10,
  ARRAY[i::bigint * 1000, i::bigint * 1000 + 1], '{25,25}', false, 10000001 + i * 50 + d
FROM generate_series(1, 2000) i, generate_series(1, 50) d;
INSERT INTO pleat.team_activity (
  generation, team_id, day, events, projects_generated, projects_opened, wizard_steps, active_members, successes, failures, hashes,
  counts, estimate, position)
SELECT 1, team_id, day, v, v / 2, v / 2, v, 2, v / 5, v / 5, hashes, counts, estimate, v * 200000
FROM generate_series(1, 50) v, (SELECT * FROM pleat.team_activity_current WHERE team_id < 'b') c;

-- team_technologies: 10,000 teams with 10 technologies each.
INSERT INTO pleat.team_technologies_current (
  generation, team_id, technologies, usage_counts, successes, failures, position)
SELECT 1, 'team ' || lpad(i::text, 6, '0'), array_agg('technology ' || lpad(t::text, 6, '0')),
  array_agg(50), array_agg(20), array_agg(10), 10000001 + i
FROM generate_series(1, 10000) i, generate_series(1, 10) t GROUP BY i;
INSERT INTO pleat.team_technologies (generation, team_id, technologies, usage_counts, successes, failures, position)
SELECT 1, team_id, technologies, array_fill(v, '{10}'), array_fill(v / 3, '{10}'), array_fill(v / 5, '{10}'), v * 200000
FROM generate_series(1, 50) v, pleat.team_technologies_current;

-- domain_patterns: 100,000 domains with 3 stacks each, one of which has people too few for the list.
INSERT INTO pleat.domains_current (
  generation, domain, projects, languages_sum, successes, failures, people, people_taken_out, position)
SELECT 1, 'domain ' || lpad(i::text, 6, '0'), 50, 100, 20, 10, 30, 0, 10000001 + i FROM generate_series(1, 100000) i;
INSERT INTO pleat.domains (
  generation, domain, projects, languages_sum, successes, failures, people, people_taken_out, position)
SELECT 1, domain, v, 2 * v, v / 3, v / 5, 30, 0, v * 200000 FROM generate_series(1, 50) v, pleat.domains_current;
INSERT INTO pleat.domain_stacks_current (
  generation, domain, stack_id, technologies, usage_count, successes, failures, people, people_taken_out, position)
SELECT 1, 'domain ' || lpad(i::text, 6, '0'), substring(sha256(convert_to('["A' || i % 1000 || '","B' || k || '"]', 'UTF8')) FOR 16),
  ARRAY['A' || i % 1000, 'B' || k], 20 - k, 5, 5, CASE k WHEN 3 THEN 5 ELSE 15 END, 0,
  greatest((50 - (k * 17 + i % 16)) * 200000 + 500, 1)
FROM generate_series(1, 100000) i, generate_series(1, 3) k;
INSERT INTO pleat.domain_stacks (
  generation, domain, stack_id, technologies, usage_count, successes, failures, people, people_taken_out, position)
SELECT 1, domain, stack_id, technologies, usage_count, 5, 5, people, 0, (position / 200000 + 1) * 200000
FROM pleat.domain_stacks_current ORDER BY position;

-- model_performance: 2,000 models on 50 days each.
INSERT INTO pleat.model_days_current (
  generation, model_name, task_type, day, requests, response_time_us, tokens_used, cost_nanodollars, quality_millionths,
  quality_samples, fallbacks, response_time_squares, cost_squares, quality_squares, announced, buckets, bucket_ranks, position)
SELECT 1, 'model ' || lpad(i::text, 6, '0'), 'chat', '2026-11-21'::date - d, 10, 12345678, 1000, 987654321, 8000000, 10, 1,
  15241576000000, 975461057789971041, 6400000000000, 0, '{900,950,1000,1100}', '{3,6,9,10}', 10000001 + i
FROM generate_series(1, 2000) i, generate_series(0, 49) d;
INSERT INTO pleat.model_days (
  generation, model_name, task_type, day, requests, response_time_us, tokens_used, cost_nanodollars, quality_millionths,
  quality_samples, fallbacks, response_time_squares, cost_squares, quality_squares, announced, buckets, bucket_ranks, position)
SELECT 1, model_name, task_type, day, 10, 12345678, 1000, 987654321, 8000000, 10, 1, 15241576000000, 975461057789971041,
  6400000000000, 0, buckets, bucket_ranks, v * 200000
FROM generate_series(1, 50) v, pleat.model_days_current;

-- prediction_calibration: 10,000 versions of models.
INSERT INTO pleat.prediction_calibration_current (
  generation, model_version, decile, predictions, outcomes, successes, probability_sum_millionths, squared_error_sum, position)
SELECT 1, 'version ' || lpad(i::text, 6, '0'), d, 50, 20, 10, 25000000, 5000000000000, 10000001 + i
FROM generate_series(1, 10000) i, generate_series(0, 9) d;
INSERT INTO pleat.prediction_calibration (
  generation, model_version, decile, predictions, outcomes, successes, probability_sum_millionths, squared_error_sum, position)
SELECT 1, model_version, decile, v, v / 2, v / 3, v * 500000, v * 100000000000, v * 200000
FROM generate_series(1, 50) v, pleat.prediction_calibration_current;

-- wizard_activity: 20 steps in 5,000 hours. wizard_now: 100,000 sessions.
INSERT INTO pleat.wizard_activity_current (
  generation, step, hour, completions, sessions, duration_buckets, duration_ranks, position)
SELECT 1, s, '2026-01-01Z'::timestamptz + h * interval '1 hour', 50, 40, '{900,950,1000,1100}', '{3,6,9,10}', 10000001 + h
FROM generate_series(1, 20) s, generate_series(1, 5000) h;
INSERT INTO pleat.wizard_activity (
  generation, step, hour, completions, sessions, duration_buckets, duration_ranks, position)
SELECT 1, step, hour, v, v, duration_buckets, duration_ranks, v * 200000
FROM generate_series(1, 50) v, pleat.wizard_activity_current;
INSERT INTO pleat.wizard_sessions_current (generation, session, step, time, position)
SELECT 1, hashint8extended(i, 7), 1 + i % 20, '2026-11-21T09:45:00Z', 10000001 + i FROM generate_series(1, 100000) i;
INSERT INTO pleat.wizard_sessions (generation, step, sessions, position)
SELECT 1, s, 5000, v * 200000 FROM generate_series(1, 50) v, generate_series(1, 20) s;

-- cache_stats: 100 caches on 1,000 days. errors: 20 components, 4 severities, 1,250 hours.
INSERT INTO pleat.cache_stats_current (
  generation, cache, day, hits, misses, tokens_saved, cost_saved_nanodollars, position)
SELECT 1, 'cache ' || lpad(c::text, 3, '0'), '2026-11-21'::date - d, 50, 10, 1000, 987654321, 10000001 + d
FROM generate_series(1, 100) c, generate_series(1, 1000) d;
INSERT INTO pleat.cache_stats (generation, cache, day, hits, misses, tokens_saved, cost_saved_nanodollars, position)
SELECT 1, cache, day, v, v / 5, v * 20, v * 20000000, v * 200000 FROM generate_series(1, 50) v, pleat.cache_stats_current;
INSERT INTO pleat.errors_current (generation, component, severity, hour, occurrences, position)
SELECT 1, 'component ' || lpad(c::text, 2, '0'), s, '2026-01-01Z'::timestamptz + h * interval '1 hour', 50, 10000001 + h
FROM generate_series(1, 20) c, unnest(ARRAY['info', 'warning', 'error', 'critical']) s, generate_series(1, 1250) h;
INSERT INTO pleat.errors (generation, component, severity, hour, occurrences, position)
SELECT 1, component, severity, hour, v, v * 200000 FROM generate_series(1, 50) v, pleat.errors_current;

VACUUM (ANALYZE);
