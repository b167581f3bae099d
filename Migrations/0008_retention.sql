-- Retention: journal tables dropped whole, versions thinned out to the first of each month. `pleat retention` runs it, as pleat_owner.

CREATE TABLE pleat.kept_chain (
  first_position bigint PRIMARY KEY,
  event_count    integer NOT NULL,
  chain          bytea NOT NULL
);
COMMENT ON TABLE pleat.kept_chain IS 'Chain values of dropped segments to which cursors, derived events and the relay''s records refer.';

CREATE TABLE pleat.dropped_offsets (
  topic       text COLLATE "C" NOT NULL,
  partition   integer NOT NULL,
  incarnation integer NOT NULL,
  next_offset bigint NOT NULL,
  PRIMARY KEY (topic, partition, incarnation)
);
COMMENT ON TABLE pleat.dropped_offsets IS 'Before these offsets the journal has dropped identities: what a dead letter there repeats cannot be known.';

CREATE OR REPLACE FUNCTION pleat.journal_has(p_position bigint, p_chain bytea) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_relation_size(to_regclass(format('pleat.%I', t.name)))
    FROM pleat.journal_tables t WHERE t.first_position <= p_position ORDER BY t.first_position DESC LIMIT 1;
  RETURN p_chain = '' OR coalesce((
    SELECT s.chain = p_chain AND p_position < s.first_position + s.event_count
    FROM pleat.journal s WHERE s.first_position <= p_position ORDER BY s.first_position DESC LIMIT 1), (
    SELECT k.chain = p_chain AND p_position < k.first_position + k.event_count
    FROM pleat.kept_chain k WHERE k.first_position <= p_position ORDER BY k.first_position DESC LIMIT 1), false);
END $$;

