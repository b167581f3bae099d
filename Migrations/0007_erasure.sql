-- Erasure of people, and dead letters tried again.
--
-- The only functions that change what stands in the journal, or take out of it. An erasure is begun with the end that every input
-- partition had; the segments before are rewritten, ingest puts the hash into what it still reads below those ends, and once all are
-- reached the erasure's event is appended. Runs as pleat_owner.

CREATE TABLE pleat.erasures (
  id           uuid PRIMARY KEY,
  number       bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  person       bigint NOT NULL,
  requested_at timestamptz NOT NULL,
  search_until bigint NOT NULL,
  searched_to  bigint NOT NULL DEFAULT 0,
  letters_until bigint NOT NULL DEFAULT 0,
  letters_to   bigint NOT NULL DEFAULT 0,
  busy_until   timestamptz NOT NULL DEFAULT '-infinity',
  position     bigint,
  also         uuid[] NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX erasures_open ON pleat.erasures (person) WHERE position IS NULL;
COMMENT ON TABLE pleat.erasures IS 'Erasures of people. Nothing here holds an id.';
COMMENT ON COLUMN pleat.erasures.id IS 'Also in the cursor topic''s record, which tells a database that went back what it has forgotten.';
COMMENT ON COLUMN pleat.erasures.number IS 'The offset of the erasure''s own segment.';
COMMENT ON COLUMN pleat.erasures.person IS 'Keyed hash of the user_id, in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.erasures.search_until IS 'The journal''s last position at the beginning: what comes behind it was ingested with the erasure known.';
COMMENT ON COLUMN pleat.erasures.searched_to IS 'The journal is rewritten up to this position.';
COMMENT ON COLUMN pleat.erasures.letters_until IS 'The last dead letter at the beginning: later ones came with the erasure known.';
COMMENT ON COLUMN pleat.erasures.letters_to IS 'Dead letters are searched up to this id.';
COMMENT ON COLUMN pleat.erasures.busy_until IS 'Somebody who knows the id is at work, and will append the event.';
COMMENT ON COLUMN pleat.erasures.position IS 'Of the erasure''s event; NULL before it.';
COMMENT ON COLUMN pleat.erasures.also IS
  'Ids of requests that have extended it: what the cursor topic names by one of these is known, and not begun again.';

CREATE TABLE pleat.erasure_ends (
  erasure     uuid NOT NULL REFERENCES pleat.erasures ON DELETE CASCADE,
  topic       text COLLATE "C" NOT NULL,
  partition   integer NOT NULL,
  incarnation integer NOT NULL,
  end_offset  bigint NOT NULL,
  PRIMARY KEY (erasure, topic, partition)
);
COMMENT ON TABLE pleat.erasure_ends IS 'Where the input ended when the erasure was asked for: the person''s records before are erased, later ones count anew.';

ALTER TABLE pleat.erased_segments ADD scrubbed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN pleat.erased_segments.scrubbed IS 'The table was written anew since: the old bytes are out of its file.';

CREATE TABLE pleat.erasure_segments (
  erasure           uuid NOT NULL REFERENCES pleat.erasures ON DELETE CASCADE,
  first_position    bigint NOT NULL,
  PRIMARY KEY (erasure, first_position)
);
COMMENT ON TABLE pleat.erasure_segments IS 'What an erasure has rewritten, until its event lists it.';

ALTER TABLE pleat.kept_identities ADD scrubbed boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN pleat.kept_identities.scrubbed IS 'False from an erasure until the table was written anew.';

-- Functions: inside ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION pleat.append_segment(
  p_topic text, p_partition integer, p_incarnation integer, p_count integer, p_first_offset bigint, p_next_offset bigint,
  p_least_time timestamptz, p_greatest_time timestamptz, p_payload bytea, p_payload_digest bytea, p_identities bytea,
  p_identities_digest bytea
) RETURNS TABLE (at_position bigint, chain_after bytea)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_head pleat.journal_head;
BEGIN
  SELECT * INTO STRICT v_head FROM pleat.journal_head FOR UPDATE;
  PERFORM pleat.add_journal_partitions(v_head.position + p_count);
  v_head.appended_at := greatest(v_head.appended_at, clock_timestamp());
  v_head.greatest_time := greatest(v_head.greatest_time, p_greatest_time);
  at_position := v_head.position + 1;
  chain_after := pleat.chain_value(
    v_head.chain, at_position, p_count, p_topic, p_partition, p_incarnation, p_first_offset, p_next_offset, p_least_time,
    p_greatest_time, v_head.greatest_time, v_head.appended_at, p_payload_digest, p_identities_digest);
  INSERT INTO pleat.journal (
    first_position, event_count, topic, partition, incarnation, first_offset, next_offset, least_time, greatest_time,
    greatest_so_far, appended_at, payload, payload_digest, identities, identities_digest, chain)
  VALUES (
    at_position, p_count, p_topic, p_partition, p_incarnation, p_first_offset, p_next_offset, p_least_time, p_greatest_time,
    v_head.greatest_time, v_head.appended_at, p_payload, p_payload_digest, p_identities, p_identities_digest, chain_after);
  UPDATE pleat.journal_head
    SET position = v_head.position + p_count, chain = chain_after, greatest_time = v_head.greatest_time,
        appended_at = v_head.appended_at;
  PERFORM pg_notify('pleat_journal', (v_head.position + p_count)::text);
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION pleat.append_segment IS 'Appends one segment that no flush of ingest brings.';

CREATE FUNCTION pleat.erasure_ends_left(p_erasure uuid)
RETURNS TABLE (topic text, partition integer, at_offset bigint, end_offset bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT e.topic, e.partition, coalesce(p.next_offset, 0), e.end_offset
  FROM pleat.erasure_ends e LEFT JOIN pleat.partitions p ON p.topic = e.topic AND p.partition = e.partition
  WHERE e.erasure = p_erasure AND e.end_offset > 0
    AND NOT coalesce(p.incarnation > e.incarnation OR (p.incarnation = e.incarnation AND p.next_offset >= e.end_offset), false)
  ORDER BY e.topic, e.partition;
END;
COMMENT ON FUNCTION pleat.erasure_ends_left IS 'The partitions that ingest has not read to where they ended when the erasure was asked for.';

-- Functions: the writer's and the operator's ---------------------------------------------------------------------------------

CREATE FUNCTION pleat.begin_erasure(
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
      SELECT v_id, n.topic, n.partition, n.incarnation, n.end_offset
      FROM unnest(p_topics, p_partitions, p_incarnations, p_ends) n (topic, partition, incarnation, end_offset)
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
  'Begins an erasure, or extends the open one of this person, whose id it returns, and raises every partition''s epoch. What is known already changes nothing.';

CREATE FUNCTION pleat.rewrite_segments(
  p_erasure uuid, p_searched_to bigint, p_busy_seconds integer, p_positions bigint[], p_old_digests bytea[], p_payloads bytea[],
  p_payload_digests bytea[], p_identities bytea[], p_identities_digests bytea[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_old pleat.journal;
  i integer;
BEGIN
  UPDATE pleat.erasures e
    SET searched_to = greatest(e.searched_to, p_searched_to),
        busy_until = CASE WHEN p_busy_seconds > 0 THEN clock_timestamp() + make_interval(secs => p_busy_seconds) ELSE e.busy_until END
    WHERE e.id = p_erasure AND e.position IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the erasure % is not open', p_erasure USING ERRCODE = 'PL001';
  END IF;
  FOR i IN 1 .. cardinality(p_positions) LOOP
    IF sha256(p_payloads[i]) <> p_payload_digests[i] OR sha256(p_identities[i]) <> p_identities_digests[i] THEN
      RAISE EXCEPTION 'the digests of the segment at % are of something else', p_positions[i] USING ERRCODE = 'PL003';
    END IF;
    SELECT * INTO v_old FROM pleat.journal s WHERE s.first_position = p_positions[i] FOR UPDATE;
    IF v_old.payload_digest IS DISTINCT FROM p_old_digests[i] THEN
      RAISE EXCEPTION 'the segment at % is not what was read', p_positions[i] USING ERRCODE = 'PL001';
    END IF;
    INSERT INTO pleat.erased_segments AS e (
      first_position, chained_payload_digest, chained_identities_digest, payload_digest, identities_digest)
    VALUES (p_positions[i], v_old.payload_digest, v_old.identities_digest, p_payload_digests[i], p_identities_digests[i])
    ON CONFLICT (first_position) DO UPDATE
      SET payload_digest = excluded.payload_digest, identities_digest = excluded.identities_digest, scrubbed = false;
    INSERT INTO pleat.erasure_segments (erasure, first_position) VALUES (p_erasure, p_positions[i]) ON CONFLICT DO NOTHING;
    UPDATE pleat.journal s
      SET payload = p_payloads[i], payload_digest = p_payload_digests[i], identities = p_identities[i],
          identities_digest = p_identities_digests[i]
      WHERE s.first_position = p_positions[i];
  END LOOP;
END $$;
COMMENT ON FUNCTION pleat.rewrite_segments IS
  'Puts rewritten segments in the place of those that were read (by their payload''s digest), for an open erasure. The chain stays as it is.';

CREATE FUNCTION pleat.erase_kept_identities(
  p_erasure uuid, p_busy_seconds integer, p_positions bigint[], p_identities bytea[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.erasures e
    SET busy_until = CASE WHEN p_busy_seconds > 0 THEN clock_timestamp() + make_interval(secs => p_busy_seconds) ELSE e.busy_until END
    WHERE e.id = p_erasure AND e.position IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the erasure % is not open', p_erasure USING ERRCODE = 'PL001';
  END IF;
  UPDATE pleat.kept_identities k SET identities = n.identities, scrubbed = false
    FROM unnest(p_positions, p_identities) n (first_position, identities) WHERE k.first_position = n.first_position;
END $$;
COMMENT ON FUNCTION pleat.erase_kept_identities IS 'Puts digests in the place of identities that retention has kept and that hold the id.';

CREATE FUNCTION pleat.erase_letters(
  p_erasure uuid, p_searched_to bigint, p_busy_seconds integer, p_ids bigint[], p_keyless bigint[], p_pathless bigint[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.erasures e
    SET letters_to = greatest(e.letters_to, p_searched_to),
        busy_until = CASE WHEN p_busy_seconds > 0 THEN clock_timestamp() + make_interval(secs => p_busy_seconds) ELSE e.busy_until END
    WHERE e.id = p_erasure AND e.position IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the erasure % is not open', p_erasure USING ERRCODE = 'PL001';
  END IF;
  UPDATE pleat.dead_letters d
    SET value = NULL, header_names = '{}', header_values = '{}', key = CASE WHEN d.id = ANY (p_keyless) THEN NULL ELSE d.key END,
        path = CASE WHEN d.id = ANY (p_pathless) THEN NULL ELSE d.path END, erased_at = clock_timestamp()
    WHERE d.id = ANY (p_ids);
END $$;
COMMENT ON FUNCTION pleat.erase_letters IS 'Takes value and headers out of dead letters, and key and path where they hold the id.';

CREATE FUNCTION pleat.append_erasure(
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
  IF (SELECT h.position FROM pleat.journal_head h) = 0 THEN
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
  'Appends an erasure''s event once journal and dead letters are rewritten and every end reached, if it lists what is rewritten (else PL001), and returns its position; 0 where there is nothing to take anybody out of. p_listed is the SHA-256 of each listed segment''s first position (8 bytes, big-endian) and both digests, in order.';

CREATE FUNCTION pleat.begin_retry(p_topic text, p_partition integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE pleat.partitions p SET epoch = p.epoch + 1 WHERE p.topic = p_topic AND p.partition = p_partition RETURNING p.epoch;
END;
COMMENT ON FUNCTION pleat.begin_retry IS
  'Raises a partition''s epoch, and returns it: who tries letters again then knows all that is journaled from it, until ingest takes it over.';

CREATE FUNCTION pleat.finish_retry(
  p_letter bigint, p_epoch bigint, p_is_duplicate boolean, p_least_time timestamptz, p_payload bytea, p_payload_digest bytea,
  p_identities bytea, p_identities_digest bytea
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_letter pleat.dead_letters;
  v_position bigint;
BEGIN
  SELECT * INTO v_letter FROM pleat.dead_letters d WHERE d.id = p_letter;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the dead letter % is gone', p_letter USING ERRCODE = 'PL001';
  END IF;
  UPDATE pleat.partitions p
    SET dead_letters = greatest(p.dead_letters - 1, 0),
        duplicates = p.duplicates + p_is_duplicate::integer, updated_at = clock_timestamp()
    WHERE p.topic = v_letter.topic AND p.partition = v_letter.partition AND p.epoch = p_epoch;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the epoch of %/% is not % any more', v_letter.topic, v_letter.partition, p_epoch USING ERRCODE = 'PL001';
  END IF;
  -- An erasure that begins from here on waits for the partition's row, and then finds what is journaled now.
  IF EXISTS (SELECT FROM pleat.erasures e WHERE e.position IS NULL AND e.letters_to < p_letter) THEN
    RAISE EXCEPTION 'an erasure has not looked at the dead letter % yet', p_letter USING ERRCODE = 'PL001';
  END IF;
  DELETE FROM pleat.dead_letters d WHERE d.id = p_letter AND d.erased_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the dead letter % is gone', p_letter USING ERRCODE = 'PL001';
  END IF;
  IF NOT p_is_duplicate THEN
    SELECT a.at_position INTO STRICT v_position
    FROM pleat.append_segment(
      v_letter.topic, v_letter.partition, v_letter.incarnation, 1, v_letter.record_offset, v_letter.record_offset + 1,
      p_least_time, p_least_time, p_payload, p_payload_digest, p_identities, p_identities_digest) a;
  END IF;
  RETURN v_position;
END $$;
COMMENT ON FUNCTION pleat.finish_retry IS
  'Journals what a dead letter held, at the letter''s coordinates, or counts it as a duplicate, and deletes the letter, if the partition''s epoch is still that of begin_retry and no open erasure has yet to look at it (else PL001). Returns the position.';

-- Grants ---------------------------------------------------------------------------------------------------------------------

REVOKE EXECUTE ON FUNCTION
  pleat.append_segment, pleat.erasure_ends_left, pleat.begin_erasure, pleat.rewrite_segments, pleat.erase_letters,
  pleat.erase_kept_identities, pleat.append_erasure, pleat.begin_retry, pleat.finish_retry
  FROM PUBLIC;
GRANT SELECT ON pleat.erasures, pleat.erasure_ends, pleat.erased_segments, pleat.erasure_segments TO pleat_writer, pleat_operator;
GRANT EXECUTE ON FUNCTION pleat.erasure_ends_left TO pleat_writer, pleat_operator;
-- A database that went back is erased again by the daemon before it reads on. What it may rewrite is bound to an open erasure,
-- and listed by an event of the chain.
GRANT EXECUTE ON FUNCTION
  pleat.begin_erasure, pleat.rewrite_segments, pleat.erase_letters, pleat.erase_kept_identities, pleat.append_erasure,
  pleat.begin_retry, pleat.finish_retry
  TO pleat_writer;
