-- Years of operation: what is asked of the journal, the outbox and erasures touches few of their tables; a generation that can never
-- become live is in nobody's way.

CREATE OR REPLACE FUNCTION pleat.journal_has(p_position bigint, p_chain bytea) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_from bigint;
BEGIN
  -- Attaching a table takes no lock that conflicts with a reader's, so a transaction that has read the journal before does not hear
  -- of it until it takes a lock that it has not had. A function in SQL would even then keep its plan.
  PERFORM pg_relation_size(to_regclass(format('pleat.%I', t.name)))
    FROM pleat.journal_tables t WHERE t.first_position <= p_position ORDER BY t.first_position DESC LIMIT 1;
  v_from := pleat.journal_from(p_position);
  RETURN p_chain = '' OR coalesce((
    SELECT s.chain = p_chain AND p_position < s.first_position + s.event_count
    FROM pleat.journal s WHERE s.first_position <= p_position AND s.first_position >= v_from
    ORDER BY s.first_position DESC LIMIT 1), (
    SELECT k.chain = p_chain AND p_position < k.first_position + k.event_count
    FROM pleat.kept_chain k WHERE k.first_position <= p_position ORDER BY k.first_position DESC LIMIT 1), false);
END $$;

CREATE INDEX dead_letters_erased ON pleat.dead_letters (id) WHERE erased_at IS NOT NULL;