CREATE FUNCTION pleat.drop_journal_table(
  p_days integer, OUT dropped text, OUT until_position bigint, OUT held_by text
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
  c_window CONSTANT bigint := 100000;
  v_table pleat.journal_tables;
  v_last pleat.journal;
BEGIN
  -- No erasure begins meanwhile: it would look for identities in two places.
  PERFORM pg_advisory_xact_lock_shared(7813870561498363);
  SELECT * INTO STRICT v_table FROM pleat.journal_tables t ORDER BY t.first_position LIMIT 1 FOR UPDATE;
  SELECT * INTO v_last FROM pleat.journal s WHERE s.first_position < v_table.until_position
    ORDER BY s.first_position DESC LIMIT 1;
  until_position := v_last.first_position + v_last.event_count;
  -- Filled: the journal goes on in the next table; and old, by the database's clock at the append.
  IF v_last.first_position IS NULL
    OR NOT EXISTS (SELECT FROM pleat.journal s WHERE s.first_position >= v_table.until_position)
    OR v_last.appended_at > clock_timestamp() - make_interval(days => p_days)
  THEN
    RETURN;
  END IF;
  SELECT format('%s (generation %s), at position %s', c.projection, c.generation, c.position) INTO held_by
  FROM pleat.projection_cursors c WHERE c.position < until_position - 1 AND c.phase <> 'old'
  ORDER BY c.position LIMIT 1;
  IF held_by IS NULL THEN
    SELECT CASE WHEN i.live_from IS NULL THEN 'the relay, which has not begun'
                WHEN o.projection IS NOT NULL THEN format('the relay, at position %s of %s', o.position, o.projection) END
      INTO held_by
    FROM pleat.installation i LEFT JOIN LATERAL (
      SELECT o.projection, o.position FROM pleat.outbox o LEFT JOIN pleat.relay_places r USING (projection)
      WHERE o.position < until_position AND o.position > i.live_from
        AND (r.position IS NULL OR (o.position, o.ordinal) > (r.position, r.ordinal))
      ORDER BY o.position LIMIT 1) o ON true;
  END IF;
  IF held_by IS NULL AND EXISTS (SELECT FROM pleat.erasures e WHERE e.position IS NULL) THEN
    held_by := 'an erasure that is not done';
  END IF;
  IF held_by IS NOT NULL THEN
    RETURN;
  END IF;

  INSERT INTO pleat.kept_chain (first_position, event_count, chain)
    SELECT DISTINCT s.first_position, s.event_count, s.chain
    FROM (
      SELECT o.position FROM pleat.outbox o WHERE o.position < until_position
      UNION SELECT r.position FROM pleat.relay_places r WHERE r.position < until_position
      UNION SELECT r.passed_position FROM pleat.relay_places r WHERE r.passed_position < until_position
      UNION SELECT c.position FROM pleat.projection_cursors c WHERE c.position < until_position
    ) referred
    CROSS JOIN LATERAL (
      SELECT * FROM pleat.journal j WHERE j.first_position <= referred.position ORDER BY j.first_position DESC LIMIT 1) s
    ON CONFLICT DO NOTHING;
  WITH gone AS (
    DELETE FROM pleat.kept_identities k USING pleat.partitions p
      WHERE p.topic = k.topic AND p.partition = k.partition
        AND (p.incarnation > k.incarnation OR k.next_offset <= p.next_offset - c_window)
      RETURNING k.topic, k.partition, k.incarnation, k.next_offset)
  INSERT INTO pleat.dropped_offsets AS d (topic, partition, incarnation, next_offset)
    SELECT g.topic, g.partition, g.incarnation, max(g.next_offset) FROM gone g GROUP BY g.topic, g.partition, g.incarnation
    ON CONFLICT (topic, partition, incarnation) DO UPDATE SET next_offset = greatest(d.next_offset, excluded.next_offset);
  INSERT INTO pleat.kept_identities (first_position, topic, partition, incarnation, first_offset, next_offset, identities)
    SELECT s.first_position, s.topic, s.partition, s.incarnation, s.first_offset, s.next_offset, s.identities
    FROM pleat.journal s JOIN pleat.partitions p USING (topic, partition, incarnation)
    WHERE s.first_position < until_position AND s.next_offset > p.next_offset - c_window;
  INSERT INTO pleat.dropped_offsets AS d (topic, partition, incarnation, next_offset)
    SELECT s.topic, s.partition, s.incarnation, max(s.next_offset)
    FROM pleat.journal s
    WHERE s.first_position < until_position AND s.topic <> ''
      AND NOT EXISTS (SELECT FROM pleat.kept_identities k WHERE k.first_position = s.first_position)
    GROUP BY s.topic, s.partition, s.incarnation
    ON CONFLICT (topic, partition, incarnation) DO UPDATE SET next_offset = greatest(d.next_offset, excluded.next_offset);
  DELETE FROM pleat.erased_segments e WHERE e.first_position < until_position;
  UPDATE pleat.journal_start
    SET first_position = until_position, chain = v_last.chain, greatest_time = v_last.greatest_so_far;
  DELETE FROM pleat.journal_tables t WHERE t.name = v_table.name;
  -- Both take a lock on the journal for which nobody must wait long: lock_timeout ends it, and the caller tries again.
  EXECUTE format('ALTER TABLE pleat.journal DETACH PARTITION pleat.%I', v_table.name);
  EXECUTE format('DROP TABLE pleat.%I', v_table.name);
  dropped := v_table.name;
END $$;
COMMENT ON FUNCTION pleat.drop_journal_table IS
  'Drops the journal''s oldest table if all of it was appended so many days ago, and every projection and the relay are behind it; else says who holds it, if anybody does.';

CREATE FUNCTION pleat.thin_turns(p_days integer) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  -- By the projection's own watermark: no clock decides what can be told.
  WITH thinned AS (
    UPDATE pleat.turns t SET kept = false
      FROM (
        SELECT o.projection, o.generation, o.position,
               row_number() OVER (
                 PARTITION BY o.projection, o.generation, date_trunc('month', o.watermark AT TIME ZONE 'UTC')
                 ORDER BY o.position) AS in_month,
               o.watermark, max(o.watermark) OVER (PARTITION BY o.projection, o.generation) AS newest
        FROM pleat.turns o) r
      WHERE t.projection = r.projection AND t.generation = r.generation AND t.position = r.position AND t.kept
        AND r.in_month > 1 AND r.watermark < r.newest - make_interval(days => p_days)
      RETURNING 1)
  SELECT count(*) FROM thinned;
END;
COMMENT ON FUNCTION pleat.thin_turns IS
  'Marks the turns older than so many days of the watermark, but the first of each month, as not kept any more.';

CREATE FUNCTION pleat.delete_versions(p_limit integer) RETURNS TABLE (from_table text, deleted bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_table record;
BEGIN
  -- A version is needed by the first kept turn at or behind it, unless its key has a newer one up to there.
  FOR v_table IN
    SELECT t.table_name, t.projection, string_agg(format('n.%1$I = v.%1$I', a.attname), ' AND ') AS same_key
    FROM pleat.projection_tables t
      JOIN pg_class c ON c.oid = to_regclass(format('pleat.%I', t.table_name))
      JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey::smallint[]) AND a.attname <> 'position'
    GROUP BY t.table_name, t.projection ORDER BY t.table_name
  LOOP
    EXECUTE format(
      'DELETE FROM pleat.%1$I d WHERE d.ctid IN (
         SELECT v.ctid FROM pleat.turns t
           JOIN pleat.%1$I v ON v.generation = t.generation AND v.position = t.position
         WHERE t.projection = $1 AND NOT t.kept AND EXISTS (
           SELECT FROM pleat.%1$I n
           WHERE %2$s AND n.position > v.position AND n.position <= (
             SELECT min(k.position) FROM pleat.turns k
             WHERE k.projection = $1 AND k.generation = v.generation AND k.kept AND k.position >= v.position))
         LIMIT $2)', v_table.table_name, v_table.same_key)
      USING v_table.projection, p_limit;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    from_table := v_table.table_name;
    IF deleted > 0 THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION pleat.delete_versions IS
  'Deletes at most so many versions that no kept turn needs, of one table; returns nothing once there are none.';

REVOKE EXECUTE ON FUNCTION pleat.drop_journal_table, pleat.thin_turns, pleat.delete_versions FROM PUBLIC;
GRANT SELECT ON pleat.kept_chain, pleat.dropped_offsets TO pleat_writer, pleat_operator;
