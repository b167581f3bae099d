-- Many headers in one flush, and many tables of the journal; and no generation has the epoch of one that had its number before.

CREATE OR REPLACE FUNCTION pleat.append(
  move_topics text[], move_partitions integer[], move_epochs bigint[], move_from bigint[], move_to bigint[],
  move_ends bigint[], move_duplicates bigint[], move_dead_letters bigint[], move_states text[], move_reasons text[],
  move_journaled_offsets bigint[], move_journaled_digests bytea[], move_bad_records bytea[],
  segment_topics text[], segment_partitions integer[], segment_incarnations integer[], segment_counts integer[],
  segment_first_offsets bigint[], segment_next_offsets bigint[], segment_least_times timestamptz[],
  segment_greatest_times timestamptz[], segment_payloads bytea[], segment_payload_digests bytea[],
  segment_identities bytea[], segment_identities_digests bytea[],
  letter_topics text[], letter_partitions integer[], letter_incarnations integer[], letter_offsets bigint[],
  letter_reasons text[], letter_paths text[], letter_keys bytea[], letter_values bytea[], letter_timestamps timestamptz[],
  letter_header_counts integer[], header_names bytea[], header_values bytea[]
) RETURNS TABLE (at_position bigint, chain_before bytea, chain_after bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_head pleat.journal_head;
  v_total bigint := 0;
  v_greatest timestamptz;
  v_index integer;
  i integer;
BEGIN
  -- The cursors, in one order over all instances: exactly one row each, or nothing at all is written.
  FOR i IN
    SELECT m.i FROM unnest(move_topics, move_partitions) WITH ORDINALITY m (topic, partition, i)
    ORDER BY m.topic COLLATE "C", m.partition
  LOOP
    UPDATE pleat.partitions p
      SET next_offset = move_to[i],
          end_offset = greatest(coalesce(move_ends[i], p.end_offset), move_to[i]),
          duplicates = p.duplicates + move_duplicates[i],
          dead_letters = p.dead_letters + move_dead_letters[i],
          state = move_states[i],
          reason = move_reasons[i],
          journaled_offset = coalesce(move_journaled_offsets[i], p.journaled_offset),
          journaled_digest = coalesce(move_journaled_digests[i], p.journaled_digest),
          bad_records = move_bad_records[i],
          updated_at = clock_timestamp()
      WHERE p.topic = move_topics[i] AND p.partition = move_partitions[i] AND p.epoch = move_epochs[i]
        AND p.next_offset = move_from[i];
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the cursor of %/% is not at epoch % and offset %', move_topics[i], move_partitions[i], move_epochs[i],
        move_from[i] USING ERRCODE = 'PL001';
    END IF;
  END LOOP;

  -- What is not behind one of these cursors is not fenced.
  IF EXISTS (
    SELECT FROM (
      SELECT * FROM unnest(segment_topics, segment_partitions, segment_incarnations, segment_first_offsets, segment_next_offsets)
      UNION ALL
      SELECT l.topic, l.partition, l.incarnation, l.record_offset, l.record_offset + 1
      FROM unnest(letter_topics, letter_partitions, letter_incarnations, letter_offsets)
        l (topic, partition, incarnation, record_offset)
    ) w (topic, partition, incarnation, first_offset, next_offset)
    WHERE NOT EXISTS (
      SELECT FROM unnest(move_topics, move_partitions, move_from, move_to) m (topic, partition, move_from, move_to)
        JOIN pleat.partitions p ON p.topic = m.topic AND p.partition = m.partition
      WHERE m.topic = w.topic AND m.partition = w.partition AND p.incarnation = w.incarnation
        AND w.first_offset >= m.move_from AND w.next_offset <= m.move_to)
  ) THEN
    RAISE EXCEPTION 'a segment or a dead letter lies outside of the moves of its flush' USING ERRCODE = 'PL003';
  END IF;
  IF NOT EXISTS (SELECT FROM pleat.installation n WHERE n.publish IS NOT NULL) THEN
    RAISE EXCEPTION 'an append before pleat.initialize' USING ERRCODE = 'PL003';
  END IF;

  -- Of an array's slice PostgreSQL reads all that is before it, so the headers are counted once, and joined by their place.
  INSERT INTO pleat.dead_letters (
    topic, partition, incarnation, record_offset, reason, path, key, value, header_names, header_values, record_timestamp, at)
  SELECT l.topic, l.partition, l.incarnation, l.record_offset, l.reason, l.path, l.key, l.value, coalesce(h.names, '{}'),
    coalesce(h.contents, '{}'), l.record_timestamp, clock_timestamp()
  FROM unnest(
      letter_topics, letter_partitions, letter_incarnations, letter_offsets, letter_reasons, letter_paths, letter_keys,
      letter_values, letter_timestamps
    ) WITH ORDINALITY l (
      topic, partition, incarnation, record_offset, reason, path, key, value, record_timestamp, place)
    LEFT JOIN (
      SELECT o.letter, array_agg(n.name ORDER BY o.place) AS names, array_agg(n.content ORDER BY o.place) AS contents
      FROM (
        SELECT c.letter, row_number() OVER (ORDER BY c.letter, g) AS place
        FROM unnest(letter_header_counts) WITH ORDINALITY c (headers, letter), generate_series(1, c.headers) g
      ) o
      JOIN unnest(header_names, header_values) WITH ORDINALITY n (name, content, place) USING (place)
      GROUP BY o.letter
    ) h ON h.letter = l.place
  ORDER BY l.place;

  IF cardinality(segment_topics) > 0 THEN
    SELECT * INTO STRICT v_head FROM pleat.journal_head FOR UPDATE;
    SELECT sum(n) INTO v_total FROM unnest(segment_counts) n;
    PERFORM pleat.add_journal_partitions(v_head.position + v_total);
    v_head.appended_at := greatest(v_head.appended_at, clock_timestamp());
    FOR v_index IN 1 .. cardinality(segment_topics) LOOP
      v_head.greatest_time := greatest(v_head.greatest_time, segment_greatest_times[v_index]);
      chain_before := v_head.chain;
      v_head.chain := pleat.chain_value(
        v_head.chain, v_head.position + 1, segment_counts[v_index], segment_topics[v_index], segment_partitions[v_index],
        segment_incarnations[v_index], segment_first_offsets[v_index], segment_next_offsets[v_index],
        segment_least_times[v_index], segment_greatest_times[v_index], v_head.greatest_time, v_head.appended_at,
        segment_payload_digests[v_index], segment_identities_digests[v_index]);
      INSERT INTO pleat.journal (
        first_position, event_count, topic, partition, incarnation, first_offset, next_offset, least_time, greatest_time,
        greatest_so_far, appended_at, payload, payload_digest, identities, identities_digest, chain)
      VALUES (
        v_head.position + 1, segment_counts[v_index], segment_topics[v_index], segment_partitions[v_index],
        segment_incarnations[v_index], segment_first_offsets[v_index], segment_next_offsets[v_index],
        segment_least_times[v_index], segment_greatest_times[v_index], v_head.greatest_time, v_head.appended_at,
        segment_payloads[v_index], segment_payload_digests[v_index], segment_identities[v_index],
        segment_identities_digests[v_index], v_head.chain);
      at_position := v_head.position + 1;
      chain_after := v_head.chain;
      RETURN NEXT;
      v_head.position := v_head.position + segment_counts[v_index];
    END LOOP;
    UPDATE pleat.journal_head
      SET position = v_head.position, chain = v_head.chain, greatest_time = v_head.greatest_time,
          appended_at = v_head.appended_at;
    PERFORM pg_notify('pleat_journal', v_head.position::text);
  END IF;
  PERFORM pleat.settle_live_from();
END $$;

CREATE OR REPLACE FUNCTION pleat.as_of_position() RETURNS bigint
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
  v_tables bigint[];
  v_low integer := 1;
  v_middle integer;
  v_high integer;
  v_began timestamptz;
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
  -- The last table that began by then: half of those that are left with each step, or each of hundreds would be asked.
  v_tables := ARRAY(SELECT t.first_position FROM pleat.journal_tables t ORDER BY t.first_position);
  v_high := cardinality(v_tables);
  WHILE v_low < v_high LOOP
    v_middle := (v_low + v_high + 1) / 2;
    SELECT j.appended_at INTO v_began FROM pleat.journal j
    WHERE j.first_position >= v_tables[v_middle]
      AND j.first_position < coalesce(v_tables[v_middle + 1], 9223372036854775807)
    ORDER BY j.first_position
    LIMIT 1;
    -- One that is empty and not ahead was dropped, in this snapshot's future.
    IF v_began <= v_time OR v_began IS NULL AND v_tables[v_middle] <= (SELECT h.position FROM pleat.journal_head h) THEN
      v_low := v_middle;
    ELSE
      v_high := v_middle - 1;
    END IF;
  END LOOP;
  SELECT j.first_position + j.event_count - 1 INTO v_position FROM pleat.journal j
  WHERE j.appended_at <= v_time AND j.first_position >= v_tables[v_low]
    AND j.first_position < coalesce(v_tables[v_low + 1], 9223372036854775807)
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

CREATE OR REPLACE FUNCTION pleat.begin_rebuild(
  p_projection text, p_owner text, p_start bigint, p_seconds integer, p_fold_version integer, p_catalog_version integer,
  p_accept_loss boolean
) RETURNS TABLE (
  own_generation integer, new_epoch bigint, at_position bigint, at_chain bytea, at_greatest_time timestamptz,
  at_last_day_turn bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_resource text := 'rebuild/' || p_projection;
  v_key_digest bytea := (SELECT sha256(s.hash_key) FROM pleat.secrets s);
  v_other text;
  v_live pleat.projection_cursors;
  v_own pleat.projection_cursors;
  v_beginning pleat.journal_start;
BEGIN
  -- Before anything is waited for, or fenced: who holds the lease is left alone.
  v_other := pleat.rebuilt_by_another(p_projection, p_owner, p_start);
  IF v_other IS NOT NULL THEN
    RAISE EXCEPTION '% is being rebuilt by %', p_projection, v_other USING ERRCODE = 'PL001';
  END IF;

  IF p_accept_loss THEN
    PERFORM FROM pleat.projection_cursors c JOIN pleat.live_generations g USING (projection, generation)
      WHERE c.projection = p_projection AND c.position = 0 FOR UPDATE OF c;
  END IF;
  -- Waits for a commit of the one before, which may be a switch.
  PERFORM FROM pleat.projection_cursors c WHERE c.projection = p_projection AND c.phase = 'making'
    ORDER BY c.generation FOR UPDATE;
  SELECT c.* INTO v_live FROM pleat.live_generations g JOIN pleat.projection_cursors c USING (projection, generation)
    WHERE g.projection = p_projection;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'nothing of % is folded yet: there is nothing to rebuild', p_projection USING ERRCODE = 'PL002';
  END IF;
  IF p_fold_version < v_live.fold_version OR p_catalog_version < v_live.catalog_version THEN
    RAISE EXCEPTION 'generation % of % was folded by version % with catalog %, and this program has version % with catalog %: a lower version never takes the place of a higher one',
      v_live.generation, p_projection, v_live.fold_version, v_live.catalog_version, p_fold_version, p_catalog_version
      USING ERRCODE = 'PL004';
  END IF;
  SELECT * INTO STRICT v_beginning FROM pleat.journal_start;
  -- The first generation of a projection that came when the journal's beginning was gone: nothing is in it, and it cannot go on.
  IF p_accept_loss AND v_live.position = 0 AND v_beginning.first_position > 1 THEN
    UPDATE pleat.projection_cursors c
      SET epoch = c.epoch + 1, position = v_beginning.first_position - 1, chain = v_beginning.chain,
          greatest_time = v_beginning.greatest_time, live_since = v_beginning.first_position - 1
      WHERE c.projection = p_projection AND c.generation = v_live.generation AND c.position = 0;
  END IF;

  -- What can never become live any more.
  UPDATE pleat.projection_cursors c SET phase = 'old', epoch = c.epoch + 1
    WHERE c.projection = p_projection AND c.phase = 'making' AND (
      c.fold_version < v_live.fold_version OR c.catalog_version < v_live.catalog_version OR c.key_digest <> v_key_digest);
  -- Fences the one before.
  UPDATE pleat.projection_cursors c SET epoch = c.epoch + 1
    WHERE c.projection = p_projection AND c.phase = 'making' AND c.fold_version = p_fold_version
      AND c.catalog_version = p_catalog_version AND c.key_digest = v_key_digest
    RETURNING c.* INTO v_own;
  -- A journal that went back, or lost what would come next: from the beginning.
  IF v_own.generation IS NOT NULL AND NOT (
    v_own.position = v_beginning.first_position - 1
    OR v_own.position >= v_beginning.first_position AND pleat.journal_has(v_own.position, v_own.chain)
  ) THEN
    UPDATE pleat.projection_cursors c SET phase = 'old'
      WHERE c.projection = p_projection AND c.generation = v_own.generation;
    v_own := NULL;
  END IF;
  IF v_own.generation IS NULL THEN
    IF v_beginning.first_position > 1 AND NOT p_accept_loss THEN
      RAISE EXCEPTION 'the journal begins at position %: what % has of the events before would be lost; --accept-loss rebuilds it without them',
        v_beginning.first_position, p_projection USING ERRCODE = 'PL002';
    END IF;
    INSERT INTO pleat.projection_cursors (
      projection, generation, epoch, position, chain, greatest_time, fold_version, catalog_version, key_digest, updated_at)
    -- The number may have been another's that was given up: whoever still folds that one has another epoch.
    SELECT p_projection, max(c.generation) + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
        v_beginning.first_position - 1,
        CASE WHEN v_beginning.first_position > 1 THEN v_beginning.chain ELSE '' END, v_beginning.greatest_time,
        p_fold_version, p_catalog_version, v_key_digest, clock_timestamp()
      FROM pleat.projection_cursors c WHERE c.projection = p_projection
      ON CONFLICT DO NOTHING
      RETURNING * INTO v_own;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'somebody else has begun to rebuild %', p_projection USING ERRCODE = 'PL001';
    END IF;
  END IF;

  INSERT INTO pleat.leases (resource) VALUES (v_resource) ON CONFLICT DO NOTHING;
  PERFORM FROM pleat.leases l WHERE l.resource = v_resource FOR UPDATE;
  v_other := pleat.rebuilt_by_another(p_projection, p_owner, p_start);
  IF v_other IS NOT NULL THEN
    RAISE EXCEPTION '% is being rebuilt by %', p_projection, v_other USING ERRCODE = 'PL001';
  END IF;
  UPDATE pleat.leases l
    SET owner = p_owner, owner_start = p_start, until = clock_timestamp() + make_interval(secs => p_seconds),
        backend_pid = pg_backend_pid(),
        backend_start = (SELECT a.backend_start FROM pg_stat_get_activity(pg_backend_pid()) a)
    WHERE l.resource = v_resource;

  own_generation := v_own.generation;
  new_epoch := v_own.epoch;
  at_position := v_own.position;
  at_chain := v_own.chain;
  at_greatest_time := v_own.greatest_time;
  at_last_day_turn := v_own.last_day_turn;
  RETURN NEXT;
END $$;
