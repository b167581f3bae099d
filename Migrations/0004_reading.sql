-- What reading is made of: the setting pleat.as_of, where a projection is seen, and the functions that make numbers of counts.

-- As of ------------------------------------------------------------------------------------------------------------------------

-- Which position the setting pleat.as_of means; null where it is empty: now. A time means the last position of the last segment
-- appended by then, 0 before the first. No time zone of the session and no date style has a say.
CREATE FUNCTION pleat.as_of_position() RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  v_text text := current_setting('pleat.as_of', true);
  v_parts text[];
  v_year integer;
  v_month integer;
  v_day integer;
  v_days integer;
  v_time timestamptz;
  v_position bigint;
BEGIN
  IF v_text IS NULL OR v_text = '' THEN
    RETURN NULL;
  END IF;
  IF v_text ~ '^[0-9]+$' THEN
    v_text := ltrim(v_text, '0');
    IF length(v_text) < 19 OR length(v_text) = 19 AND v_text COLLATE "C" <= '9223372036854775807' THEN
      RETURN coalesce(nullif(v_text, ''), '0')::bigint;
    END IF;
    RAISE EXCEPTION 'pleat.as_of is beyond every position: %', left(v_text, 50) USING ERRCODE = '22023';
  END IF;
  v_parts := regexp_match(v_text,
    '^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]+))?'
    || '(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))$');
  IF v_parts IS NULL THEN
    RAISE EXCEPTION 'pleat.as_of is neither a position nor a time: "%"', left(v_text, 50)
      USING ERRCODE = '22023',
            HINT = 'A position is decimal digits, a time is RFC 3339 (2026-11-21T10:00:00Z), empty is now.';
  END IF;
  v_year := v_parts[1];
  v_month := v_parts[2];
  v_day := v_parts[3];
  v_days := CASE
    WHEN v_month = 2 AND (v_year % 4 = 0 AND v_year % 100 <> 0 OR v_year % 400 = 0) THEN 29
    WHEN v_month = 2 THEN 28
    WHEN v_month IN (4, 6, 9, 11) THEN 30
    WHEN v_month BETWEEN 1 AND 12 THEN 31
    ELSE 0
  END;
  IF v_year = 0 OR v_day < 1 OR v_day > v_days THEN
    RAISE EXCEPTION 'pleat.as_of names a day that does not exist: "%"', left(v_text, 50) USING ERRCODE = '22023';
  END IF;
  -- Cut to the microsecond, as the times of events are.
  v_time := make_timestamptz(v_year, v_month, v_day, v_parts[4]::integer, v_parts[5]::integer, v_parts[6]::integer, 'UTC')
    + rpad(left(coalesce(v_parts[7], ''), 6), 6, '0')::integer * interval '1 microsecond'
    - (coalesce(v_parts[8], '+') || '1')::integer
      * (coalesce(v_parts[9], '0')::integer * interval '1 hour' + coalesce(v_parts[10], '0')::integer * interval '1 minute');
  SELECT j.first_position + j.event_count - 1 INTO v_position FROM pleat.journal j
  WHERE j.appended_at <= v_time
  ORDER BY j.appended_at DESC, j.first_position DESC
  LIMIT 1;
  IF v_position IS NULL AND (SELECT s.first_position FROM pleat.journal_start s) > 1 THEN
    RAISE EXCEPTION 'where the journal ended at % is not known any more', v_text
      USING ERRCODE = '22023',
            HINT = 'Retention has dropped the journal of that time (retention.journal_days): ask by position.';
  END IF;
  RETURN coalesce(v_position, 0);
END
$function$;
COMMENT ON FUNCTION pleat.as_of_position IS
  'The position that the setting pleat.as_of means, NULL for now; error 22023 where it is neither a position nor a time.';

-- Each view asks this as well: where a table has no rows the planner may see that nobody needs to know what the setting means.
CREATE FUNCTION pleat.as_of_is_readable() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM pleat.as_of_position();
  RETURN true;
END
$function$;
COMMENT ON FUNCTION pleat.as_of_is_readable IS 'True; error 22023 where pleat.as_of is neither a position nor a time.';

