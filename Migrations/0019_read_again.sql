-- What is read again is erased again: the ends of erasures follow a partition into its next incarnation; a partition that a topic made
-- anew does not have is not waited for.

CREATE OR REPLACE FUNCTION pleat.begin_erasure(
  p_id uuid, p_person bigint, p_requested_at timestamptz, p_topics text[], p_partitions integer[], p_incarnations integer[],
  p_ends bigint[]
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_id uuid;
  v_changed boolean := false;
BEGIN
  -- A partition taken over for the first time has no row yet whose epoch could be raised: one after the other.
  PERFORM pg_advisory_xact_lock(7813870561498363);
  -- What is begun is extended: one erasure of a person at a time.
  SELECT e.id INTO v_id FROM pleat.erasures e WHERE e.person = p_person AND e.position IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    SELECT e.id INTO v_id FROM pleat.erasures e WHERE e.id = p_id OR p_id = ANY (e.also);
    IF FOUND THEN
      RETURN v_id;
    END IF;
    INSERT INTO pleat.erasures (id, person, requested_at, search_until) VALUES (p_id, p_person, p_requested_at, 0);
    v_id := p_id;
    v_changed := true;
  END IF;
  UPDATE pleat.erasures e SET also = e.also || p_id WHERE e.id = v_id AND p_id <> ALL (e.id || e.also);
  WITH entered AS (
    INSERT INTO pleat.erasure_ends AS e (erasure, topic, partition, incarnation, end_offset)
      -- Kafka's ends are of what is read now: another count of incarnations, as of a database that went back, says nothing.
      SELECT v_id, n.topic, n.partition, coalesce(p.incarnation, 0), n.end_offset
      FROM unnest(p_topics, p_partitions, p_ends) n (topic, partition, end_offset)
        LEFT JOIN pleat.partitions p ON p.topic = n.topic AND p.partition = n.partition
      ON CONFLICT (erasure, topic, partition) DO UPDATE
        SET incarnation = excluded.incarnation, end_offset = excluded.end_offset
        WHERE (e.incarnation, e.end_offset) < (excluded.incarnation, excluded.end_offset)
      RETURNING 1)
  SELECT v_changed OR EXISTS (SELECT FROM entered) INTO v_changed;
  IF v_changed THEN
    -- Who reads a partition without knowing of this writes nothing more. In the order in which appends lock them.
    PERFORM FROM pleat.partitions p ORDER BY p.topic, p.partition FOR UPDATE;
    UPDATE pleat.partitions SET epoch = epoch + 1;
    UPDATE pleat.erasures e
      SET search_until = (SELECT h.position FROM pleat.journal_head h),
          letters_until = (SELECT coalesce(max(d.id), 0) FROM pleat.dead_letters d)
      WHERE e.id = v_id;
  END IF;
  RETURN v_id;
END $$;
COMMENT ON FUNCTION pleat.begin_erasure IS
  'Begins an erasure, or extends the open one of this person, whose id it returns, and raises every partition''s epoch. What is known already changes nothing. The ends are of the partitions'' incarnations of now; p_incarnations, those at the request, are not read.';

CREATE OR REPLACE FUNCTION pleat.skip(
  p_topic text, p_partition integer, p_to bigint, p_reason text, p_end bigint DEFAULT NULL
) RETURNS SETOF pleat.partitions
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '10s' AS $$
DECLARE
  v_old pleat.partitions;
  v_incarnation integer;
  v_erasure uuid;
  v_person record;
  v_was_awaited boolean;
BEGIN
  IF p_to < 0 THEN
    RAISE EXCEPTION 'an offset is not negative: %', p_to USING ERRCODE = 'PL002';
  END IF;
  -- In the order of begin_erasure.
  PERFORM pg_advisory_xact_lock(7813870561498363);
  PERFORM FROM pleat.erasures e WHERE e.position IS NULL ORDER BY e.id FOR UPDATE;
  SELECT * INTO v_old FROM pleat.partitions p WHERE p.topic = p_topic AND p.partition = p_partition FOR UPDATE;
  IF NOT FOUND THEN
    -- Of a partition that its topic has no more nothing is waited for: the first start did, or an erasure does.
    IF p_end = 0 THEN
      UPDATE pleat.first_ends f SET end_offset = 0 WHERE f.topic = p_topic AND f.partition = p_partition;
      v_was_awaited := FOUND;
      UPDATE pleat.erasure_ends n SET end_offset = 0 FROM pleat.erasures e
        WHERE e.id = n.erasure AND e.position IS NULL AND n.topic = p_topic AND n.partition = p_partition;
      IF v_was_awaited OR FOUND THEN
        RETURN;
      END IF;
    END IF;
    RAISE EXCEPTION 'no partition %/% has been read yet', p_topic, p_partition USING ERRCODE = 'PL002';
  END IF;
  v_incarnation := v_old.incarnation + CASE WHEN p_to <= v_old.next_offset THEN 1 ELSE 0 END;
  INSERT INTO pleat.skips (
    topic, partition, from_offset, to_offset, from_incarnation, incarnation, state, state_reason, reason, decided_by)
  VALUES (
    p_topic, p_partition, v_old.next_offset, p_to, v_old.incarnation, v_incarnation, v_old.state, v_old.reason, p_reason, session_user);
  -- Of a topic made anew, or truncated, an end that it does not have is not waited for.
  UPDATE pleat.first_ends f SET end_offset = p_end
    WHERE f.topic = p_topic AND f.partition = p_partition AND f.end_offset > p_end;
  UPDATE pleat.erasure_ends n SET incarnation = v_incarnation, end_offset = least(n.end_offset, p_end)
    FROM pleat.erasures e
    WHERE e.id = n.erasure AND e.position IS NULL AND n.topic = p_topic AND n.partition = p_partition;
  -- Whoever was forgotten before, and may be read again, is forgotten there again: by the hash, and nothing else is searched.
  IF v_incarnation > v_old.incarnation THEN
    FOR v_person IN
      SELECT e.person, least(max(n.end_offset), p_end) AS end_offset
      FROM pleat.erasure_ends n JOIN pleat.erasures e ON e.id = n.erasure
      WHERE n.topic = p_topic AND n.partition = p_partition AND e.position IS NOT NULL
      GROUP BY e.person HAVING least(max(n.end_offset), p_end) > p_to ORDER BY e.person
    LOOP
      SELECT e.id INTO v_erasure FROM pleat.erasures e WHERE e.person = v_person.person AND e.position IS NULL;
      IF NOT FOUND THEN
        INSERT INTO pleat.erasures (id, person, requested_at, search_until)
        VALUES (gen_random_uuid(), v_person.person, clock_timestamp(), 0) RETURNING id INTO v_erasure;
      END IF;
      INSERT INTO pleat.erasure_ends AS n (erasure, topic, partition, incarnation, end_offset)
        VALUES (v_erasure, p_topic, p_partition, v_incarnation, v_person.end_offset)
        ON CONFLICT (erasure, topic, partition) DO UPDATE SET end_offset = greatest(n.end_offset, excluded.end_offset);
    END LOOP;
  END IF;
  RETURN QUERY
    UPDATE pleat.partitions p
      SET epoch = p.epoch + 1, next_offset = p_to, incarnation = v_incarnation,
          state = 'running', reason = NULL, cluster_id = NULL, journaled_offset = NULL, journaled_digest = NULL,
          checked_offset = NULL, checked_digest = NULL, bad_records = '', updated_at = clock_timestamp()
      WHERE p.topic = p_topic AND p.partition = p_partition
      RETURNING p.*;
END $$;
COMMENT ON FUNCTION pleat.skip IS
  'The decision to go on at an offset, in a partition that ends at p_end (NULL: not known). To the cursor or before it, it begins a new incarnation; what is known of the old records is forgotten, and who was forgotten before is forgotten in what is read again. Returns nothing for a partition that was never read and holds nothing (p_end 0), which is not waited for any more.';