CREATE OR REPLACE FUNCTION pleat.take_over_projection(
  p_projection text, p_instance text, p_start bigint, p_fold_version integer, p_catalog_version integer
) RETURNS TABLE (
  live_generation integer, new_epoch bigint, at_position bigint, at_chain bytea, at_greatest_time timestamptz,
  at_last_day_turn bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_key_digest bytea := (SELECT sha256(s.hash_key) FROM pleat.secrets s);
  v_cursor pleat.projection_cursors;
  v_way_out text;
BEGIN
  IF NOT EXISTS (SELECT FROM pleat.live_generations g WHERE g.projection = p_projection) THEN
    INSERT INTO pleat.projection_cursors (
      projection, generation, fold_version, catalog_version, key_digest, phase, live_since, updated_at)
    VALUES (p_projection, 1, p_fold_version, p_catalog_version, v_key_digest, 'live', 0, clock_timestamp())
    ON CONFLICT DO NOTHING;
    INSERT INTO pleat.live_generations (projection, generation) VALUES (p_projection, 1) ON CONFLICT DO NOTHING;
  END IF;
  -- What is waited for may be a switch: the row is then read again, but not which generation is the live one.
  UPDATE pleat.projection_cursors c SET epoch = c.epoch + 1
    FROM pleat.live_generations g
    WHERE g.projection = p_projection AND c.projection = g.projection AND c.generation = g.generation AND c.phase = 'live'
    RETURNING c.* INTO v_cursor;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another generation of % has become live', p_projection USING ERRCODE = 'PL001';
  END IF;
  IF (v_cursor.fold_version, v_cursor.catalog_version) <> (p_fold_version, p_catalog_version) THEN
    -- Nobody rebuilds it by himself where that loses something.
    SELECT format('; the journal begins at position %s: `pleat rebuild %s --accept-loss` does without what came before',
                  j.first_position, p_projection) INTO v_way_out
    FROM pleat.journal_start j
    WHERE j.first_position > 1 AND p_fold_version >= v_cursor.fold_version AND p_catalog_version >= v_cursor.catalog_version;
    RAISE EXCEPTION USING ERRCODE = 'PL004', MESSAGE = format(
      'generation %s of %s was folded by version %s with catalog %s, this program has version %s with catalog %s%s',
      v_cursor.generation, p_projection, v_cursor.fold_version, v_cursor.catalog_version, p_fold_version, p_catalog_version,
      v_way_out);
  END IF;
  IF v_cursor.key_digest <> v_key_digest THEN
    RAISE EXCEPTION 'generation % of % was folded with another hash key', v_cursor.generation, p_projection
      USING ERRCODE = 'PL004';
  END IF;
  PERFORM pleat.claim_lease('projection/' || p_projection, p_instance, p_start);
  live_generation := v_cursor.generation;
  new_epoch := v_cursor.epoch;
  at_position := v_cursor.position;
  at_chain := v_cursor.chain;
  at_greatest_time := v_cursor.greatest_time;
  at_last_day_turn := v_cursor.last_day_turn;
  RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION pleat.drop_journal_table(
  p_days integer, OUT dropped text, OUT until_position bigint, OUT held_by text
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
  c_window CONSTANT bigint := 100000;
  v_table pleat.journal_tables;
  v_last pleat.journal;
  v_start bigint := (SELECT j.first_position FROM pleat.journal_start j);
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
      SELECT n.* FROM (SELECT DISTINCT c.projection FROM pleat.projection_cursors c) c
        LEFT JOIN pleat.relay_places r USING (projection)
        CROSS JOIN LATERAL (
          -- By the key: what was relayed is not read again for each table.
          SELECT o.projection, o.position FROM pleat.outbox o
          WHERE o.projection = c.projection
            AND (o.position, o.ordinal) > (greatest(coalesce(r.position, 0), i.live_from),
                                           CASE WHEN r.position >= i.live_from THEN r.ordinal ELSE 2147483647 END)
          ORDER BY o.position, o.ordinal LIMIT 1) n
      WHERE n.position < until_position ORDER BY n.position LIMIT 1) o ON true;
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
      -- What stands before the table was kept with the tables before.
      SELECT o.position FROM (SELECT DISTINCT c.projection FROM pleat.projection_cursors c) c JOIN pleat.outbox o USING (projection)
        WHERE o.position >= v_start AND o.position < until_position
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

CREATE OR REPLACE FUNCTION pleat.swap_generation(
  p_projection text, p_live_generation integer, p_live_epoch bigint, p_own_generation integer, p_own_epoch bigint,
  p_position bigint, p_chain bytea, p_owner text, p_start bigint, p_seconds integer, p_previous_owner text,
  p_previous_start bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_old pleat.projection_cursors;
  v_new pleat.projection_cursors;
BEGIN
  UPDATE pleat.projection_cursors c SET phase = 'old', epoch = c.epoch + 1, updated_at = clock_timestamp()
    WHERE c.projection = p_projection AND c.generation = p_live_generation AND c.epoch = p_live_epoch
      AND c.position = p_position AND c.chain = p_chain AND c.phase = 'live'
    RETURNING c.* INTO v_old;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the live generation % of % is not at epoch % and position % any more', p_live_generation, p_projection,
      p_live_epoch, p_position USING ERRCODE = 'PL001';
  END IF;
  UPDATE pleat.projection_cursors c
    -- It stands where the old one stood: where that was live, so is this, and with nothing to fold nobody else would say so.
    SET phase = 'live', live_since = c.position, epoch = c.epoch + 1, updated_at = clock_timestamp(),
      state = CASE WHEN v_old.state = 'live' THEN 'live' ELSE c.state END
    WHERE c.projection = p_projection AND c.generation = p_own_generation AND c.epoch = p_own_epoch
      AND c.position = p_position AND c.chain = p_chain AND c.phase = 'making'
    RETURNING c.* INTO v_new;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'generation % of % is not at epoch % and position % any more', p_own_generation, p_projection,
      p_own_epoch, p_position USING ERRCODE = 'PL001';
  END IF;
  IF v_new.fold_version < v_old.fold_version OR v_new.catalog_version < v_old.catalog_version THEN
    RAISE EXCEPTION 'a lower version never takes the place of a higher one' USING ERRCODE = 'PL004';
  END IF;
  UPDATE pleat.live_generations g SET generation = p_own_generation
    WHERE g.projection = p_projection AND g.generation = p_live_generation;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'generation % of % is not the live one', p_live_generation, p_projection USING ERRCODE = 'PL001';
  END IF;
  -- What can never become live any more holds nothing back.
  UPDATE pleat.projection_cursors c SET phase = 'old', epoch = c.epoch + 1, updated_at = clock_timestamp()
    WHERE c.projection = p_projection AND c.phase = 'making' AND (
      c.fold_version < v_new.fold_version OR c.catalog_version < v_new.catalog_version OR c.key_digest <> v_new.key_digest);
  PERFORM pleat.claim_rebuild(p_projection, p_owner, p_start, p_seconds);
  -- Who folded the old versions does not fold the new ones.
  PERFORM pleat.return_projection(
    p_projection, p_owner, p_start, p_seconds,
    CASE WHEN (v_new.fold_version, v_new.catalog_version) = (v_old.fold_version, v_old.catalog_version)
      THEN p_previous_owner END, p_previous_start);
END $$;
