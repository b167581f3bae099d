-- A table of dead letters is written anew once after an erasure has emptied one of them, and not with every erasure from then on.

ALTER TABLE pleat.dead_letters ADD scrubbed boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN pleat.dead_letters.scrubbed IS 'False from an erasure until the table was written anew.';
UPDATE pleat.dead_letters SET scrubbed = false WHERE erased_at IS NOT NULL;

CREATE OR REPLACE FUNCTION pleat.erase_letters(
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
        path = CASE WHEN d.id = ANY (p_pathless) THEN NULL ELSE d.path END, erased_at = clock_timestamp(), scrubbed = false
    WHERE d.id = ANY (p_ids);
END $$;
