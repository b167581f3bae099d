-- What is read again is erased again: the ends of erasures follow a partition into its next incarnation; a partition that a topic made
-- anew does not have is not waited for.

ALTER TABLE pleat.erasures
  ADD key_digest bytea,
  ADD is_again boolean NOT NULL DEFAULT false,
  ADD was_met boolean NOT NULL DEFAULT false;
UPDATE pleat.erasures SET key_digest = (SELECT sha256(s.hash_key) FROM pleat.secrets s);
COMMENT ON COLUMN pleat.erasures.key_digest IS 'SHA-256 of the key behind the hash.';
COMMENT ON COLUMN pleat.erasures.is_again IS
  'Begun by a skip, of somebody who was forgotten before: nothing is searched, and no event follows where what is read again has nothing of them.';
COMMENT ON COLUMN pleat.erasures.was_met IS 'Of one begun by a skip: something of the person was read.';

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
    INSERT INTO pleat.erasures (id, person, requested_at, search_until, key_digest)
      SELECT p_id, p_person, p_requested_at, 0, sha256(s.hash_key) FROM pleat.secrets s;
    v_id := p_id;
    v_changed := true;
  END IF;
  -- What a skip has begun is searched for like any other from now on.
  UPDATE pleat.erasures e SET is_again = false WHERE e.id = v_id AND e.is_again;
  v_changed := v_changed OR FOUND;
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
        INSERT INTO pleat.skips (
          topic, partition, from_offset, to_offset, from_incarnation, incarnation, state, reason, decided_by)
        VALUES (p_topic, p_partition, 0, p_to, 0, 0, 'never read', p_reason, session_user);
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
    INSERT INTO pleat.erasures (id, person, requested_at, search_until, key_digest, is_again)
      SELECT gen_random_uuid(), e.person, clock_timestamp(), 0, k.digest, true
      FROM pleat.erasure_ends n JOIN pleat.erasures e ON e.id = n.erasure
        CROSS JOIN (SELECT sha256(s.hash_key) AS digest FROM pleat.secrets s) k
      WHERE n.topic = p_topic AND n.partition = p_partition AND e.position IS NOT NULL
        AND e.key_digest = k.digest
      GROUP BY e.person, k.digest HAVING least(max(n.end_offset), p_end) > p_to
      ORDER BY e.person
      ON CONFLICT (person) WHERE position IS NULL DO NOTHING;
    INSERT INTO pleat.erasure_ends AS n (erasure, topic, partition, incarnation, end_offset)
      SELECT o.id, p_topic, p_partition, v_incarnation, least(max(n.end_offset), p_end)
      FROM pleat.erasures o JOIN pleat.erasures e ON e.person = o.person AND e.position IS NOT NULL
        JOIN pleat.erasure_ends n ON n.erasure = e.id AND n.topic = p_topic AND n.partition = p_partition
      WHERE o.position IS NULL AND e.key_digest = o.key_digest
      GROUP BY o.id HAVING least(max(n.end_offset), p_end) > p_to
      ON CONFLICT (erasure, topic, partition) DO UPDATE SET end_offset = greatest(n.end_offset, excluded.end_offset);
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

CREATE FUNCTION pleat.note_met(p_erasure uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.erasures e SET was_met = true WHERE e.id = p_erasure AND e.position IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the erasure % is not open', p_erasure USING ERRCODE = 'PL001';
  END IF;
END $$;
COMMENT ON FUNCTION pleat.note_met IS 'Before something of the person is journaled of an erasure that a skip has begun: its event follows.';

CREATE FUNCTION pleat.forgotten_ahead(p_topic text, p_partition integer, OUT again bigint, OUT strangers bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT count(DISTINCT e.person) FILTER (WHERE e.position IS NULL),
         count(DISTINCT e.person) FILTER (WHERE e.position IS NOT NULL AND e.key_digest <> sha256(s.hash_key))
  FROM pleat.erasure_ends n JOIN pleat.erasures e ON e.id = n.erasure
    JOIN pleat.partitions p ON p.topic = n.topic AND p.partition = n.partition
    CROSS JOIN pleat.secrets s
  WHERE n.topic = p_topic AND n.partition = p_partition AND n.end_offset > p.next_offset;
END;
COMMENT ON FUNCTION pleat.forgotten_ahead IS
  'How many people are to be erased in what a partition still has to read; and how many were forgotten there under another key, and are not.';

CREATE OR REPLACE FUNCTION pleat.append_erasure(
  p_erasure uuid, p_is_requester boolean, p_listed bytea, p_time timestamptz, p_payload bytea, p_payload_digest bytea,
  p_identities bytea, p_identities_digest bytea
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_erasure pleat.erasures;
  v_position bigint;
BEGIN
  SELECT * INTO v_erasure FROM pleat.erasures e WHERE e.id = p_erasure FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no erasure %', p_erasure USING ERRCODE = 'PL003';
  ELSIF v_erasure.position IS NOT NULL THEN
    RETURN v_erasure.position;
  ELSIF v_erasure.searched_to < v_erasure.search_until OR v_erasure.letters_to < v_erasure.letters_until
    OR EXISTS (SELECT FROM pleat.erasure_ends_left(p_erasure))
    OR (v_erasure.busy_until > clock_timestamp() AND NOT p_is_requester)
    OR p_time > (SELECT h.greatest_time FROM pleat.journal_head h)
  THEN
    RAISE EXCEPTION 'the erasure % is not done yet', p_erasure USING ERRCODE = 'PL001';
  END IF;
  -- Somebody else who erases the same person, or another, may have rewritten more since.
  IF p_listed IS DISTINCT FROM (
    SELECT sha256(coalesce(
      string_agg(int8send(e.first_position) || e.payload_digest || e.identities_digest, '' ORDER BY e.first_position), ''))
    FROM pleat.erasure_segments s JOIN pleat.erased_segments e USING (first_position)
    WHERE s.erasure = p_erasure)
  THEN
    RAISE EXCEPTION 'the erasure % has rewritten other segments than its event lists', p_erasure USING ERRCODE = 'PL001';
  END IF;
  IF (SELECT h.position FROM pleat.journal_head h) = 0 OR (v_erasure.is_again AND NOT v_erasure.was_met) THEN
    v_position := 0;
  ELSE
    SELECT a.at_position INTO STRICT v_position
    FROM pleat.append_segment(
      '', 0, 0, 1, v_erasure.number, v_erasure.number + 1, p_time, p_time, p_payload, p_payload_digest, p_identities,
      p_identities_digest) a;
  END IF;
  DELETE FROM pleat.erasure_segments s WHERE s.erasure = p_erasure;
  UPDATE pleat.erasures e SET position = v_position WHERE e.id = p_erasure;
  RETURN v_position;
END $$;
COMMENT ON FUNCTION pleat.append_erasure IS
  'Appends an erasure''s event once journal and dead letters are rewritten and every end reached, if it lists what is rewritten (else PL001), and returns its position; 0 where there is nothing to take anybody out of, as where a skip had begun it and nobody was met. p_listed is the SHA-256 of each listed segment''s first position (8 bytes, big-endian) and both digests, in order.';

REVOKE EXECUTE ON FUNCTION pleat.note_met, pleat.forgotten_ahead FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pleat.note_met TO pleat_writer;
GRANT EXECUTE ON FUNCTION pleat.forgotten_ahead TO pleat_writer, pleat_operator;