-- One row: the generation that the views of a projection show, and where. None before the first turn of the day, and none where
-- there is no such projection yet.
CREATE FUNCTION pleat.seen(
  p_projection text, OUT generation integer, OUT turn bigint, OUT before bigint, OUT watermark timestamptz, OUT today date
) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1 AS $function$
#variable_conflict use_column
DECLARE
  v_limit bigint := pleat.as_of_position();
  v_turn pleat.turns;
BEGIN
  IF v_limit IS NULL THEN
    RETURN QUERY
      SELECT c.generation, NULL::bigint, 9223372036854775807, c.greatest_time - interval '5 minutes',
        ((c.greatest_time - interval '5 minutes') AT TIME ZONE 'UTC')::date
      FROM pleat.live_generations g
      JOIN pleat.projection_cursors c ON c.projection = g.projection AND c.generation = g.generation
      WHERE g.projection = p_projection;
  ELSE
    SELECT t.* INTO v_turn
    FROM pleat.live_generations g
    JOIN pleat.turns t ON t.projection = g.projection AND t.generation = g.generation
    WHERE g.projection = p_projection AND t.position <= v_limit
    ORDER BY t.position DESC
    LIMIT 1;
    IF NOT v_turn.kept THEN
      RAISE EXCEPTION 'the versions of % are not kept any more', (v_turn.watermark AT TIME ZONE 'UTC')::date
        USING ERRCODE = '22023', HINT = 'Of older months retention keeps the first turn alone (retention.versions_days).';
    ELSIF v_turn.position IS NOT NULL THEN
      RETURN QUERY
        SELECT v_turn.generation, v_turn.position, v_turn.position, v_turn.watermark,
          (v_turn.watermark AT TIME ZONE 'UTC')::date;
    END IF;
  END IF;
END
$function$;
COMMENT ON FUNCTION pleat.seen IS
  'Where the views of a projection stand: live generation, position of the turn of the day that they show (NULL: now), the position that what they show was changed before, watermark, and its day.';

-- Numbers ------------------------------------------------------------------------------------------------------------------
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

-- sum() of bigint adds up numeric: for a few rows of each key that is half of the work.
CREATE AGGREGATE pleat.total(bigint) (
  SFUNC = int8pl, STYPE = bigint, INITCOND = '0', COMBINEFUNC = int8pl, PARALLEL = SAFE
);
COMMENT ON AGGREGATE pleat.total(bigint) IS 'The sum, 0 of nothing; an error beyond bigint.';

-- 100 × (share / previous share − 1), as one exact fraction until the end. Where both of its parts are below 2⁵³, as those of the first
-- branch are (100 × 9,000,000 × 10,000,000 < 9.007 × 10¹⁵), double precision holds them as they are, and one division rounds once.
CREATE FUNCTION pleat.trend_percentage(part bigint, whole bigint, previous_part bigint, previous_whole bigint)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
  WHEN part BETWEEN 0 AND 9000000 AND previous_part BETWEEN 1 AND 9000000 AND whole BETWEEN 1 AND 10000000
    AND previous_whole BETWEEN 1 AND 10000000
  THEN (100 * (part * previous_whole - previous_part * whole))::float8 / (previous_part * whole)::float8
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


-- One cell of a log-likelihood ratio: o·ln(o/e), where e is what the sums of its row and its column let expect of `whole`.
CREATE FUNCTION pleat.likelihood(observed bigint, in_row bigint, in_column bigint, whole bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
  WHEN observed = 0 THEN 0
  ELSE observed::float8 * ln(observed::float8 * whole::float8 / (in_row::float8 * in_column::float8))
END;

-- Log-likelihood ratio (T. Dunning, "Accurate methods for the statistics of surprise and coincidence", 1993) of two things in
-- `together` of `whole`, one of them in `a` of these, the other in `b`: 2·Σ o·ln(o/e) over the four cells.
CREATE FUNCTION pleat.pair_g(together bigint, a bigint, b bigint, whole bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
  2 * (pleat.likelihood(together, a, b, whole) + pleat.likelihood(a - together, a, whole - b, whole)
    + pleat.likelihood(b - together, whole - a, b, whole)
    + pleat.likelihood(whole - a - b + together, whole - a, whole - b, whole));
