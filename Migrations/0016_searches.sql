-- Who knows an erasure's id looks at everything, also where somebody searched who had only its hash; letters that came with an erasure
-- known do not wait for it; and retention reads each table of versions once.

CREATE OR REPLACE FUNCTION pleat.rewrite_segments(
  p_erasure uuid, p_searched_to bigint, p_busy_seconds integer, p_positions bigint[], p_old_digests bytea[], p_payloads bytea[],
  p_payload_digests bytea[], p_identities bytea[], p_identities_digests bytea[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_old pleat.journal;
  i integer;
BEGIN
  UPDATE pleat.erasures e
    SET searched_to = CASE WHEN p_busy_seconds > 0 AND e.busy_until = '-infinity' THEN p_searched_to
                           ELSE greatest(e.searched_to, p_searched_to) END,
        letters_to = CASE WHEN p_busy_seconds > 0 AND e.busy_until = '-infinity' THEN 0 ELSE e.letters_to END,
        busy_until = CASE WHEN p_busy_seconds > 0 THEN clock_timestamp() + make_interval(secs => p_busy_seconds) ELSE e.busy_until END
    WHERE e.id = p_erasure AND e.position IS NULL AND (p_busy_seconds >= 0 OR e.busy_until = '-infinity');
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the erasure % is not open, or somebody knows its id', p_erasure USING ERRCODE = 'PL001';
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
  'Puts rewritten segments in the place of those that were read (by their payload''s digest), for an open erasure. The chain stays as it is. p_busy_seconds says who does it: above 0 somebody who knows the id, and whose first call counts nothing that was searched before; below 0 somebody who has the hash alone, and is refused (PL001) once one who knows the id was at it.';

CREATE OR REPLACE FUNCTION pleat.erase_letters(
  p_erasure uuid, p_searched_to bigint, p_busy_seconds integer, p_ids bigint[], p_keyless bigint[], p_pathless bigint[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.erasures e
    SET letters_to = greatest(e.letters_to, p_searched_to),
        busy_until = CASE WHEN p_busy_seconds > 0 THEN clock_timestamp() + make_interval(secs => p_busy_seconds) ELSE e.busy_until END
    WHERE e.id = p_erasure AND e.position IS NULL AND (p_busy_seconds >= 0 OR e.busy_until = '-infinity');
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the erasure % is not open, or somebody knows its id', p_erasure USING ERRCODE = 'PL001';
  END IF;
  UPDATE pleat.dead_letters d
    SET value = NULL, header_names = '{}', header_values = '{}', key = CASE WHEN d.id = ANY (p_keyless) THEN NULL ELSE d.key END,
        path = CASE WHEN d.id = ANY (p_pathless) THEN NULL ELSE d.path END, erased_at = clock_timestamp()
    WHERE d.id = ANY (p_ids);
END $$;

CREATE OR REPLACE FUNCTION pleat.finish_retry(
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
  -- Letters behind those that were there when it began came with it known.
  IF EXISTS (
    SELECT FROM pleat.erasures e WHERE e.position IS NULL AND e.letters_to < least(p_letter, e.letters_until)
      OR e.position IS NULL AND e.letters_to < p_letter AND e.busy_until > clock_timestamp()
  ) THEN
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

DROP FUNCTION pleat.delete_versions(integer);
CREATE FUNCTION pleat.delete_versions(p_table text, p_from_block bigint, p_blocks integer) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_table record;
  v_deleted bigint;
BEGIN
  SELECT t.table_name, t.projection, string_agg(format('n.%1$I = v.%1$I', a.attname), ' AND ') AS same_key INTO STRICT v_table
  FROM pleat.projection_tables t
    JOIN pg_class c ON c.oid = to_regclass(format('pleat.%I', t.table_name))
    JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey::smallint[]) AND a.attname <> 'position'
  WHERE t.table_name = p_table
  GROUP BY t.table_name, t.projection;
  -- A version is needed by the first kept turn at or behind it, unless its key has a newer one up to there.
  EXECUTE format(
    'DELETE FROM pleat.%1$I v
     USING (
       SELECT o.generation, o.position, o.kept, min(o.position) FILTER (WHERE o.kept) OVER (
         PARTITION BY o.generation ORDER BY o.position ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_kept
       FROM pleat.turns o WHERE o.projection = $1) t
     WHERE v.ctid >= $2 AND v.ctid < $3 AND v.generation = t.generation AND v.position = t.position AND NOT t.kept
       AND EXISTS (
         SELECT FROM pleat.%1$I n WHERE %2$s AND n.position > v.position AND n.position <= t.next_kept)',
    v_table.table_name, v_table.same_key)
    USING v_table.projection, format('(%s,0)', p_from_block)::tid, format('(%s,0)', p_from_block + p_blocks)::tid;
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted;
END $$;
COMMENT ON FUNCTION pleat.delete_versions IS
  'Deletes the versions that no kept turn needs, of so many 8 kB blocks of a table; returns how many. A table is read once from its beginning to its end.';
REVOKE EXECUTE ON FUNCTION pleat.delete_versions FROM PUBLIC;
