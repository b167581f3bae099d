-- A view shows one turn of the day. pleat.as_of may be set by a function in a reader's condition, while rows are read: what was
-- looked up for a row after that was of another turn than the one at which it was judged who may see it. Now the turn is the row's.

CREATE OR REPLACE VIEW pleat.public_stacks_now WITH (security_barrier) AS
SELECT c.stack_id, c.technologies_json AS technologies, cardinality(c.technologies)::bigint AS size, c.usage_count, c.successes,
  c.failures, c.complexity_sum_millionths, c.complexity_count, c.first_seen, c.last_seen, c.people,
  c.generation
FROM pleat.stack_combinations_current c
WHERE c.generation = (SELECT s.generation FROM pleat.seen('projects') s)
  AND (SELECT s.turn FROM pleat.seen('projects') s) IS NULL
  AND c.ever_public AND c.usage_count > 0 AND c.people - c.people_taken_out >= 10;

-- One row says which turn it is: a subquery of its own for each use would be asked again where another row is looked at first.
CREATE OR REPLACE VIEW pleat.public_stacks_past WITH (security_barrier) AS
SELECT c.generation, c.stack_id, c.technologies_json AS technologies, cardinality(c.technologies)::bigint AS size, c.usage_count,
  c.successes, c.failures, c.complexity_sum_millionths, c.complexity_count, c.first_seen, c.last_seen, c.people, c.position,
  s.turn
FROM (SELECT n.generation, n.turn FROM pleat.seen('projects') n OFFSET 0) s
JOIN pleat.stack_combinations_current c ON c.generation = s.generation
WHERE s.turn IS NOT NULL AND c.ever_public AND width_bucket(s.turn, c.public_turns) % 2 = 1;

CREATE OR REPLACE VIEW pleat.public_stacks AS
SELECT c.stack_id, c.technologies, c.size, c.usage_count, c.successes, c.failures, c.complexity_sum_millionths,
  c.complexity_count, c.first_seen, c.last_seen, c.people, c.generation, NULL::bigint AS turn
FROM pleat.public_stacks_now c
UNION ALL
SELECT c.stack_id, c.technologies, c.size, CASE WHEN v.position IS NULL THEN c.usage_count ELSE v.usage_count END,
  CASE WHEN v.position IS NULL THEN c.successes ELSE v.successes END,
  CASE WHEN v.position IS NULL THEN c.failures ELSE v.failures END,
  CASE WHEN v.position IS NULL THEN c.complexity_sum_millionths ELSE v.complexity_sum_millionths END,
  CASE WHEN v.position IS NULL THEN c.complexity_count ELSE v.complexity_count END,
  CASE WHEN v.position IS NULL THEN c.first_seen ELSE v.first_seen END,
  CASE WHEN v.position IS NULL THEN c.last_seen ELSE v.last_seen END,
  CASE WHEN v.position IS NULL THEN c.people ELSE v.people END, c.generation, c.turn
FROM pleat.public_stacks_past c
LEFT JOIN LATERAL (
  SELECT * FROM pleat.stack_combinations v
  WHERE c.position >= c.turn
    AND v.generation = c.generation AND v.stack_id = c.stack_id
    AND v.position <= c.turn
  ORDER BY v.position DESC LIMIT 1
) v ON v.position > 0 OR clock_timestamp() IS NULL;

CREATE OR REPLACE VIEW pleat.public_stack_rows AS
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
        SELECT d.day, d.usage_count, d.position,
          CASE WHEN d.position >= s.turn THEN (
            SELECT v FROM pleat.stack_days v
            WHERE v.generation = s.generation AND v.stack_id = s.stack_id AND v.day = d.day AND v.position <= s.turn
            ORDER BY v.position DESC LIMIT 1
          ) END AS v
        FROM pleat.stack_days_current d
        WHERE d.generation = s.generation AND d.stack_id = s.stack_id AND d.day > n.today - 60 AND d.day <= n.today
        OFFSET 0
      ) d
      WHERE d.position < s.turn OR s.turn IS NULL OR (d.v).position IS NOT NULL
    ) d
  ) d
) r;

CREATE OR REPLACE VIEW pleat.technology_trends_rows AS
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
            SELECT d.hashes, d.estimate, d.position,
              CASE WHEN d.position >= n.turn THEN (
                SELECT v FROM pleat.technology_people v
                WHERE v.generation = n.generation AND v.technology = t.technology AND v.day = d.day AND v.position <= n.turn
                ORDER BY v.position DESC LIMIT 1
              ) END AS v
            FROM pleat.technology_people_current d
            WHERE d.generation = n.generation AND d.technology = t.technology AND d.day > n.today - 30 AND d.day <= n.today
            OFFSET 0
          ) d
          WHERE d.position < n.turn OR n.turn IS NULL OR (d.v).position IS NOT NULL
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
                  SELECT d.hashes, d.estimate, d.position,
                    CASE WHEN d.position >= n.turn THEN (
                      SELECT v FROM pleat.technology_people v
                      WHERE v.generation = n.generation AND v.technology = t.technology AND v.day = d.day AND v.position <= n.turn
                      ORDER BY v.position DESC LIMIT 1
                    ) END AS v
                  FROM pleat.technology_people_current d
                  WHERE d.generation = n.generation AND d.technology = t.technology AND d.day > n.today - 30 AND d.day <= n.today
                  OFFSET 0
                ) d
                WHERE d.position < n.turn OR n.turn IS NULL OR (d.v).position IS NOT NULL
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
                SELECT d.hashes, d.estimate, d.position,
                  CASE WHEN d.position >= n.turn THEN (
                    SELECT v FROM pleat.technology_people v
                    WHERE v.generation = n.generation AND v.technology = t.technology AND v.day = d.day AND v.position <= n.turn
                    ORDER BY v.position DESC LIMIT 1
                  ) END AS v
                FROM pleat.technology_people_current d
                WHERE d.generation = n.generation AND d.technology = t.technology AND d.day > n.today - 30 AND d.day <= n.today
                OFFSET 0
              ) d
              WHERE d.position < n.turn OR n.turn IS NULL OR (d.v).position IS NOT NULL
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
          SELECT d.projects, d.successes, d.failures, d.people, d.people_taken_out, d.position,
            d.day > n.today - 30 AS in_current,
            CASE WHEN d.position >= n.turn THEN (
              SELECT v FROM pleat.technology_usage v
              WHERE v.generation = n.generation AND v.technology = t.technology AND v.day = d.day AND v.position <= n.turn
              ORDER BY v.position DESC LIMIT 1
            ) END AS v
          FROM pleat.technology_usage_current d
          WHERE d.generation = n.generation AND d.technology = t.technology AND d.day > n.today - 60 AND d.day <= n.today
          OFFSET 0
        ) d
        WHERE d.position < n.turn OR n.turn IS NULL OR (d.v).position IS NOT NULL
      ) d
    ) sums
    OFFSET 0
  ) u
  WHERE u.people >= 0 OR clock_timestamp() IS NULL
) r;

DROP VIEW pleat.technology_usage_versioned, pleat.technology_people_versioned;
